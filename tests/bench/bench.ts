/** The order of things: which targets and loads there are, warm-up, then rounds over all of them in turns. */
import { Echo, measureIdle } from "./idle.ts";
import { bulk, connections, type Load, requests } from "./loads.ts";
import { streamModule } from "./nginx.ts";
import { type Options, PLAIN_TARGETS, type TargetName } from "./options.ts";
import { pool } from "./pool.ts";
import { cpuMs } from "./proc.ts";
import { firstMissing, NGINX } from "./programs.ts";
import type { Sample, Samples } from "./samples.ts";
import type { Stage } from "./stage.ts";
import { type Running, TARGET_TABLE } from "./targets.ts";
import { settled } from "./wait.ts";

type Progress = (line: string) => void;

/** One target under one load. */
interface Lane {
  readonly target: TargetName;
  readonly load: Load;
  readonly running: Running;
}

/** Runs everything asked for that can be run here. */
export async function runBench(stage: Stage, options: Options, progress: Progress): Promise<Samples> {
  const targets = await availableTargets(options, progress);
  const lanes: Lane[][] = [];
  for (const load of await availableLoads(options, progress)) {
    lanes.push(await startLanes(stage, load, targets, progress));
  }
  for (const lane of lanes.flat()) {
    progress(`warm-up  ${lane.load.name.padEnd(12)}${lane.target}`);
    await attempt(progress, () => drive(stage, lane, options.warmupSeconds));
  }
  const idlers = targets.filter((each) => each !== "direct" && PLAIN_TARGETS.includes(each));
  const samples: Samples = new Map(targets.map((target) => [target, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const target of targets) samples.get(target)?.push({});
    const take = async (load: string, target: TargetName, measure: () => Promise<Sample>) => {
      const sample = await attempt(progress, measure);
      Object.assign(samples.get(target)?.[round] ?? {}, sample);
      progress(
        `round ${round + 1}  ${load.padEnd(12)}${target.padEnd(13)}${sample ? show(sample) : "failed"}`,
      );
    };
    // Neighbours in time are what is compared, so targets are the inner loop; their order turns with the
    // rounds, so that none always runs first.
    for (const row of lanes) {
      for (const lane of turned(row, round)) {
        await take(lane.load.name, lane.target, () => drive(stage, lane, options.seconds));
      }
    }
    if (!options.loads.includes("idle")) continue;
    for (const target of turned(idlers, round)) {
      await take("idle", target, () => idle(stage, target, options.idleConnections));
    }
  }
  return samples;
}

/** Every target of the load gets processes of its own for each load, so that their CPU time tells which load it was. */
async function startLanes(
  stage: Stage,
  load: Load,
  targets: TargetName[],
  progress: Progress,
): Promise<Lane[]> {
  const upstream = await load.upstream(stage);
  const lanes: Lane[] = [];
  for (const target of targets.filter((each) => load.targets.includes(each))) {
    progress(`starting ${load.name.padEnd(12)}${target}`);
    lanes.push({ target, load, running: await TARGET_TABLE[target].start(stage, upstream) });
  }
  return lanes;
}

/** Drives the load and takes the proxy's CPU time before and after. */
async function drive(stage: Stage, { load, running }: Lane, seconds: number): Promise<Sample> {
  const { pid, forks, port } = running;
  if (pid === null) return (await load.drive(stage, port, seconds)).sample;
  // A proxy may still be closing the connections of a run, or a forking one its children.
  const cpu = () => settled(() => Promise.resolve(cpuMs(pid, forks)), 0, 50, 2000);
  const before = await cpu();
  const { sample, work } = await load.drive(stage, port, seconds);
  return { ...sample, ...load.cost(await cpu() - before, work) };
}

async function idle(stage: Stage, target: TargetName, count: number): Promise<Sample> {
  using echo = new Echo();
  const running = await TARGET_TABLE[target].start(stage, echo.port);
  try {
    return await measureIdle(running, echo, count);
  } finally {
    await running.stop();
  }
}

async function availableTargets({ targets }: Options, progress: Progress): Promise<TargetName[]> {
  const found: TargetName[] = [];
  for (const target of targets) {
    let missing = await firstMissing(TARGET_TABLE[target].needs);
    if (target === "nginx" && missing === null && await streamModule() === null) missing = NGINX;
    if (missing === null) found.push(target);
    else progress(`${target} skipped: needs ${missing.command}: ${missing.install}`);
  }
  return found;
}

async function availableLoads(options: Options, progress: Progress): Promise<Load[]> {
  const found: Load[] = [];
  for (const load of [bulk, requests(), connections, pool]) {
    if (!options.loads.includes(load.name)) continue;
    const missing = await firstMissing(load.needs);
    if (missing === null) found.push(load);
    else progress(`${load.name} skipped: needs ${missing.command}: ${missing.install}`);
  }
  return found;
}

/** A run that fails costs its own cell of the table, not the others. */
async function attempt(progress: Progress, measure: () => Promise<Sample>): Promise<Sample | null> {
  try {
    return await measure();
  } catch (error) {
    progress(error instanceof Error ? error.message : String(error));
    return null;
  }
}

function turned<T>(list: readonly T[], by: number): T[] {
  const at = by % Math.max(list.length, 1);
  return [...list.slice(at), ...list.slice(0, at)];
}

function show(sample: Sample): string {
  return Object.entries(sample).map(([column, value]) => `${column} ${value.toPrecision(4)}`).join("  ");
}
