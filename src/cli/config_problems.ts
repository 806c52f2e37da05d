/** Shows the problems of a configuration at a terminal: each with its line and a caret under it. */

import type { ConfigError, Problem } from "../config/config_error.ts";
import { printable } from "./format/printable.ts";

/** The part of a long line to show, in characters. */
const WIDTH = 100;

/** The part of a long line to show before the position, in characters. */
const BEFORE = 60;

/** Formats the message of an error with an excerpt for every position. */
export function withPictures(error: ConfigError, colours: boolean): string {
  const [subject = "", ...lines] = error.message.split("\n");
  const paragraphs = lines.map((line, index) => {
    const problem = error.problems[index];
    const picture = problem === undefined ? [] : pictureOf(problem, error, colours);
    return [colours ? inBold(line) : line, ...picture].join("\n");
  });
  // Short lines follow each other; excerpts are separated by blank lines.
  const gap = paragraphs.some((paragraph) => paragraph.includes("\n")) ? "\n\n" : "\n";
  return [subject, ...paragraphs].join(gap);
}

function pictureOf(problem: Problem, error: ConfigError, colours: boolean): string[] {
  const line = error.lineOf(problem);
  if (line === undefined || problem.position === undefined) return [];
  const { line: number, column, length } = problem.position;
  const start = line.length > WIDTH ? Math.max(0, column - 1 - BEFORE) : 0;
  const shown = printable(line.slice(start, start + WIDTH).replaceAll("\t", "→"));
  const before = (start > 0 ? 1 : 0) + column - 1 - start;
  const caret = "^".repeat(Math.max(1, Math.min(length, line.length - column + 1, WIDTH)));
  const gutter = String(number).padStart(5);
  const text = `${start > 0 ? "…" : ""}${shown}${line.length > start + WIDTH ? "…" : ""}`;
  return [
    `${gutter} | ${text}`,
    `${" ".repeat(gutter.length)} | ${" ".repeat(before)}${colours ? `\x1b[31m${caret}\x1b[39m` : caret}`,
  ];
}

/** `place: path: message`, with the message unchanged. */
function inBold(line: string): string {
  const [place] = /^\s*\S+:\d+:\d+:/.exec(line) ?? [];
  return place === undefined ? line : `\x1b[1m${place}\x1b[22m${line.slice(place.length)}`;
}
