/** What the command line of the bench may say. */
import { parseArgs } from "node:util";

/** The loads a target is put under. */
export const LOADS = ["bulk", "requests", "connections", "idle", "pool"] as const;
export type LoadName = typeof LOADS[number];

/** Everything compared. */
export const TARGETS = ["direct", "sluice", "sluice+pool", "haproxy", "nginx", "socat"] as const;
export type TargetName = typeof TARGETS[number];

/** What is compared under the load `pool`, and under all others. */
export const POOL_TARGETS: readonly TargetName[] = ["direct", "sluice", "sluice+pool"];
export const PLAIN_TARGETS: readonly TargetName[] = TARGETS.filter((target) => target !== "sluice+pool");

export interface Options {
  readonly rounds: number;
  readonly targets: readonly TargetName[];
  readonly loads: readonly LoadName[];
  /** How long one cell (one load on one target in one round) lasts. */
  readonly seconds: number;
  /** How long each target is warmed up per load, uncounted. */
  readonly warmupSeconds: number;
  readonly idleConnections: number;
  readonly assert: boolean;
  /** Where the results go; null = nowhere. */
  readonly out: string | null;
}

export const USAGE = `deno task bench [options]
  --rounds N        rounds over all targets (3; 1 with --quick)
  --only a,b        targets: ${TARGETS.join(", ")}
  --loads a,b       loads: ${LOADS.join(", ")}
  --quick           one second a cell; too coarse for CPU figures
  --assert          exit code 1 when a goal is missed or was not measured
  --out FILE        where to write the results (tests/bench/results.json; by default
                    --quick, --only and --loads leave that file alone)
  --help            this text
`;

/** A command line that cannot be understood. */
export class UsageError extends Error {}

/** Parses the arguments; null means that help was asked for. */
export function parseOptions(args: string[], defaultOut: string): Options | null {
  const { values } = parse(args);
  if (values.help) return null;
  const quick = values.quick ?? false;
  const partial = quick || values.only !== undefined || values.loads !== undefined;
  const rounds = Number(values.rounds ?? (quick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError("--rounds takes a number from 1");
  return {
    rounds,
    targets: choose("--only", values.only, TARGETS),
    loads: choose("--loads", values.loads, LOADS),
    // A tick of /proc's CPU clock is 10 ms: three seconds keep that below one per cent.
    seconds: quick ? 1 : 3,
    warmupSeconds: quick ? 1 : 2,
    idleConnections: 1000,
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
