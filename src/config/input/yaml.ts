/** Parses YAML text into a plain document, with errors that give the position and the remedy. */

import { parse } from "@std/yaml/parse";
import { resolveAliases, TOO_DEEP } from "./aliases.ts";
import { ConfigError, type Position, type Problem } from "../config_error.ts";
import { configKeys } from "../schema/keys.ts";

/** How many lines before the parser's position may contain the mistake. */
const LINES_BEFORE = 2;

/** What may precede the first value of a line. */
const START = String.raw`^(\s*(?:- +)*)`;

/**
 * Patterns of lines that are wrong in any context, and their messages. Group 1 is the text before the fault.
 */
const IN_A_LINE: readonly (readonly [pattern: RegExp, message: string])[] = [
  [
    new RegExp(`${START.slice(0, -1)}(?:[\\w-]+:\\s+)?)[@\`%]`),
    'a value cannot begin with "@", "`" or "%", write quotes around it; an abstract socket is "unix:@name"',
  ],
  [
    new RegExp(`${START.slice(0, -1)}(?:[\\w-]+:\\s+)?)\\{sni\\}:\\d`),
    'a value that begins with "{" is written in quotes, "{sni}:443"',
  ],
  [
    new RegExp(`${START.slice(0, -1)}[\\w-]+:\\s+(?!["'[{|>&*!#])[^#]*?):\\s`),
    'a ":" with a space behind it is in this line twice, write the value in quotes, or one key in each line',
  ],
];

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
  const reported = positionOf(cause);
  const position = reported && inText(reported, text);
  const problem = (why: string) => {
    return { path: "", message: `Cannot parse YAML: ${why}`, ...position && { position } };
  };
  if (/duplicated/.test(reason)) {
    return { ...problem("this key is already in the mapping"), fault: "repeated key" };
  }
  if (/unexpected end of the stream within/.test(reason)) {
    const why = "what begins here has no end, a bracket or quote is missing";
    return { ...problem(why), fault: "without end" };
  }
  const mistake = position && mistakeNear(text, position.line);
  if (mistake !== undefined) return { ...problem(mistake.message), position: mistake.position };
  return problem(reason + (position === undefined ? "" : remedyNear(reason, text, position.line)));
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

/** A mistake, and the message that replaces the parser's. */
type Mistake = Required<Pick<Problem, "message" | "position">>;

/**
 * Finds one of the usual mistakes near the line (from 1) where a parser stopped: it notices some of them only lines
 * later. The message repeats only known keys of the text.
 */
function mistakeNear(text: string, line: number): Mistake | undefined {
  const lines = text.split("\n");
  for (let number = Math.min(line, lines.length); number >= Math.max(1, line - LINES_BEFORE); number--) {
    const mistake = mistakeIn(lines[number - 1]!, number);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}

function mistakeIn(text: string, line: number): Mistake | undefined {
  const [, indent = "", key = ""] = new RegExp(`${START}([a-z_]+):[^\\s/:]`).exec(text) ?? [];
  if (key !== "" && configKeys().has(key)) {
    const position = { line, column: indent.length + 1, length: key.length + 1 };
    return { message: `a space is missing after "${key}:"`, position };
  }
  for (const [pattern, message] of IN_A_LINE) {
    const before = pattern.exec(text)?.[1];
    if (before !== undefined) return { message, position: { line, column: before.length + 1, length: 1 } };
  }
  return undefined;
}

/** How to fix an error that a parser reports at a line. */
function remedyNear(reason: string, text: string, line: number): string {
  const near = text.split("\n").slice(Math.max(0, line - 2), line).join("\n");
  if (/\[[\da-f.]*:[\da-f:.]*\]:\d/i.test(near)) return ', write an IPv6 address in quotes: "[::1]:5432"';
  if (/[^"'$]\{sni\}:\d/.test(near)) return ', write a value that begins with "{" in quotes, "{sni}:443"';
  if (/[{[,][^"']*\$\{/.test(near)) return ', write a value with "${" in quotes inside { } and [ ]';
  if (/alias/.test(reason) && /\*(?![\w-])/.test(near)) {
    return ', write a value that begins with "*" in quotes';
  }
  return "";
}
