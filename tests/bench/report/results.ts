/** The results file: enough to judge and repeat a run, and nothing that identifies the owner of the machine. */
import { basename } from "node:path";
import type { Findings } from "../bench.ts";
import { COMPARISONS } from "./comparisons.ts";
import { outcomes } from "./goals.ts";
import { STEADY_RATE } from "../load/latency.ts";
import type { TargetName } from "./names.ts";
import type { Options } from "../options.ts";
import { peerSettings } from "../targets/proxies.ts";
import { ARRIVALS_PER_SECOND } from "../load/pool.ts";
import { PROGRAMS, versionOf } from "../targets/programs.ts";
import { type Column, medianOf, ratioOf, type Samples } from "./samples.ts";
import { ROOT } from "../targets/sluice.ts";

/** What stays the same during a run. */
export type Circumstances = Awaited<ReturnType<typeof circumstances>>;

/** Date, machine, versions and settings of a run that starts now. */
export async function circumstances(options: Options, args: readonly string[]) {
  return {
    date: new Date().toISOString(),
    command: ["deno task bench", ...withoutOut(args)].join(" "),
    machine: await machine(),
    versions: await versions(),
    settings: {
      rounds: options.rounds,
      seconds: options.seconds,
      warm_up_share: options.warmUpShare,
      idle_connections: options.idleConnections,
      launches: options.launches,
      clients: 50,
      steady_requests_per_s: STEADY_RATE,
      pool_arrivals_per_s: ARRIVALS_PER_SECOND,
      sluice: Deno.env.get("SLUICE_BIN") ? "executable" : "deno run",
    },
    peers: await peerSettings(),
  };
}

/** The path of the results is not part of them. */
function withoutOut(args: readonly string[]): string[] {
  return args.filter((arg, at) => !arg.startsWith("--out") && args[at - 1] !== "--out");
}

/** Writes the settings and figures of a run, also of one that is not complete yet. */
export async function writeResults(
  path: string,
  circumstances: Circumstances,
  { samples, remarks, rounds }: Findings,
): Promise<void> {
  const results = {
    ...circumstances,
    rounds_completed: rounds,
    remarks,
    goals: outcomes(samples).map((goal) => ({ ...goal, measured: rounded(goal.measured) })),
    medians: perTarget(
      [...samples.keys()],
      columnsOf(samples),
      (target, column) => medianOf(samples, target, column),
    ),
    ...ratios(samples),
    samples: Object.fromEntries([...samples].map(([target, rounds]) => [target, rounds.map(roundedAll)])),
  };
  await Deno.writeTextFile(path, JSON.stringify(results, null, 2) + "\n");
}

/** Every column of every table, in their order, once. */
function columnsOf(samples: Samples): Column[] {
  const columns = new Set(COMPARISONS.flatMap((each) => each.columns));
  return [...columns].filter((column) =>
    [...samples.keys()].some((target) => medianOf(samples, target, column) !== null)
  );
}

/** For each reference, the ratios of the targets compared with it. */
function ratios(samples: Samples) {
  const references = new Set(COMPARISONS.map(({ reference }) => reference));
  return Object.fromEntries([...references].map((reference) => {
    const tables = COMPARISONS.filter((each) => each.reference === reference);
    const targets = new Set(tables.flatMap((each) => each.targets).filter((each) => samples.has(each)));
    const columns = new Set(tables.flatMap((each) => each.columns));
    const cells = perTarget(
      [...targets],
      [...columns],
      (target, column) => ratioOf(samples, target, reference, column),
    );
    return [`ratios_to_${reference.replaceAll(" ", "_")}`, cells];
  }));
}

function perTarget(
  targets: readonly TargetName[],
  columns: readonly Column[],
  figure: (target: TargetName, column: Column) => number | null,
) {
  const rows = targets.map((target) => {
    const cells = columns.map((column) => [column, rounded(figure(target, column))] as const);
    return [target, cells.filter(([, value]) => value !== null)] as const;
  });
  const measured = rows.filter(([, cells]) => cells.length > 0);
  return Object.fromEntries(measured.map(([target, cells]) => [target, Object.fromEntries(cells)]));
}

function roundedAll(sample: Record<string, number>) {
  return Object.fromEntries(Object.entries(sample).map(([column, value]) => [column, rounded(value)]));
}

/** Four digits are more precise than a run on a shared machine is. */
function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(4));
}

async function machine() {
  const cpu = await Deno.readTextFile("/proc/cpuinfo");
  return {
    cpu: /^model name\s*:\s*(.+)$/m.exec(cpu)?.[1] ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memory_gib: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    kernel: `Linux ${Deno.osRelease()}`,
  };
}

async function versions(): Promise<Record<string, string | null>> {
  const others = await Promise.all(
    PROGRAMS.map(async (each) => [basename(each.command), await versionOf(each)] as const),
  );
  return { sluice: await commit(), deno: Deno.version.deno, ...Object.fromEntries(others) };
}

/** The commit that was measured, with a "+" when the files that run differ from it. */
async function commit(): Promise<string | null> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args: ["-C", ROOT, ...args], stderr: "null" })
      .output();
    if (!success) throw new Error("no repository");
    return new TextDecoder().decode(stdout).trim();
  };
  try {
    const changed = await git("status", "--porcelain", "--", "main.ts", "src", "deno.json");
    return await git("rev-parse", "--short", "HEAD") + (changed ? "+" : "");
  } catch {
    return null; // no git, or no repository, here
  }
}
