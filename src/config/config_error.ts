/** The one error that a bad configuration ends in, and the problems it lists. */

import { isSecretPath, parsePath } from "./input/key_path.ts";
import { amountOf } from "./values/amount.ts";

/**
 * A part of one line of a file.
 *
 * @example The text that a position is of
 * ```ts
 * import type { Position } from "@sluice/sluice";
 *
 * const { line, column, length }: Position = { line: 2, column: 9, length: 2 };
 * const text = "services:\n- name: db\n";
 * console.log(text.split("\n")[line - 1]!.slice(column - 1, column - 1 + length)); // db
 * ```
 */
export interface Position {
  /** The line, from 1. */
  readonly line: number;
  /** The column, from 1. */
  readonly column: number;
  /** Characters, on that line. */
  readonly length: number;
}

/**
 * One thing that is wrong with a configuration.
 *
 * @example Print problems in a form of your own
 * ```ts
 * import type { Problem } from "@sluice/sluice";
 *
 * function line({ path, message, position }: Problem): string {
 *   return `${position?.line ?? "-"} ${path}: ${message}`;
 * }
 * console.log(line({ path: "services[0].name", message: "Expected a name" }));
 * ```
 */
export interface Problem {
  /** Where: `services[2].listen[0]`; empty for the file as a whole. */
  readonly path: string;
  /** What, in one line. */
  readonly message: string;
  /** The part at fault: the value by default. YAML syntax errors have no path. */
  readonly fault?: "key" | "repeated key" | "without end";
  /** The path to use if `path` is not in the file: some values can be written in two places. */
  readonly otherwise?: string;
  /** The position, if the configuration was read from a text. */
  readonly position?: Position;
}

/** The source of a configuration. */
export interface ConfigErrorOptions {
  /** How the message begins; "Cannot use the configuration" when left out. */
  readonly verdict?: string;
  readonly file?: string | undefined;
  /** The text of the file; messages contain only the values at fault. */
  readonly text?: string | undefined;
  readonly cause?: unknown;
}

/** Text after the key of a token is secret, whatever it looks like, also in a comment or in broken YAML. */
const TOKEN = /((?:token|hmac_?key)["']?\s*[:=]\s*)(?!\s|$).*$/i;

/** A line that only begins a value. */
const OPEN_TOKEN = /(?:token|hmac_?key)["']?\s*:\s*(?:[|>][-+\d]*)?\s*(?:#.*)?$/i;

/** Part of a PEM key or certificate, or of similar long opaque text. */
const ENCODED = /-----BEGIN|[A-Za-z0-9+/=_-]{40,}/;

/** The most problems that a message lists; `problems` contains all of them. */
const MAX_LISTED = 50;

/**
 * A configuration that cannot be used. `problems` has everything that is wrong with it, never just the first.
 *
 * @example List what is wrong
 * ```ts
 * import assert from "node:assert/strict";
 * import { ConfigError, startProxy } from "@sluice/sluice";
 *
 * const start = () => startProxy({ services: [{ name: "db", listen: 0, upstream: "no port" }] });
 * await assert.rejects(start, (error: unknown) => {
 *   assert.ok(error instanceof ConfigError);
 *   assert.deepEqual(error.problems.map(({ path }) => path), ["services[0].upstream"]);
 *   return true;
 * });
 * ```
 */
export class ConfigError extends Error {
  /** The name of the class. */
  override readonly name = "ConfigError";
  /** Everything that is wrong, in the order of the document. */
  readonly problems: readonly Problem[];
  /** The file the configuration was read from, when it was one. */
  readonly file: string | undefined;
  readonly #text: string | undefined;

  /** An error for `problems`, at least one, of the configuration that `options` name. */
  constructor(problems: readonly Problem[], options: ConfigErrorOptions = {}) {
    const { verdict = "Cannot use the configuration", file, text } = options;
    const lines = problems.map(onOneLine);
    const details = linesOf(lines, file).map((line) => `\n  ${line}`).join("");
    const subject = `${verdict}${file === undefined ? "" : ` "${escapeControls(file)}"`}`;
    super(`${subject}:${details}`, "cause" in options ? { cause: options.cause } : {});
    this.problems = lines;
    this.file = file;
    this.#text = text;
  }

  /** The problems with their places, in one line. */
  get summary(): string {
    return this.lines.join("; ");
  }

  /** The first problems, each with its position in the file, and the number of further ones. */
  get lines(): string[] {
    return linesOf(this.problems, this.file);
  }

  /** The line of a problem, with secrets removed; undefined when it must not be shown. */
  lineOf({ path, position }: Problem): string | undefined {
    if (position === undefined || isSecretPath(parsePath(path))) return undefined;
    return this.#text === undefined ? undefined : maskSecrets(this.#text, position.line);
  }
}

/** Formats a problem as the line `path: message`, or just the message when it concerns the whole file. */
export function formatProblem(problem: Problem): string {
  return problem.path === "" ? problem.message : `${problem.path}: ${problem.message}`;
}

function linesOf(problems: readonly Problem[], file: string | undefined): string[] {
  const lines = problems.slice(0, MAX_LISTED).map((problem) => {
    const { position } = problem;
    const place = position === undefined
      ? ""
      : `${escapeControls(file ?? "")}:${position.line}:${position.column}: `;
    return `${place}${formatProblem(problem)}`;
  });
  const left = problems.length - lines.length;
  return left === 0 ? lines : [...lines, `and ${amountOf(left, "more problem")}`];
}

/** Control characters in a value must not break the one line per problem, or reach a terminal. */
function onOneLine(problem: Problem): Problem {
  return { ...problem, path: escapeControls(problem.path), message: escapeControls(problem.message) };
}

function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/**
 * The line `number` (from 1) of a text with possible secrets removed; undefined when the whole line may be
 * secret.
 */
export function maskSecrets(text: string, number: number): string | undefined {
  const lines = text.split("\n", number);
  const line = lines[number - 1]?.replace(/\r$/, "");
  if (line === undefined || ENCODED.test(line)) return undefined;
  const before = lines.slice(0, -1).findLast((each) => each.trim() !== "");
  if (before !== undefined && OPEN_TOKEN.test(before.replace(/\r$/, ""))) return undefined;
  return line.replace(TOKEN, "$1…");
}
