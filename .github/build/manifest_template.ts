/** A manifest of which parts become text that Helm fills in. Comments of the manifest stay. */

import { Document, isMap, isScalar, isSeq, type Pair, Scalar, visit, YAMLMap } from "yaml";

export type Path = readonly (string | number)[];

/** The text in place of lines, for the column where they begin. It has columns of its own from 0 on. */
type Block = (indent: number) => string;

export class ManifestTemplate {
  readonly #document: Document;
  /** What stands in the document while it is YAML, and the text that it becomes. */
  readonly #inline: string[] = [];
  readonly #blocks: Block[] = [];

  constructor(document: Document) {
    this.#document = document;
  }

  /** The value at a path of the manifest. @throws {Error} when there is none */
  get(path: Path): unknown {
    const value = this.#document.getIn(path);
    if (value === undefined) throw new Error(`The manifest has no ${path.join(".")}`);
    return value;
  }

  /** Sets a value to text, as it is. */
  set(path: Path, text: string): void {
    this.get(path);
    this.#document.setIn(path, new Scalar(this.#placeInline(text)));
  }

  /** Sets a key to text, as it is. */
  rename(path: Path, text: string): void {
    this.#pair(path).key = new Scalar(this.#placeInline(text));
  }

  /** Replaces a key with its value, or an item of a list. */
  replace(path: Path, block: Block): void {
    this.get(path);
    if (typeof path.at(-1) === "number") this.#document.setIn(path, this.#placeBlock(block));
    else this.#replacePair(path, block);
  }

  /** Adds lines at the end of a mapping or a list. */
  add(path: Path, block: Block): void {
    const node = path.length === 0 ? this.#document.contents : this.#document.getIn(path);
    if (isMap(node)) node.set(this.#placeBlock(block), null);
    else if (isSeq(node)) node.add(this.#placeBlock(block));
    else throw new Error(`The manifest has no mapping or list ${path.join(".")}`);
  }

  /** Makes a key with its value depend on a condition: "if .Values.a". */
  wrap(path: Path, condition: string): void {
    const alone = new Document(new YAMLMap());
    (alone.contents as YAMLMap).items.push(this.#pair(path));
    const text = stringify(alone).trimEnd();
    this.#replacePair(path, () => `{{- ${condition} }}\n${text}\n{{- end }}`);
  }

  /** Removes a value if there is one, and returns it. */
  // deno-lint-ignore no-explicit-any -- as in the manifest
  remove(path: Path): any {
    const value = this.#document.getIn(path);
    if (value === undefined) return undefined;
    this.#document.deleteIn(path);
    return isMap(value) ? value.toJSON() : value;
  }

  /** Sets every value for which `replacement`, with its key and the keys above it, has another one. */
  replaceScalars(
    replacement: (key: string, value: string, path: readonly string[]) => string | undefined,
  ): void {
    visit(this.#document, {
      Pair: (_, pair, above) => {
        if (!isScalar(pair.value) || typeof pair.value.value !== "string") return;
        const keys = above.flatMap((node) => "key" in node ? [String((node as Pair).key)] : []);
        const text = replacement(String(pair.key), pair.value.value, keys);
        if (text !== undefined) pair.value = new Scalar(this.#placeInline(text));
      },
    });
  }

  text(): string {
    return this.#filledIn(stringify(this.#document), 0);
  }

  #filledIn(yaml: string, indent: number): string {
    return yaml.split("\n").map((line) => {
      const column = indent + line.search(/\S|$/);
      const [, number] = /PLACE_BLOCK_(\d+)_/.exec(line) ?? [];
      if (number !== undefined) return this.#filledIn(this.#blocks[Number(number)]!(column), column);
      const text = line.replaceAll(/PLACE_INLINE_(\d+)_/g, (_, each) => this.#inline[each]!);
      return text === "" ? "" : " ".repeat(indent) + text;
    }).join("\n");
  }

  #placeInline(text: string): string {
    return `PLACE_INLINE_${this.#inline.push(text) - 1}_`;
  }

  #placeBlock(block: Block): string {
    return `PLACE_BLOCK_${this.#blocks.push(block) - 1}_`;
  }

  #replacePair(path: Path, block: Block): void {
    const { items } = this.#document.getIn(path.slice(0, -1)) as YAMLMap;
    const map = path.length === 1 ? (this.#document.contents as YAMLMap).items : items;
    const place = this.#document.createPair(this.#placeBlock(block), null);
    map[map.indexOf(this.#pair(path))] = place;
  }

  #pair(path: Path): Pair {
    const map = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1));
    const pair = isMap(map) ? map.items.find(({ key }) => String(key) === path.at(-1)) : undefined;
    if (pair === undefined) throw new Error(`The manifest has no ${path.join(".")}`);
    return pair;
  }
}

function stringify(document: Document): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
