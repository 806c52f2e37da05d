/** One target under one load, for the whole bench. */
import type { Certificate } from "../targets/certificate.ts";
import type { Load } from "./load.ts";
import type { TargetName } from "../report/names.ts";
import { CpuClock } from "../proc.ts";
import type { Sample } from "../report/samples.ts";
import type { Processes } from "../processes.ts";
import type { Running } from "../targets/running.ts";
import { TARGET_TABLE } from "../targets/targets.ts";
import { settled } from "../wait.ts";

/** The longest wait for a target that is far slower than the others. */
const WARM_UP_DEADLINE_MS = 40_000;
const WARM_UP_SECONDS = 2;
/** CPU time that a proxy with nothing to do may take in 50 ms. */
const IDLE_MS = 0.5;

export class Lane {
  readonly target: TargetName;
  readonly load: Load;
  readonly #processes: Processes;
  readonly #running: Running;

  private constructor(processes: Processes, load: Load, target: TargetName, running: Running) {
    this.#processes = processes;
    this.load = load;
    this.target = target;
    this.#running = running;
  }

  /** Starts a target for this load alone, so that its CPU time is that of this load. */
  static async start(
    processes: Processes,
    load: Load,
    target: TargetName,
    upstream: number,
    certificate: Certificate,
  ): Promise<Lane> {
    const tls = load.hasTls ? certificate : null;
    return new Lane(processes, load, target, await TARGET_TABLE[target].start(processes, upstream, tls));
  }

  /**
   * Drives the target without measuring: once, or, where code is compiled as it runs, until it has done so much work.
   */
  async warmUp(share: number): Promise<void> {
    const { warmUp, drive } = this.load;
    const wanted = TARGET_TABLE[this.target].threadsToWarm * warmUp.work * share;
    const deadline = performance.now() + WARM_UP_DEADLINE_MS;
    const seconds = wanted === 0 || share < 1 ? 1 : WARM_UP_SECONDS;
    let done = 0;
    do {
      done += (await (warmUp.by ?? drive)(this.#processes, this.#running.port, seconds)).work;
    } while (done < wanted && performance.now() < deadline);
  }

  /** Drives the target, and reads the proxy's CPU time before and after. */
  async drive(seconds: number): Promise<Sample> {
    const { pid, forks, port } = this.#running;
    if (pid === null) return (await this.load.drive(this.#processes, port, seconds)).sample;
    // A proxy may still be closing the connections of a run, or a forking one its children.
    const clock = new CpuClock(pid, forks);
    const cpu = () => settled(() => Promise.resolve(clock.readMs()), IDLE_MS, 50, 2000);
    const before = await cpu();
    const { sample, work } = await this.load.drive(this.#processes, port, seconds);
    return { ...sample, ...this.load.cost(await cpu() - before, work) };
  }
}
