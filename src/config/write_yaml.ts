/** Writes a configuration as YAML, with notes. */

import { Document, isMap, isScalar, isSeq, type Node, Scalar } from "yaml";
import { formatPath } from "./input/key_path.ts";

export interface YamlOptions {
  /** Comments, by the path of what they are about. Each is one line. */
  readonly notes: ReadonlyMap<string, string>;
  /** Paths of texts that hold a variable; in all others, a `$` is written so that it stays one. */
  readonly variables: ReadonlySet<string>;
}

/** Lists of at most this many characters are written on one line. */
const SHORT = 60;

/** The text that gives the document when `sluice` reads it. */
export function writeYaml(document: object, options: YamlOptions): string {
  const yaml = new Document(document, { aliasDuplicateObjects: false });
  layOut(yaml.contents as Node, [], options);
  return yaml.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function layOut(node: Node, path: readonly PropertyKey[], options: YamlOptions): void {
  const where = formatPath(path);
  const note = options.notes.get(where);
  if (isScalar(node)) {
    if (typeof node.value === "string" && !options.variables.has(where)) {
      node.value = node.value.replaceAll("$", "$$$$");
    }
    if (typeof node.value === "string" && node.value.includes("\n")) node.type = Scalar.QUOTE_DOUBLE;
    if (note !== undefined) node.comment = ` ${note}`;
    return;
  }
  if (note !== undefined) node.commentBefore = ` ${note}`;
  if (isMap(node)) {
    for (const { key, value } of node.items as { key: Scalar; value: Node }[]) {
      layOut(value, [...path, key.value as string], options);
      key.spaceBefore = path.length === 0 && key !== node.items[0]?.key && !(isScalar(value));
    }
  }
  if (!isSeq(node)) return;
  for (const [index, entry] of node.items.entries()) {
    layOut(entry as Node, [...path, index], options);
    (entry as Node).spaceBefore = path.length === 1 && index > 0;
  }
  const entries = node.items.filter(isScalar);
  const isPlain = entries.length === node.items.length &&
    entries.every(({ comment }) => comment === undefined);
  node.flow = isPlain && entries.map(({ value }) => value).join(", ").length <= SHORT;
}
