/** Environment variables in the values of a configuration: `${NAME}`, `${NAME:-default}`, `$$` for a `$`. */

import type { Problem } from "../config_error.ts";
import { formatPath, isSecretPath } from "./key_path.ts";
import type { Steps } from "./steps.ts";

/** Gives the value of an environment variable, or undefined when it is not set. */
export type EnvironmentLookup = (name: string) => string | undefined;

/** A document after expansion. */
export interface ExpandedDocument {
  readonly document: unknown;
  /**
   * The text as it was written, by path, of every string that a variable went into. Its value may be a secret:
   * messages show this text instead.
   */
  readonly sources: ReadonlyMap<string, string>;
  /** Variables that are not set, and expressions that cannot be read. */
  readonly problems: readonly Problem[];
}

/** How `${NAME}` and `${NAME:-default}` look, as a regular expression for a JSON Schema. */
export const VARIABLE_PATTERN = "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}";

/**
 * Expands the variables in all string values of a parsed document; keys stay as they are. As in a shell, the
 * default also replaces a variable that is set but empty. A value stays a string, whatever it expands to, and
 * one that cannot be expanded stays unchanged. Each step handles one route or group.
 */
export function* expandEnvironment(document: unknown, lookup: EnvironmentLookup): Steps<ExpandedDocument> {
  const expansion = new Expansion(lookup);
  const { sources, problems } = expansion;
  const { services } = (document ?? {}) as { services?: unknown };
  if (!Array.isArray(services)) return { document: expansion.expand(document, []), sources, problems };
  const expanded = yield* expansion.steps(services, ["services"], ROUTE_DEPTH);
  const others = yield* expansion.steps({ ...document as object, services: [] }, [], GROUP_DEPTH);
  return { document: { ...others as object, services: expanded }, sources, problems };
}

/** Where routes are, in `services`, and groups, in the document. */
const ROUTE_DEPTH = 3;
const GROUP_DEPTH = 2;

class Expansion {
  readonly sources = new Map<string, string>();
  readonly problems: Problem[] = [];
  readonly #lookup: EnvironmentLookup;

  constructor(lookup: EnvironmentLookup) {
    this.#lookup = lookup;
  }

  expand(value: unknown, path: PropertyKey[]): unknown {
    if (typeof value === "string") return value.includes("$") ? this.#expandText(value, path) : value;
    if (!isCollection(value)) return value;
    return Array.isArray(value)
      ? value.map((entry, index) => this.expand(entry, [...path, index]))
      : Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, this.expand(entry, [...path, key])]),
      );
  }

  /** The same in steps: one for each value that is so many mappings and lists deep. */
  *steps(value: unknown, path: PropertyKey[], depth: number): Steps<unknown> {
    if (depth === 0 || !isCollection(value)) {
      yield;
      return this.expand(value, path);
    }
    if (Array.isArray(value)) {
      const entries: unknown[] = [];
      for (const [index, entry] of value.entries()) {
        entries.push(yield* this.steps(entry, [...path, index], depth - 1));
      }
      return entries;
    }
    const entries: [string, unknown][] = [];
    for (const [key, entry] of Object.entries(value)) {
      entries.push([key, yield* this.steps(entry, [...path, key], depth - 1)]);
    }
    return Object.fromEntries(entries);
  }

  #expandText(text: string, path: PropertyKey[]): string {
    const where = formatPath(path);
    let failed = false;
    let usesVariables = false;
    const expanded = text.replace(/\$\$|\$\{[^}]*\}?/g, (expression) => {
      if (expression === "$$") return "$";
      usesVariables = true;
      try {
        return expandVariable(expression, this.#lookup);
      } catch (error) {
        failed = true;
        // What looks like a malformed expression may be part of a secret.
        const shown = isSecretPath(path) ? "this value" : `"${expression}"`;
        this.problems.push({ path: where, message: `Cannot expand ${shown}: ${(error as Error).message}` });
        return expression;
      }
    });
    if (failed) return text;
    if (usesVariables) this.sources.set(where, text);
    return expanded;
  }
}

/** @throws {Error} when it cannot be read, or the variable is not set, has no default or is out of bounds. */
function expandVariable(expression: string, lookup: EnvironmentLookup): string {
  // A default cannot hold another expression: it would end at the first brace, in the middle of it.
  const [, name, fallback] = /^\$\{([A-Za-z_]\w*)(?::-((?:(?!\$\{)[^}])*))?\}$/.exec(expression) ?? [];
  if (name === undefined) {
    throw new SyntaxError("expected ${NAME} or ${NAME:-default}, or $$ for a plain $");
  }
  // Throws when Deno may not read the variable; its message names the flag that allows it.
  const value = lookup(name);
  if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
  if (value !== undefined) return value;
  throw new ReferenceError(`the environment variable is not set, set it or write \${${name}:-default}`);
}

/** Lists and mappings, but not the dates and byte arrays that YAML can also give. */
function isCollection(value: unknown): value is object {
  if (Array.isArray(value)) return true;
  return typeof value === "object" && value !== null && !(value instanceof Date) &&
    !ArrayBuffer.isView(value);
}
