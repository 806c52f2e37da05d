/**
 * Expands aliases and merge keys (`<<`) of YAML. Both are limited, because nine lines of nine aliases each
 * expand to 387 million values.
 */

import { ConfigError } from "../config_error.ts";
import { formatPath } from "./key_path.ts";

/** The most values that aliases may add to the document: enough for 10 000 services that merge 20 keys. */
const MAX_ADDED = 250_000;

/** The most text that aliases may add, in characters. */
const MAX_ADDED_TEXT = 4 * 1024 * 1024;

/** How deep collections may be nested; a configuration needs eight levels. */
const MAX_DEPTH = 64;

/** The size of a value with all its aliases expanded. */
interface Extent {
  readonly values: number;
  readonly characters: number;
}

/**
 * Replaces the merge keys of a parsed document, in place. Collections shared by aliases stay shared.
 *
 * @throws {ConfigError} when aliases expand to too much or refer to a collection that contains them, when
 * collections are nested too deeply, or when a merged value is not a mapping.
 */
export function resolveAliases(document: unknown): void {
  new AliasResolver().extentOf(document);
}

class AliasResolver {
  readonly #path: PropertyKey[] = [];
  /** The collections visited so far, and their sizes. */
  readonly #known = new Map<object, Extent>();
  /** The collections that contain the current value. */
  readonly #around = new Set<object>();
  /** The size that aliases have added so far: a collection counts again each time it is repeated. */
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
    if (this.#around.has(value)) throw this.#problem("Cannot use an alias inside its own anchor");
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

  /** A key of the mapping itself wins, then that of the first merged mapping. */
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
        // An assignment to `__proto__` would set the prototype.
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
        `Cannot use so many aliases: up to here they expand to more than ${MAX_ADDED} values or ` +
          `${MAX_ADDED_TEXT} characters, nest fewer of them`,
      );
    }
  }

  #problem(message: string): ConfigError {
    return new ConfigError([{ path: formatPath(this.#path), message }]);
  }
}

/** The message for too deep nesting. */
export const TOO_DEEP = `Cannot use collections nested so deeply: expected at most ${MAX_DEPTH} levels`;

/** The key whose value is merged. */
const MERGE = "<<";

const WRITABLE = { configurable: true, enumerable: true, writable: true };
