/**
 * What aliases and merge keys (`<<`) of YAML stand for. Both are bounded: nine lines of nine aliases each make 387
 * million values.
 */

import { ConfigError } from "./config_error.ts";
import { formatPath } from "./key_path.ts";

/** The most values that aliases may add to those that are written: enough for 10 000 services that merge 20 keys. */
const MAX_ADDED = 250_000;

/** The most text that they may add, in characters. */
const MAX_ADDED_TEXT = 4 * 1024 * 1024;

/** How deep collections may be in each other; a configuration needs eight levels. */
const MAX_DEPTH = 64;

/** What a value takes once every alias in it is written out. */
interface Extent {
  readonly values: number;
  readonly characters: number;
}

/**
 * Replaces the merge keys of a document that was just parsed, in place. Collections that aliases share stay shared.
 *
 * @throws {ConfigError} when aliases stand for too much or for what they are in, when collections are nested too
 * deeply, or when something is merged that is no mapping.
 */
export function resolveAliases(document: unknown): void {
  new AliasResolver().extentOf(document);
}

class AliasResolver {
  readonly #path: PropertyKey[] = [];
  /** The collections that were looked at, and what they take. */
  readonly #known = new Map<object, Extent>();
  /** Those around the current value. */
  readonly #around = new Set<object>();
  /** What aliases have added so far: all of a collection that is met again. */
  #added = 0;
  #addedText = 0;

  extentOf(value: unknown): Extent {
    if (typeof value === "string") return { values: 1, characters: value.length };
    if (typeof value !== "object" || value === null) return { values: 1, characters: 0 };
    const known = this.#known.get(value);
    if (known !== undefined) {
      this.#add(known);
      return known;
    }
    if (this.#around.has(value)) throw this.#problem("Cannot use an alias inside the value it stands for");
    if (this.#path.length > MAX_DEPTH) throw this.#problem(TOO_DEEP);
    this.#around.add(value);
    const extent = this.#extentOfEntries(value as Record<string, unknown>);
    this.#around.delete(value);
    this.#known.set(value, extent);
    return extent;
  }

  #extentOfEntries(collection: Record<string, unknown>): Extent {
    let values = 1;
    let characters = 0;
    for (const key of Object.keys(collection)) {
      this.#path.push(Array.isArray(collection) ? Number(key) : key);
      const extent = this.extentOf(collection[key]);
      values += extent.values;
      characters += extent.characters;
      this.#path.pop();
    }
    if (!Array.isArray(collection) && Object.hasOwn(collection, MERGE)) this.#merge(collection);
    return { values, characters };
  }

  /** A key of the mapping itself wins, then that of the mapping that is named first. */
  #merge(mapping: Record<string, unknown>): void {
    const merged = mapping[MERGE];
    delete mapping[MERGE];
    this.#path.push(MERGE);
    for (const source of Array.isArray(merged) ? merged : [merged]) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        throw this.#problem('Cannot merge this: expected a mapping such as "*name", or a list of mappings');
      }
      for (const key of Object.keys(source)) {
        if (Object.hasOwn(mapping, key)) continue;
        // Not an assignment, which would make `__proto__` the prototype.
        Object.defineProperty(mapping, key, { ...WRITABLE, value: source[key] });
      }
    }
    this.#path.pop();
  }

  #add({ values, characters }: Extent): void {
    this.#added += values;
    this.#addedText += characters;
    if (this.#added > MAX_ADDED || this.#addedText > MAX_ADDED_TEXT) {
      throw this.#problem(
        `Cannot use so many aliases: up to here they stand for more than ${MAX_ADDED} values or ` +
          `${MAX_ADDED_TEXT} characters, write fewer of them inside each other`,
      );
    }
  }

  #problem(message: string): ConfigError {
    return new ConfigError([{ path: formatPath(this.#path), message }]);
  }
}

/** What is wrong with collections in collections in collections. */
export const TOO_DEEP = `Cannot use collections nested so deeply: expected at most ${MAX_DEPTH} levels`;

/** The key whose value is merged. */
const MERGE = "<<";

const WRITABLE = { configurable: true, enumerable: true, writable: true };
