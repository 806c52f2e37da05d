/** The results file: enough to judge and repeat a run, nothing that says whose machine it was. */
import type { Options } from "./options.ts";
import { ARRIVALS_PER_SECOND } from "./pool.ts";
import { PROGRAMS, versionOf } from "./programs.ts";
import type { Outcome } from "./report.ts";
import { type Column, medianOf, POOL, PROXIES, ratioOf, type Samples } from "./samples.ts";
import { ROOT } from "./sluice.ts";

/** Writes everything there is to know about a run. */
export async function writeResults(
  path: string,
  options: Options,
  samples: Samples,
  goals: Outcome[],
): Promise<void> {
  const results = {
    date: new Date().toISOString(),
    machine: await machine(),
    versions: await versions(),
    settings: {
      rounds: options.rounds,
      seconds: options.seconds,
      warmup_seconds: options.warmupSeconds,
      idle_connections: options.idleConnections,
      clients: 50,
      pool_arrivals_per_s: ARRIVALS_PER_SECOND,
      threads: 1,
      sluice: Deno.env.get("SLUICE_BIN") ? "executable" : "deno run",
    },
    goals: goals.map((goal) => ({ ...goal, measured: rounded(goal.measured) })),
    medians: perTarget(samples, medianOf, [...PROXIES.columns, ...POOL.columns]),
    ratios_to_haproxy: perTarget(samples, ratioOf, PROXIES.columns),
    ratios_to_sluice: perTarget(samples, ratioOf, POOL.columns),
    samples: Object.fromEntries([...samples].map(([target, rounds]) => [target, rounds.map(roundedAll)])),
  };
  await Deno.writeTextFile(path, JSON.stringify(results, null, 2) + "\n");
}

function perTarget(samples: Samples, figure: typeof medianOf, columns: readonly Column[]) {
  const rows = [...samples.keys()].map((target) => {
    const cells = columns.map((column) => [column, rounded(figure(samples, target, column))] as const);
    return [target, cells.filter(([, value]) => value !== null)] as const;
  });
  const measured = rows.filter(([, cells]) => cells.length > 0);
  return Object.fromEntries(measured.map(([target, cells]) => [target, Object.fromEntries(cells)]));
}

function roundedAll(sample: Record<string, number>) {
  return Object.fromEntries(Object.entries(sample).map(([column, value]) => [column, rounded(value)]));
}

/** Four digits are more than a run on a shared machine can tell. */
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
    PROGRAMS.map(async (each) => [each.command, await versionOf(each)] as const),
  );
  return { sluice: await commit(), deno: Deno.version.deno, ...Object.fromEntries(others) };
}

/** The commit that was measured; "+" when what runs differs from it. */
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
