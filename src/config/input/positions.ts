/** Finds values of a YAML file in its text. @std/yaml gives no positions; the package yaml gives offsets. */

import { CST, Lexer, Parser } from "yaml";
import type { Position } from "../config_error.ts";
import type { Steps } from "./steps.ts";

type Token = CST.Token;
type Item = CST.CollectionItem;

/** A value and its key. Either may be missing. */
interface Node {
  readonly key: Token | undefined;
  readonly value: Token | undefined;
}

/** What to find at a path: the value or its key. */
export type Fault = "key" | "value";

/** Reads a text, which may be invalid YAML, a few hundred tokens per step. */
export function* positionsOf(text: string): Steps<Positions> {
  const parser = new Parser();
  const documents: Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    documents.push(...parser.next(lexeme));
    if (++count % 256 === 0) yield;
  }
  documents.push(...parser.end());
  return new Positions(text, documents.find((token) => token.type === "document"));
}

export class Positions {
  readonly #text: string;
  readonly #root: Node;
  /** Values with an anchor, in the order of the text. */
  readonly #anchors: { readonly name: string; readonly offset: number; readonly value: Token }[] = [];
  readonly #lineStarts: readonly number[];
  readonly #entries = new Map<Token, readonly Item[]>();
  readonly #pairs = new Map<Token, ReadonlyMap<string, Item>>();
  /** The second of the first two equal keys in a mapping. */
  repeatedKey: Position | undefined;
  /** A bracket or quote that is never closed. */
  withoutEnd: Position | undefined;
  /** The first tab that indents a block. */
  tab: Position | undefined;

  constructor(text: string, document: CST.Document | undefined) {
    this.#text = text;
    this.#lineStarts = [0, ...text.matchAll(/\n/g).map(({ index }) => index + 1)];
    this.#root = { key: undefined, value: document?.value };
    if (document?.value !== undefined) {
      this.#lookAtStart(document.start);
      this.#anchor(document.start, document.value);
      this.#visit(document.value);
    }
  }

  /** Whether a path exists in the text. */
  has(path: readonly (string | number)[]): boolean {
    return this.#find(path).found;
  }

  /** The position of a path, or of its closest existing parent. Undefined in an empty text. */
  find(path: readonly (string | number)[], fault: Fault = "value"): Position | undefined {
    const { node: { key, value }, found } = this.#find(path);
    const isSpread = value === undefined || value.type === "block-map" || value.type === "block-seq";
    const token = key !== undefined && (fault === "key" || isSpread || !found) ? key : value;
    return token && this.#at(token);
  }

