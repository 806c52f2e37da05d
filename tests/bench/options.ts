/** The command line options of the bench. */
import { parseArgs } from "node:util";
import { LOAD_TABLE, type LoadName, LOADS, type TargetName, TARGETS } from "./report/names.ts";
import { UsageError } from "../support/program/command.ts";

export interface Options {
  readonly rounds: number;
  readonly targets: readonly TargetName[];
  readonly loads: readonly LoadName[];
  /** How long one cell (one load on one target in one round) lasts. */
  readonly seconds: number;
  /** The fraction of each load's warm-up to do. */
  readonly warmUpShare: number;
  readonly idleConnections: number;
  /** The numbers of connections at which the load growth measures. */
  readonly growth: readonly Growth[];
  /** How often a program is started for its start-up time, in each round. */
  readonly launches: number;
  readonly assert: boolean;
  /** Where the results go; null = nowhere. */
  readonly out: string | null;
}

/** Connections that the load growth holds. */
export const GROWTH = [10, 100, 1000, 5000] as const;
export type Growth = typeof GROWTH[number];

export const USAGE = `deno task bench [options]
  --rounds N        rounds over everything, in turns (5; 1 with --quick); five take about 25 minutes
  --only a,b        targets: ${TARGETS.join(", ")}
                    (names with spaces in quotes: --only "sluice 2 threads,haproxy 2 threads")
  --loads a,b       loads:
${LOADS.map((load) => `                      ${load.padEnd(12)}${LOAD_TABLE[load]}`).join("\n")}
  --quick           one second a cell and hardly any warm-up: shows that it runs, its figures mean little
  --assert          exit code 1 when a target is missed or was not measured
  --out FILE        where to write the results (tests/bench/results.json; by default
                    --quick, --only and --loads leave that file alone). While the bench runs, what
                    there is so far is in FILE.partial, which stays when it is interrupted.
  --help            this text
SLUICE_BIN=FILE measures an executable instead of "deno run main.ts". What is not installed is left out, and named.
`;

/** Parses the arguments; null means that help was asked for. */
export function parseOptions(args: string[], defaultOut: string): Options | null {
  const { values } = parse(args);
  if (values.help) return null;
  const quick = values.quick ?? false;
  const partial = quick || values.only !== undefined || values.loads !== undefined;
  const rounds = Number(values.rounds ?? (quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError("--rounds takes a number from 1");
  return {
    rounds,
    targets: choose("--only", values.only, TARGETS),
    loads: choose("--loads", values.loads, LOADS),
    // A forking server's CPU time comes in ticks of 10 ms: two and a half seconds keep that below one per cent.
    seconds: quick ? 1 : 2.5,
    warmUpShare: quick ? 0.05 : 1,
    idleConnections: 2000,
    growth: GROWTH,
    launches: quick ? 3 : 10,
    assert: values.assert ?? false,
    out: values.out ?? (partial ? null : defaultOut),
  };
}

function parse(args: string[]) {
  const string = { type: "string" } as const;
  const boolean = { type: "boolean" } as const;
  const options = {
    rounds: string,
    only: string,
    loads: string,
    out: string,
    quick: boolean,
    assert: boolean,
    help: boolean,
  };
  try {
    return parseArgs({ args, options, allowPositionals: false });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function choose<Name extends string>(flag: string, list: string | undefined, known: readonly Name[]): Name[] {
  if (list === undefined) return [...known];
  const asked = list.split(",").map((name) => name.trim());
  const unknown = asked.find((name) => !known.some((each) => each === name));
  if (unknown !== undefined) throw new UsageError(`${flag}: "${unknown}" is none of ${known.join(", ")}`);
  return known.filter((each) => asked.includes(each));
}
