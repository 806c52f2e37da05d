/**
 * Runs the bench: finds the targets and loads that can run, warms them up, then runs rounds over all of them in turn.
 */
import { available, availableTargets } from "./targets/available.ts";
import { beside } from "./load/beside.ts";
import { type Certificate, makeCertificate } from "./targets/certificate.ts";
import { growth } from "./load/growth.ts";
import { idle } from "./load/idle.ts";
import { Lane } from "./load/lane.ts";
import { latency } from "./load/latency.ts";
import { launch } from "./load/launch.ts";
import type { Load, Trial } from "./load/load.ts";
import { bulk, bulk8, connections, requests } from "./load/loads.ts";
import { LOADS, type TargetName } from "./report/names.ts";
import type { Options } from "./options.ts";
import { pool } from "./load/pool.ts";
import type { Sample, Samples } from "./report/samples.ts";
import { Sink } from "./load/sink.ts";
import type { Processes } from "./processes.ts";
import { TARGET_TABLE } from "./targets/targets.ts";
import { handshakes, tlsBulk } from "./load/tls_loads.ts";

/** What is known so far. */
export interface Findings {
  readonly samples: Samples;
  /** What was left out or failed, and why. */
  readonly remarks: string[];
  /** Rounds that are complete. */
  rounds: number;
}

/** Receives messages about the progress, and the findings after each load of a round. */
export interface Audience {
  progress(line: string): void;
  found(findings: Findings): Promise<void>;
}

/** One load, which drives its targets, or starts them afresh, in turn. */
interface Row {
  readonly name: string;
  readonly cells: readonly Cell[];
}

interface Cell {
  readonly target: TargetName;
  measure(): Promise<Sample>;
}

/** Runs all that the options ask for and this machine can run. */
export async function runBench(
  processes: Processes,
  options: Options,
  audience: Audience,
): Promise<Findings> {
  const remarks: string[] = [];
  const remark = (line: string) => {
    const text = line.replaceAll(`${processes.dir}/`, "");
    remarks.push(text);
    audience.progress(text);
  };
  const targets = await availableTargets(options.targets, remark);
  const findings = {
    samples: new Map(targets.map((target) => [target, [] as Sample[]])),
    remarks,
    rounds: 0,
  };
  using sink = new Sink();
  const lanes = await startLanes(processes, options, targets, sink, audience, remark);
  await warmUp(lanes.flat(), options, audience, remark);
  const rows = await rowsOf(processes, options, targets, lanes, remark);
  for (let round = 0; round < options.rounds; round++) {
    for (const target of targets) findings.samples.get(target)?.push({});
    for (const row of rows) {
      // The runs of different targets should be close in time, so targets are the inner loop. Their order rotates with
      // the rounds, so that none always runs first.
      for (const { target, measure } of turned(row.cells, round)) {
        const place = `round ${round + 1}/${options.rounds}  ${row.name.padEnd(12)}${target.padEnd(23)}`;
        const sample = await attempt(place, remark, measure);
        if (sample === null) continue;
        Object.assign(findings.samples.get(target)?.[round] ?? {}, sample);
        audience.progress(place + show(sample));
      }
      await audience.found(findings);
    }
    findings.rounds++;
    await audience.found(findings);
  }
  return findings;
}

/** Starts the targets. One that cannot start is left out, for instance because it lacks a feature. */
async function startLanes(
  processes: Processes,
  options: Options,
  targets: readonly TargetName[],
  sink: Sink,
  { progress }: Audience,
  remark: (line: string) => void,
): Promise<Lane[][]> {
  const all: Load[] = [
    bulk,
    bulk8,
    requests(),
    latency,
    beside,
    connections,
    tlsBulk(sink),
    handshakes,
    pool,
  ];
  const loads = await available(all, options.loads, remark);
  const certificate: Certificate = loads.some(({ hasTls }) => hasTls)
    ? await makeCertificate(processes)
    : { cert: "", key: "", bundle: "" };
  const lanes: Lane[][] = [];
  for (const load of loads) {
    const upstream = await load.upstream(processes);
    const row: Lane[] = [];
    for (const target of targets.filter((each) => load.targets.includes(each))) {
      const place = `starting ${load.name.padEnd(12)}${target}`;
      progress(place);
      const lane = await attempt(
        place,
        remark,
        () => Lane.start(processes, load, target, upstream, certificate),
      );
      if (lane !== null) row.push(lane);
    }
    lanes.push(row);
  }
  return lanes;
}

async function warmUp(
  lanes: readonly Lane[],
  { warmUpShare }: Options,
  { progress }: Audience,
  remark: (line: string) => void,
): Promise<void> {
  for (const lane of lanes) {
    const place = `warm-up  ${lane.load.name.padEnd(12)}${lane.target}`;
    progress(place);
    await attempt(place, remark, () => lane.warmUp(warmUpShare));
  }
}

/** All that a round measures, in the order of the loads' names. */
async function rowsOf(
  processes: Processes,
  options: Options,
  targets: readonly TargetName[],
  lanes: readonly Lane[][],
  remark: (line: string) => void,
): Promise<Row[]> {
  const driven = lanes.flatMap((row): Row[] => {
    const cells = row.map((lane) => ({ target: lane.target, measure: () => lane.drive(options.seconds) }));
    return row[0] ? [{ name: row[0].load.name, cells }] : [];
  });
  const trials = (await available<Trial>([idle, growth, launch], options.loads, remark)).map((trial): Row => {
    const there = targets.filter((target) => trial.targets.includes(target));
    const cells = there.map((target) => {
      const { start, threadsToWarm } = TARGET_TABLE[target];
      return { target, measure: () => trial.measure(processes, start, options, threadsToWarm > 0) };
    });
    return { name: trial.name, cells };
  });
  const order: readonly string[] = LOADS;
  return [...driven, ...trials].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** A failure empties its own cell of the table, not the others. */
async function attempt<Result>(
  place: string,
  remark: (line: string) => void,
  work: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    remark(`${place.replaceAll(/\s+/g, " ").trim()} skipped: ${why.replaceAll(/\s*\n\s*/g, " / ")}`);
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
