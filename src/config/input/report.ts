/** Collects the problems of one document, in messages that do not reveal the environment. */

import { ConfigError, type Problem } from "../config_error.ts";
import { formatPath, isSecretPath } from "./key_path.ts";
import type { ExpandedDocument } from "./environment.ts";
import { type Spelling, toCamelCase } from "../schema/section.ts";

/** How much of a value a message repeats, in characters. */
const MAX_SHOWN = 100;

/** The problems of one document. Paths are given as in the document and come out in the reader's spelling. */
export class Report {
  readonly warnings: string[] = [];
  readonly #source: ExpandedDocument;
  readonly #spelling: Spelling;
  readonly #problems: Problem[];
  /** Values that failed to expand: problems of their raw text are not reported. */
  readonly #unexpanded: ReadonlySet<string>;
  readonly #missing: Problem[] = [];
  /** Keys that are present, but misspelt. */
  readonly #mistyped = new Set<string>();

  constructor(source: ExpandedDocument, spelling: Spelling) {
    this.#source = source;
    this.#spelling = spelling;
    this.#problems = [...source.problems];
    this.#unexpanded = new Set(source.problems.map((problem) => problem.path));
  }

  add(path: readonly PropertyKey[], message: string): void {
    if (this.#unexpanded.has(formatPath(path))) return;
    this.#problems.push({ path: this.spellPath(path), message });
  }

  /** Reports a deprecated setting, which still works. */
  warn(path: readonly PropertyKey[], message: string): void {
    this.warnings.push(`${this.spellPath(path)}: ${message}`);
  }

  /** Reports that the value at a path is missing. `what` describes the expected value. */
  addMissing(path: readonly PropertyKey[], what: string): void {
    const message = `Missing key "${this.spell(String(path.at(-1)))}": ${what}`;
    this.#missing.push({ path: this.spellPath(path), message });
  }

  /** The key is present but misspelt, so it is not reported as missing too. */
  ignoreMissing(path: readonly PropertyKey[]): void {
    this.#mistyped.add(this.spellPath(path));
  }

  /** Reports a problem with the key at the end of a path. */
  addKey(path: readonly PropertyKey[], message: string): void {
    this.#problems.push({ path: this.spellPath(path), message, fault: "key" });
  }

  /** The value at a path, after expansion; undefined when there is none. */
  valueAt(path: readonly PropertyKey[]): unknown {
    return path.reduce<unknown>((value, key) => {
      return typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined;
    }, this.#source.document);
  }

  /** Whether the value at a path must not be repeated: it came from the environment, or is always secret. */
  isSecret(path: readonly PropertyKey[]): boolean {
    return this.#source.sources.has(formatPath(path)) || isSecretPath(path);
  }

  /** The value at a path for a message: quoted, as `${NAME}` when it came from the environment, or described. */
  show(path: readonly PropertyKey[]): string {
    const value = this.valueAt(path);
    if (isSecretPath(path)) return describeSecret(value);
    const source = this.#source.sources.get(formatPath(path));
    if (source !== undefined) return `${value === "" ? "the empty value" : "the value"} of "${source}"`;
    return showValue(value);
  }

  spell(key: string): string {
    return this.#spelling === "camelCase" ? toCamelCase(key) : key;
  }

  spellPath(path: readonly PropertyKey[]): string {
    return formatPath(path.map((key, index) => {
      // The names of groups are the reader's own words.
      const isName = index === 1 && path[0] === "upstreams";
      return typeof key === "string" && !isName ? this.spell(key) : key;
    }));
  }

  /** @throws {ConfigError} when anything was added. */
  throwIfAny(file: string | undefined): void {
    const missing = this.#missing.filter(({ path }) => !this.#mistyped.has(path));
    const problems = [...this.#problems, ...missing];
    if (problems.length === 0) return;
    // The problems of one service belong together, whichever step found them, and [10] comes after [9].
    const { compare } = new Intl.Collator("en", { numeric: true });
    const sorted = problems.sort((a, b) => compare(a.path, b.path));
    throw new ConfigError(sorted, { file });
  }
}

function showValue(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "string") {
    return `"${value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value}"`;
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value instanceof Date) return "a date";
  if (value instanceof Uint8Array) return "bytes";
  if (typeof value === "object") return "a mapping";
  return typeof value === "function" ? "a function" : String(value);
}

/** What a message may say of a secret: its kind and its length. */
function describeSecret(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "number") return "a number (write it in quotes)";
  return typeof value === "string" ? `a text of ${[...value].length} characters` : "something else";
}
