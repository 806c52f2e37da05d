/** Runs random sequences against services of every kind, in parallel, until the time is over. */

import { Random } from "../support/random.ts";
import type { Failure } from "./failure.ts";
import { Replays } from "./replays.ts";
import { randomSequence, simpler } from "./sequence/commands.ts";
import { SequenceRun } from "./sequence/run.ts";
import { shrink } from "./sequence/shrink.ts";
import { serviceRows } from "./services.ts";
import { Fixture, type Premises, type Target } from "./fixture.ts";

/** The number of sequences in parallel. */
const LANES = 4;
/** The time limit for any step, in milliseconds: the machine may be busy. */
const PATIENCE = 15_000;
/** The time limit for shrinking a failure, in milliseconds. */
const SHRINKING = 60_000;
/** The interval at which everything must come to rest, in milliseconds. */
const EPOCH = 20_000;
const WORKERS = [1, 2] as const;

export interface ModelOptions {
  readonly seed: number;
  readonly only: number | undefined;
  readonly without: readonly string[];
  readonly premises: Premises;
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
  /** Aborts when the user does not want to wait: failures are not shrunk any more. */
  readonly interrupted: AbortSignal;
  readonly print: (line: string) => void;
}

export class Model {
  readonly #options: ModelOptions;
  readonly #fixtures: Fixture[] = [];
  readonly #busy = new Map<Target, Promise<void>>();
  readonly #failed = new Set<Target>();
  readonly failures: Failure[] = [];
  /** Failures that no single sequence has caused. */
  readonly faults: string[] = [];
  #next = 0;
  done = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  /** Resolves when the signal has aborted and running sequences have ended, or at the first failures. */
  async run(): Promise<void> {
    const { seed, premises, only, print } = this.#options;
    const rows = serviceRows(new Random(seed));
    try {
      for (const workers of WORKERS) {
        this.#fixtures.push(await Fixture.start({ premises, workers, rows, number: workers }));
      }
      const targets = this.#fixtures.flatMap((fixture) => fixture.targets);
      print(`${rows.length} services, with 1 and with 2 workers`);
      if (only !== undefined) await this.#runOne(only, targets);
      else while (this.#goesOn) await this.#epoch(targets);
    } finally {
      for (const fixture of this.#fixtures) await fixture[Symbol.asyncDispose]();
    }
    for (const failure of this.failures) await this.#shrink(failure);
  }

  get #goesOn(): boolean {
    return !this.#options.signal.aborted && this.failures.length + this.faults.length === 0;
  }

  /** Runs sequences for a while, then checks that descriptors and memory come back. */
  async #epoch(targets: readonly Target[]): Promise<void> {
    const end = performance.now() + EPOCH;
    const lane = async () => {
      while (this.#goesOn && performance.now() < end) await this.#runOne(this.#next++, targets);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if (this.failures.length > 0) return;
    for (const fixture of this.#fixtures) {
      const fault = await fixture.resources.fault();
      if (fault !== undefined) this.faults.push(`with ${fixture.workers} workers, ${fault}`);
    }
  }

  /** The same number gives the same sequence against the same service, whatever runs beside it. */
  async #runOne(number: number, targets: readonly Target[]): Promise<void> {
    const target = targets[number % targets.length]!;
    while (this.#busy.has(target)) await this.#busy.get(target);
    // The next sequence would find the leftovers again.
    if (this.#failed.has(target)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy.set(target, promise);
    try {
      const random = new Random(this.#options.seed ^ Math.imul(number + 1, 0x9e3779b1));
      const commands = randomSequence(random, target.row)
        .filter(({ op }) => !this.#options.without.includes(op));
      const fault = await new SequenceRun(target, PATIENCE).run(commands);
      this.done += 1;
      if (fault === undefined) return;
      this.#failed.add(target);
      this.#options.print(`sequence ${number} fails: ${fault}`);
      const { row, fixture: { workers } } = target;
      this.failures.push({ number, row, workers, commands, fault, isAlone: false, tries: 0 });
    } finally {
      this.#busy.delete(target);
      resolve();
    }
  }

  async #shrink(failure: Failure): Promise<void> {
    const { premises, print, interrupted } = this.#options;
    await using replays = new Replays(premises, failure.row, failure.workers);
    const deadline = performance.now() + SHRINKING;
    print(`sequence ${failure.number}: looking for the shortest that fails`);
    failure.commands = await shrink(failure.commands, {
      simpler,
      goesOn: () => performance.now() < deadline && !interrupted.aborted,
      fails: async (commands) => {
        const fault = await replays.faultOf(commands);
        failure.tries += 1;
        if (fault === undefined) return false;
        failure.fault = fault;
        failure.isAlone = true;
        return true;
      },
    });
  }
}
