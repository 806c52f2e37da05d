/**
 * The lists of addresses and names whose entries are in files, in one thread: services keep them while entries change.
 */

import type { ListEntry } from "../config/config.ts";
import { ServerNameSet } from "../wire/client_hello/server_names.ts";
import { CidrSet, type CidrTables } from "../wire/ip/cidr.ts";

/** A set that texts are looked up in. */
export interface TextSet {
  has(text: string): boolean;
}

export type ListKind = "addresses" | "names";

/** What is in a file. */
export interface ListContent {
  /** Another number when the entries have changed. */
  readonly version: number;
  /** Addresses in tables, or names separated by line ends. */
  readonly entries: CidrTables | string;
}

/** The contents of files, by {@linkcode listKey}. */
export type ListContents = ReadonlyMap<string, ListContent>;

/** A file may have addresses for one list and, if it is empty, names for another. */
export function listKey(kind: ListKind, path: string): string {
  return `${kind} ${path}`;
}

export class FileLists {
  readonly #sets = new Map<string, FileSet>();

  /** Uses these contents from now on, also in lists that are in use. */
  set(contents: ListContents): void {
    for (const [key, content] of contents) {
      const known = this.#sets.get(key);
      if (known === undefined) this.#sets.set(key, new FileSet(content));
      else known.update(content);
    }
  }

  /** Forgets all but these: no service has them any more. */
  keep(contents: ListContents): void {
    for (const key of this.#sets.keys()) if (!contents.has(key)) this.#sets.delete(key);
  }

  /** Addresses, CIDR blocks, and files with these. @throws {SyntaxError} when one is neither. */
  addresses(entries: readonly ListEntry[]): TextSet {
    return this.#withFiles(new CidrSet(textsIn(entries)), "addresses", filesIn(entries));
  }

  /** Server names, patterns, and files with these. @throws {SyntaxError} when one is neither. */
  names(entries: readonly ListEntry[]): TextSet {
    return this.#withFiles(new ServerNameSet(textsIn(entries)), "names", filesIn(entries));
  }

  #withFiles(own: TextSet, kind: ListKind, paths: readonly string[]): TextSet {
    if (paths.length === 0) return own;
    const sets = paths.map((path) => {
      const set = this.#sets.get(listKey(kind, path));
      if (set === undefined) {
        throw new TypeError(`The entries of "${path}" are missing in the plan of a thread`);
      }
      return set;
    });
    return new AnySet([own, ...sets]);
  }
}

function textsIn(entries: readonly ListEntry[]): string[] {
  return entries.filter((entry) => typeof entry === "string");
}

function filesIn(entries: readonly ListEntry[]): string[] {
  return entries.filter((entry) => typeof entry !== "string").map(({ file }) => file);
}

/** The entries of a file, as of its last change. */
class FileSet implements TextSet {
  #version: number;
  #entries: TextSet;

  constructor({ version, entries }: ListContent) {
    this.#version = version;
    this.#entries = setOf(entries);
  }

  update({ version, entries }: ListContent): void {
    if (version === this.#version) return;
    this.#version = version;
    this.#entries = setOf(entries);
  }

  has(text: string): boolean {
    return this.#entries.has(text);
  }
}

function setOf(entries: ListContent["entries"]): TextSet {
  if (typeof entries !== "string") return new CidrSet(entries);
  return new ServerNameSet(entries === "" ? [] : entries.split("\n"));
}

/** The union of several sets. */
class AnySet implements TextSet {
  readonly #sets: readonly TextSet[];

  constructor(sets: readonly TextSet[]) {
    this.#sets = sets;
  }

  has(text: string): boolean {
    for (const set of this.#sets) if (set.has(text)) return true;
    return false;
  }
}
