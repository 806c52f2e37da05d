/** The command line of the mutation tests. */

import { parseArgs } from "node:util";
import { UsageError } from "../support/program/command.ts";

export interface Options {
  /** Files and folders of the source. */
  readonly paths: readonly string[];
  readonly list: boolean;
  /** Numbers of mutants; all of them unless given. */
  readonly only: ReadonlySet<number> | undefined;
  /** The first and the last line. */
  readonly lines: readonly [number, number] | undefined;
  readonly report: string | undefined;
  /** More tests to run if the unit tests pass. */
  readonly also: readonly string[];
  /** The number of tests to run of those that reach a file, the nearest first. */
  readonly nearest: number;
  readonly jobs: number;
}

export const USAGE = `deno task mutate [FILES] [options]
  FILES           source files or folders (src)
  --list          prints the mutants and runs nothing
  --only 3,17     these mutants, by their numbers in --list
  --lines 90-120  mutants in these lines
  --nearest N     runs the N test files nearest to a file by its imports (all that reach it)
  --also FILES    tests that are run besides, separated by commas: tests/e2e/relay/relay_test.ts
  --jobs N        how many run at the same time (2)
  --report FILE   writes the result as JSON
  --help          this text
Runs tests/unit against copies of the tree, each with one small mistake. The exit code is 1 when a mistake is not
noticed that tests/mutate/equivalent.ts does not have.
`;

/** Parses the arguments; null means that help was asked for. @throws {UsageError} */
export function parseOptions(args: string[]): Options | null {
  const { values, positionals } = parse(args);
  if (values.help) return null;
  return {
    paths: positionals.length > 0 ? positionals.map((path) => path.replace(/\/$/, "")) : ["src"],
    list: values.list ?? false,
    only: values.only === undefined
      ? undefined
      : new Set(values.only.split(",").map((each) => numberOf("--only", each))),
    lines: values.lines === undefined ? undefined : linesOf(values.lines),
    report: values.report,
    also: values.also?.split(",") ?? [],
    nearest: values.nearest === undefined ? Infinity : numberOf("--nearest", values.nearest),
    jobs: values.jobs === undefined ? 2 : numberOf("--jobs", values.jobs),
  };
}

function parse(args: string[]) {
  const option = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        list: flag,
        help: flag,
        only: option,
        lines: option,
        report: option,
        also: option,
        nearest: option,
        jobs: option,
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function linesOf(text: string): [number, number] {
  const [first, last = first] = text.split("-");
  return [numberOf("--lines", first!), numberOf("--lines", last!)];
}

function numberOf(name: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new UsageError(`${name} takes a whole number from 1 on, not "${text}"`);
}
