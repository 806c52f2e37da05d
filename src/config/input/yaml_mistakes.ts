/**
 * The usual mistakes in YAML. A parser notices some of them only lines later, and its message describes its
 * own state.
 */

import type { Position } from "../config_error.ts";
import { configKeys } from "../schema/keys.ts";

export interface Mistake {
  /** The message that replaces the parser's. */
  readonly message: string;
  readonly position: Position;
}

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
    new RegExp(`${START.slice(0, -1)}[\\w-]+:\\s+(?!["'[{|>&*!#])[^#]*?):\\s`),
    'a ":" with a space behind it is in this line twice, write the value in quotes, or one key in each line',
  ],
];

/**
 * Finds the mistake near the line (from 1) where a parser stopped. The message repeats only known keys of the
 * text.
 */
export function mistakeNear(text: string, line: number): Mistake | undefined {
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
export function remedyNear(reason: string, text: string, line: number): string {
  const near = text.split("\n").slice(Math.max(0, line - 2), line).join("\n");
  if (/\[[\da-f.]*:[\da-f:.]*\]:\d/i.test(near)) return ', write an IPv6 address in quotes: "[::1]:5432"';
  if (/[{[,][^"']*\$\{/.test(near)) return ', write a value with "${" in quotes inside { } and [ ]';
  if (/alias/.test(reason) && /\*(?![\w-])/.test(near)) {
    return ', write a value that begins with "*" in quotes';
  }
  return "";
}
