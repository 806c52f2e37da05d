/** Checks the descriptors and memory of a program: both must return to their level when it is idle. */

import { setTimeout as pause } from "node:timers/promises";
import { openDescriptors } from "../support/peers/descriptors.ts";
import { growth, lookAt, type Sample } from "../support/program/process_samples.ts";

/** The number of descriptors that vary by themselves: requests to the admin interface, files being read. */
const SLACK = 4;
/** The time limit for descriptors to return, in milliseconds. */
const PATIENCE = 20_000;
/** The pause between looks, in milliseconds. */
const LOOK = 100;
/** Only descriptors that are open for so long count, in milliseconds: dozens of health checks may be under way. */
const LASTING = 1000;
/** The interval between two samples of memory, in milliseconds. */
const EVERY = 2000;
/** The number of samples that show a trend. */
const LEAST_SAMPLES = 120;
/** The growth that is no leak, in megabytes: arenas of malloc, caches, garbage that is not collected yet. */
const NO_GROWTH = 100;

export class Resources implements Disposable {
  readonly #pid: number;
  readonly #idle: () => Promise<number>;
  readonly #samples: Sample[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #base = 0;

  private constructor(pid: number, idle: () => Promise<number>) {
    this.#pid = pid;
    this.#idle = idle;
    this.#timer = setInterval(() => void this.#sample(), EVERY);
  }

  /** @param idle The number of connections that an idle program keeps, as in a pool. */
  static async of(pid: number, idle: () => Promise<number>): Promise<Resources> {
    const resources = new Resources(pid, idle);
    resources.#base = await resources.#besidesIdle();
    return resources;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** What an idle program has not freed; undefined when it has freed everything. */
  async fault(): Promise<string | undefined> {
    let now = this.#base;
    for (const deadline = performance.now() + PATIENCE;;) {
      now = await this.#besidesIdle();
      if (now <= this.#base + SLACK) break;
      if (performance.now() > deadline) {
        return `${now} descriptors are open at rest, pools aside, ${this.#base} were at the beginning`;
      }
      await pause(LOOK);
    }
    if (this.#samples.length < LEAST_SAMPLES) return undefined;
    // Caches and pools fill during the first half.
    const later = this.#samples.slice(Math.floor(this.#samples.length / 2));
    const grown = growth(later.map(({ at, rssMb }) => ({ at, value: rssMb })));
    return grown > NO_GROWTH ? `memory has grown by ${Math.round(grown)} MB in the second half` : undefined;
  }

  /** All descriptors, without those of the pool at the same time. */
  async #besidesIdle(): Promise<number> {
    for (;;) {
      const idle = await this.#idle();
      const before = await descriptorsOf(this.#pid);
      await pause(LASTING);
      const lasting = before.intersection(await descriptorsOf(this.#pid));
      if (await this.#idle() === idle) return lasting.size - idle;
      await pause(LOOK);
    }
  }

  async #sample(): Promise<void> {
    const sample = await lookAt(this.#pid, performance.now() / 1000);
    if (sample !== undefined) this.#samples.push(sample);
  }
}

/** None once the process has ended. */
async function descriptorsOf(pid: number): Promise<Set<string>> {
  try {
    return await openDescriptors(pid);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return new Set();
  }
}
