/** The command line of the fuzzer. */

import { parseArgs } from "node:util";
import { parseDuration } from "../../src/config/values/duration.ts";
import { LARGEST_SEED, randomSeed, UsageError } from "../support/program/command.ts";

export interface Options {
  /** The length of the run, in milliseconds. */
  readonly duration: number;
  readonly seed: number;
  /** The number of a sequence; all of them unless given. */
  readonly only: number | undefined;
  readonly part: "all" | "model" | "wire";
  /** Steps of the model to omit. */
  readonly without: readonly string[];
}

export const USAGE = `deno task fuzz [options]
  --for 60s       how long it goes on (60s)
  --seed N        what everything is drawn from, 0 to ${LARGEST_SEED}; left out, a new one, which is printed
  --only N        one sequence of the model, by the number that a failure has printed
  --part PART     model: connections and what happens to them; wire: bytes that parsers get; or all (all)
  --without STEPS steps of the model to leave out: burst,kill,reload
  --help          this text
SLUICE_BIN=FILE tests an executable instead of "deno run main.ts". Needs Linux and openssl.
Ctrl-C ends it early, with the verdict so far. The exit code is 1 when anything is wrong.
`;

/** Parses the arguments; null means that help was asked for. @throws {UsageError} */
export function parseOptions(args: string[], newSeed: () => number = randomSeed): Options | null {
  const values = parse(args);
  if (values.help) return null;
  const part = values.part ?? "all";
  if (part !== "all" && part !== "model" && part !== "wire") {
    throw new UsageError(`--part takes all, model or wire, not "${part}"`);
  }
  return {
    duration: durationOf(values.for ?? "60s"),
    seed: values.seed === undefined ? newSeed() : wholeNumber("--seed", values.seed),
    only: values.only === undefined ? undefined : wholeNumber("--only", values.only),
    part,
    without: values.without?.split(",") ?? [],
  };
}

function parse(args: string[]) {
  const option = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      options: {
        for: option,
        seed: option,
        only: option,
        part: option,
        without: option,
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new UsageError(`--for takes a duration such as 60s or 5m, not "${text}"`);
  }
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= LARGEST_SEED) return value;
  throw new UsageError(`${name} takes a whole number from 0 to ${LARGEST_SEED}, not "${text}"`);
}