  /** The node at a path, or its closest existing parent. */
  #find(path: readonly (string | number)[]): { readonly node: Node; readonly found: boolean } {
    let node = this.#root;
    for (const key of path) {
      const next = this.#child(node.value, key);
      if (next === undefined) return { node, found: false };
      node = next;
    }
    return { node, found: true };
  }

  /** @param seen The mappings already searched for this key: many may merge the same one. */
  #child(collection: Token | undefined, key: string | number, seen = new Set<Token>()): Node | undefined {
    const token = this.#behindAlias(collection);
    if (token === undefined || seen.has(token)) return undefined;
    seen.add(token);
    if (typeof key === "number") {
      const item = this.#entriesOf(token)[key];
      // An entry without a value has only the dash.
      const dash = item?.start.find(({ type }) => type === "seq-item-ind");
      return item && { key: item.value === undefined ? dash : undefined, value: item.value };
    }
    const pairs = this.#pairs.getOrInsertComputed(token, pairsOf);
    const own = pairs.get(key);
    if (own !== undefined) return { key: own.key ?? undefined, value: own.value };
    const merged = pairs.get("<<")?.value;
    const entries = merged === undefined ? [] : this.#entriesOf(merged);
    for (const source of entries.length === 0 ? [merged] : entries.map(({ value }) => value)) {
      const found = this.#child(source, key, seen);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #entriesOf(token: Token): readonly Item[] {
    return this.#entries.getOrInsertComputed(token, entriesOf);
  }

  #behindAlias(token: Token | undefined): Token | undefined {
    let target = token;
    for (let count = 0; target?.type === "alias" && count < MAX_ALIASES; count++) {
      const { source, offset } = target;
      target = this.#anchors.findLast((each) => each.name === source.slice(1) && each.offset < offset)?.value;
    }
    return target;
  }

  #visit(token: Token): void {
    if (isWithoutEnd(token)) this.withoutEnd = this.#at(token); // the innermost: those around it have none either
    if (!("items" in token)) return;
    const keys = new Set<string>();
    for (const item of token.items) {
      const { start, key, sep, value } = item;
      if (token.type !== "flow-collection") {
        this.#lookAtStart(start);
        const isBlock = !value || value.type === "block-map" || value.type === "block-seq";
        if (isBlock) this.#lookAtStart(sep ?? []);
      }
      const name = keyOf(item);
      if (name !== undefined) {
        if (keys.has(name)) this.repeatedKey ??= this.#at(key!);
        keys.add(name);
      }
      if (key) this.#anchor(start, key);
      if (value) this.#anchor(sep ?? start, value);
      if (key) this.#visit(key);
      if (value) this.#visit(value);
    }
  }

  /** Examines the tokens before a value or key of a block: spaces, line ends, anchors. */
  #lookAtStart(tokens: readonly CST.SourceToken[]): void {
    const tab = tokens.find(({ type, source, offset }) => {
      if (type !== "space" || !source.includes("\t")) return false;
      const lineStart = this.#text.lastIndexOf("\n", offset - 1) + 1;
      return offset === 0 || this.#text.slice(lineStart, offset).trim() === "";
    });
    if (tab !== undefined) this.tab ??= { ...this.#at(tab), length: 1 };
  }

  #anchor(before: readonly CST.SourceToken[], value: Token): void {
    const anchor = before.findLast(({ type }) => type === "anchor");
    if (anchor === undefined) return;
    this.#anchors.push({ name: anchor.source.slice(1), offset: anchor.offset, value });
  }

  #at(token: Token): Position {
    const offset = offsetOf(token);
    const line = this.#lineStarts.findLastIndex((start) => start <= offset);
    const source = "source" in token && token.type !== "block-scalar" ? token.source : "";
    return {
      line: line + 1,
      column: offset - this.#lineStarts[line]! + 1,
      length: Math.max(1, source.split(/\r?\n/, 1)[0]!.trimEnd().length),
    };
  }
}

/** The longest chain of aliases that is followed; an alias may refer to itself. */
const MAX_ALIASES = 100;

function entriesOf(token: Token): readonly Item[] {
  if (token.type === "block-seq") {
    return token.items.filter(({ start }) => start.some(({ type }) => type === "seq-item-ind"));
  }
  if (token.type !== "flow-collection" || token.start.type !== "flow-seq-start") return [];
  return token.items.filter(({ key, sep, value }) => key || sep || value);
}

/** The pairs of a mapping by key; the first one of duplicates. */
function pairsOf(token: Token): ReadonlyMap<string, Item> {
  const isMapping = token.type === "block-map" ||
    token.type === "flow-collection" && token.start.type === "flow-map-start";
  const pairs = new Map<string, Item>();
  for (const item of isMapping ? token.items : []) {
    const key = keyOf(item);
    if (key !== undefined && !pairs.has(key)) pairs.set(key, item);
  }
  return pairs;
}

function keyOf({ key }: Item): string | undefined {
  return CST.isScalar(key) ? CST.resolveAsScalar(key, false, () => {})?.value : undefined;
}

function isWithoutEnd(token: Token): boolean {
  if (token.type === "flow-collection") return !token.end.some(({ type }) => /-(map|seq)-end$/.test(type));
  if (token.type !== "double-quoted-scalar" && token.type !== "single-quoted-scalar") return false;
  return token.source.length < 2 || !token.source.endsWith(token.type === "double-quoted-scalar" ? '"' : "'");
}

/** A block scalar begins with its `|`. */
function offsetOf(token: Token): number {
  return token.type === "block-scalar" ? token.props[0]?.offset ?? token.offset : token.offset;
}
