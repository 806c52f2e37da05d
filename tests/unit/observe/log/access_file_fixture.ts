/** Shared by the tests of the access log's file. */

import assert from "node:assert/strict";
import type { Fields } from "../../../../src/observe/log/log.ts";

export type LogLine = Record<string, unknown>;

/** A log, its lines so far, and the next line. */
export function capturedLog() {
  const lines: LogLine[] = [];
  let onNext = (_line: LogLine) => {};
  const note = (level: string) => (message: string, fields: Fields = {}) => {
    lines.push({ level, message, ...fields });
    onNext(lines.at(-1)!);
  };
  const next = () => new Promise<LogLine>((resolve) => onNext = resolve);
  return { lines, next, log: { info: note("info"), error: note("error") } };
}

export async function linesOf(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(path);
  assert.ok(text.endsWith("\n"), `The file is empty, or its last line is cut off: ${text.slice(-200)}`);
  return text.slice(0, -1).split("\n");
}

/** The `number` in a line; without one, the line. */
export function numberIn(line: string): number | string {
  const [, number] = /number"?[:=](\d+)/.exec(line) ?? [];
  return number === undefined ? line : Number(number);
}

export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
