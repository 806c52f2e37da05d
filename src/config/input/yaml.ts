/** Parses YAML text into a plain document, with errors that give the position and the remedy. */

import { parse } from "@std/yaml/parse";
import { resolveAliases, TOO_DEEP } from "./aliases.ts";
import { ConfigError, type Position, type Problem } from "../config_error.ts";
import { mistakeNear, remedyNear } from "./yaml_mistakes.ts";

/**
 * Parses the text of a configuration file.
 *
 * @throws {ConfigError} when it is not YAML, with its position; `file` is the name for the error.
 */
export function parseYaml(text: string, file?: string): unknown {
  try {
    // The core schema has no merge keys: the parser would copy them without a limit, `resolveAliases` has
    // one.
    const document: unknown = parse(text, { schema: "core" });
    resolveAliases(document);
    return document;
  } catch (cause) {
    if (cause instanceof ConfigError) throw new ConfigError(cause.problems, { file, text });
    throw new ConfigError([problemOf(cause, text)], { file, text, cause });
  }
}

function problemOf(cause: unknown, text: string): Problem {
  if (cause instanceof RangeError) return { path: "", message: TOO_DEEP }; // of the call stack
  const reason = reasonOf(cause);
  const told = positionOf(cause);
  const position = told && inText(told, text);
  if (/duplicated/.test(reason)) {
    const message = "Cannot parse YAML: this key is already in the mapping";
    return { path: "", message, fault: "repeated key", ...position && { position } };
  }
  if (/unexpected end of the stream within/.test(reason)) {
    const message = "Cannot parse YAML: what begins here has no end, a bracket or quote is missing";
    return { path: "", message, fault: "without end", ...position && { position } };
  }
  const mistake = position && mistakeNear(text, position.line);
  if (mistake !== undefined) {
    return { path: "", message: `Cannot parse YAML: ${mistake.message}`, position: mistake.position };
  }
  const remedy = position === undefined ? "" : remedyNear(reason, text, position.line);
  return { path: "", message: `Cannot parse YAML: ${reason}${remedy}`, ...position && { position } };
}

/** The position of an error: in the message of @std/yaml, or in the `mark` of js-yaml. */
function positionOf(error: unknown): Position | undefined {
  const { mark, message } = error as { mark?: { line?: number; column?: number }; message?: string };
  if (mark?.line !== undefined && mark.column !== undefined) {
    return { line: mark.line + 1, column: mark.column + 1, length: 1 };
  }
  const [, line, column] = /at line (\d+), column (-?\d+)/.exec(message ?? "") ?? [];
  if (line === undefined || column === undefined) return undefined;
  // The first versions count the column from the wrong line after a repeated key, and end below 1.
  return { line: Number(line), column: Math.max(1, Number(column)), length: 1 };
}

/** Parsers report different positions if they stop at the end, at a NUL or at an unusual line end. */
function inText({ line, column, length }: Position, text: string): Position {
  const nul = text.indexOf("\0");
  const before = nul < 0 ? undefined : text.slice(0, nul).split("\n");
  if (before !== undefined) return { line: before.length, column: before.at(-1)!.length + 1, length };
  const lines = text.split("\n");
  const within = Math.min(line, lines.length);
  const end = lines[within - 1]!.length + 1;
  return { line: within, column: within < line ? end : Math.min(column, end), length };
}

/** The parser's reason alone: it repeats the position and quotes the line, which may hold a password. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/(?: at line \d+, column -?\d+| \(\d+:\d+\))[^]*$/, "")
    .replace(/^Cannot [^:]*: /, "");
}
