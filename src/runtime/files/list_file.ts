/** Reads a file of addresses or names: one on each line, and comments after a `#`. */

import { readFault } from "../../files/file_fault.ts";
import { withRemedy } from "../../files/permission_fault.ts";
import { readFile } from "../../files/read_file.ts";
import { inTurns, type Steps } from "../../config/input/steps.ts";
import { amountOf } from "../../config/values/amount.ts";
import { parseServerName } from "../../config/values/server_name.ts";
import type { ListContent, ListKind } from "../../proxy/file_lists.ts";
import { CidrTablesBuilder } from "../../wire/ip/cidr.ts";

/** How many wrong lines are named. */
const MAX_NAMED = 10;
/** After this many, the rest of the file is not read: it is probably no list. */
const MAX_WRONG = 1000;
/** How much of a line a message repeats, in characters. */
const MAX_REPEATED = 100;
/** How many lines are read in one step. */
const STEP = 256;

/** The file cannot be used: one sentence for each problem. */
export class ListFileError extends Error {
  override readonly name = "ListFileError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.problems = problems;
  }
}

/** The entries of a file, and how many they are. */
export interface ListFileEntries extends Pick<ListContent, "entries"> {
  readonly count: number;
}

/**
 * Reads the bytes of a file.
 *
 * @throws {ListFileError}
 */
export async function readListFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ListFileError([`Cannot read "${path}": ${withRemedy(readFault(error))}`]);
  }
}

/**
 * Parses the bytes of a file, in turns with connections.
 *
 * @throws {ListFileError} with every wrong line, up to a number.
 */
export async function parseListFile(
  kind: ListKind,
  path: string,
  bytes: Uint8Array,
): Promise<ListFileEntries> {
  const text = decodeText(path, bytes);
  if (kind === "names") {
    const names = new Set<string>();
    const addName: AddEntry = (text, start, end) => void names.add(parseServerName(text.slice(start, end)));
    const count = await inTurns(parseLines(path, text, addName));
    return { entries: [...names].join("\n"), count };
  }
  const builder = new CidrTablesBuilder();
  const addBlock: AddEntry = (text, start, end) => builder.add(text, start, end);
  const count = await inTurns(parseLines(path, text, addBlock));
  return { entries: builder.build(), count };
}

/** Takes the entry from `start` to `end`. @throws when it is wrong */
type AddEntry = (text: string, start: number, end: number) => void;

/** The text of a file, without a byte order mark. @throws {ListFileError} when it is not UTF-8. */
export function decodeText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ListFileError([`Cannot read "${path}": it is not UTF-8 text, save it with that encoding`]);
  }
}

/** Returns the number of entries. No line is cut out of the text: that took half of the time. */
function* parseLines(path: string, text: string, add: AddEntry): Steps<number> {
  const problems: string[] = [];
  let [count, wrong, number, comment] = [0, 0, 0, -1];
  for (let start = 0, next = 0; start <= text.length; start = next) {
    const lineEnd = indexOrEnd(text, "\n", start);
    next = lineEnd + 1;
    if (++number % STEP === 0) yield;
    if (comment < start) comment = indexOrEnd(text, "#", start);
    let end = Math.min(lineEnd, comment);
    while (start < end && isSpace(text.charCodeAt(start))) start++;
    while (start < end && isSpace(text.charCodeAt(end - 1))) end--;
    if (start === end) continue;
    count += 1;
    try {
      add(text, start, end);
    } catch (error) {
      if (++wrong === MAX_WRONG) break;
      if (wrong <= MAX_NAMED) {
        const message = shorten((error as Error).message, text.slice(start, end));
        problems.push(`${path}:${number}: ${message}`);
      }
    }
  }
  const more = wrong - problems.length;
  if (more > 0) {
    const atLeast = wrong === MAX_WRONG ? "at least " : "";
    problems.push(`${path}: and ${atLeast}${amountOf(more, "more wrong line")}`);
  }
  if (problems.length > 0) throw new ListFileError(problems);
  return count;
}

function indexOrEnd(text: string, what: string, from: number): number {
  const index = text.indexOf(what, from);
  return index < 0 ? text.length : index;
}

/** As `trim` takes it. */
function isSpace(code: number): boolean {
  return code === 32 || code >= 9 && code <= 13 || code > 127 && String.fromCharCode(code).trim() === "";
}

function shorten(message: string, entry: string): string {
  return entry.length > MAX_REPEATED
    ? message.replaceAll(entry, `${entry.slice(0, MAX_REPEATED)}…`).slice(0, 4 * MAX_REPEATED)
    : message;
}
