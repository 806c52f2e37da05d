/** The command line of the soak. */

import { parseArgs } from "node:util";
import { LARGEST_SEED, randomSeed, UsageError } from "../support/program/command.ts";

export interface Options {
  readonly minutes: number;
  readonly seed: number;
  /** Threads of sluice. */
  readonly workers: number;
  /** New connections a second, on average. */
  readonly rate: number;
}

export const USAGE = `deno task soak [options]
  --minutes M     how long the load lasts (10; fractions will do, at least 0.5)
  --workers N     threads of sluice, 1 to 256 (2)
  --rate R        new connections a second, 1 to 1000 (150)
  --seed N        what the load and the changes are drawn from, 0 to ${LARGEST_SEED}; left out, a new one, which is printed
  --help          this text
SLUICE_BIN=FILE tests an executable instead of "deno run main.ts". Needs Linux and openssl.
Ctrl-C ends it early, with the verdict so far. The exit code is 1 when anything is wrong.
`;

/** Parses the arguments; null means that help was asked for. @throws {UsageError} */
export function parseOptions(args: string[], newSeed: () => number = randomSeed): Options | null {
  const values = parse(args);
  if (values.help) return null;
  return {
    minutes: numberOf("--minutes", values.minutes ?? "10", { least: 0.5, most: 10_000 }),
    workers: numberOf("--workers", values.workers ?? "2", { least: 1, most: 256, whole: true }),
    rate: numberOf("--rate", values.rate ?? "150", { least: 1, most: 1000 }),
    seed: values.seed === undefined
      ? newSeed()
      : numberOf("--seed", values.seed, { least: 0, most: LARGEST_SEED, whole: true }),
  };
}

function parse(args: string[]) {
  const option = { type: "string" } as const;
  const options = {
    minutes: option,
    workers: option,
    rate: option,
    seed: option,
    help: { type: "boolean" },
  } as const;
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function numberOf(name: string, text: string, { least, most, whole = false }: {
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
}): number {
  const value = Number(text);
  const isWhole = !whole || Number.isInteger(value);
  if (text.trim() === "" || !(value >= least && value <= most) || !isWhole) {
    throw new UsageError(
      `${name} takes a ${whole ? "whole " : ""}number from ${least} to ${most}, not "${text}"`,
    );
  }
  return value;
}
