/** One worker of the supervisor, which is replaced when it dies. */

import { sleep } from "../../net/timers/sleep.ts";
import type { Log } from "../../observe/log/log.ts";
import type {
  BindOutcome,
  ListenPlan,
  ThreadCalls,
  ThreadPlan,
  ThreadStart,
  WorkerSupervisorCalls,
} from "./thread_calls.ts";
import { amountOf } from "../../config/values/amount.ts";
import type { ThreadSlot } from "../control/threads.ts";
import { ThreadEndedError, WorkerThread } from "./worker_thread.ts";

/** Milliseconds before a dead worker is replaced: after its first death, and at most after several. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;
/** A worker that lived for this many milliseconds was healthy; the pause starts over. */
const HEALTHY_AFTER = 60_000;

export interface WorkerSlotOptions {
  readonly log: Log;
  readonly supervisor: WorkerSupervisorCalls;
  readonly start: () => ThreadStart;
  /**
   * Takes the connections of a worker that has died out of all accounts; returns how many there were. Called again
   * before the next worker starts, because Deno lets a terminated worker finish its turn.
   */
  readonly reclaimWorker: () => number;
  /** The current plan: endpoints change and certificates are renewed without a `commit`. */
  readonly refreshed: () => ThreadPlan;
  readonly onReplaced: (thread: ThreadCalls) => void;
}

export class WorkerSlot implements ThreadSlot {
  readonly number: number;
  readonly #options: WorkerSlotOptions;
  readonly #retired = new AbortController();
  #worker: WorkerThread;
  /** False while a worker is being replaced. */
  #isReady = true;
  /** The worker that has bound the addresses of the next `commit`. */
  #prepared: WorkerThread | undefined;
  #work: { readonly listeners: readonly ListenPlan[]; readonly plan: ThreadPlan } | undefined;
  #startedAt = performance.now();
  #pause = 0;
  #restarts = 0;

  constructor(number: number, options: WorkerSlotOptions) {
    this.number = number;
    this.#options = options;
    this.#worker = this.#start();
  }

  get thread(): ThreadCalls | undefined {
    return this.#ready?.calls;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get #ready(): WorkerThread | undefined {
    return this.#isReady ? this.#worker : undefined;
  }

  /** Ends the worker for `reason`, and replaces it unless the slot has retired. */
  restart(reason: string): void {
    this.#ready?.die(reason);
  }

  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> | undefined {
    this.#prepared = this.#ready;
    return this.#prepared?.calls.prepare(listeners);
  }

  async commit(listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<void> {
    this.#work = { listeners, plan };
    const worker = this.#ready;
    if (worker === undefined) return;
    try {
      if (worker === this.#prepared) return await worker.calls.commit(plan);
      // A replacement started meanwhile has bound the previous plan, and later commands must not be undone.
      if (!await this.#rebind(worker, listeners)) return;
      await worker.calls.commit({ ...this.#options.refreshed(), listeners: plan.listeners });
    } catch (error) {
      if (error instanceof ThreadEndedError) return;
      // A new worker may succeed where one that keeps the previous plan has failed.
      worker.die(String(error));
      throw error;
    }
  }

  retire(): void {
    this.#retired.abort();
  }

  terminate(): void {
    this.retire();
    this.#worker.terminate();
  }

  #start(): WorkerThread {
    const { supervisor, start } = this.#options;
    this.#startedAt = performance.now();
    return new WorkerThread(start(), supervisor, (reason) => void this.#onDeath(reason));
  }

  async #onDeath(reason: string): Promise<void> {
    const { log, reclaimWorker } = this.#options;
    this.#isReady = false;
    const lost = reclaimWorker();
    if (performance.now() - this.#startedAt > HEALTHY_AFTER) this.#pause = 0;
    this.#lengthenPause();
    const isLast = this.#retired.signal.aborted;
    const next = isLast ? "" : "; restarting it";
    log.error(`Thread ${this.number} died with ${amountOf(lost, "connection")}${next}`, {
      event: "thread_died",
      thread: this.number,
      lost,
      detail: reason,
      retry_ms: isLast ? undefined : this.#pause,
    });
    const worker = await this.#startAgain();
    if (worker !== undefined) await this.#resume(worker);
  }

  /** Starts the next worker as soon as that works; undefined once the slot has retired. */
  async #startAgain(): Promise<WorkerThread | undefined> {
    const { log, reclaimWorker } = this.#options;
    for (;;) {
      await sleep(this.#pause, this.#retired.signal);
      if (this.#retired.signal.aborted) return undefined;
      reclaimWorker();
      try {
        return this.#worker = this.#start();
      } catch (error) {
        // The system may be out of threads or memory.
        this.#lengthenPause();
        log.error(`Cannot restart thread ${this.number}, trying again`, {
          event: "thread_not_started",
          thread: this.number,
          detail: String(error),
          retry_ms: this.#pause,
        });
      }
    }
  }

  #lengthenPause(): void {
    this.#pause = Math.min(Math.max(this.#pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
  }

  /** Gives a new worker the work of the previous one. */
  async #resume(worker: WorkerThread): Promise<void> {
    const { log, refreshed, onReplaced } = this.#options;
    try {
      while (this.#work !== undefined) {
        const work = this.#work;
        if (!await this.#rebind(worker, work.listeners)) return;
        if (this.#retired.signal.aborted) return worker.terminate();
        if (work !== this.#work) {
          // A reload came meanwhile.
          await worker.calls.discard();
          continue;
        }
        void worker.calls.commit({ ...refreshed(), listeners: work.plan.listeners }).catch((error) => {
          if (!(error instanceof ThreadEndedError)) worker.die(String(error));
        });
        break;
      }
      this.#isReady = true;
      this.#restarts += 1;
      onReplaced(worker.calls);
      log.info(`Thread ${this.number} restarted`, { event: "thread_started", thread: this.number });
    } catch (error) {
      if (!(error instanceof ThreadEndedError)) worker.die(String(error));
    }
  }

  /** Binds the addresses in a worker; one that cannot bind them dies. */
  async #rebind(worker: WorkerThread, listeners: readonly ListenPlan[]): Promise<boolean> {
    const bound = await worker.calls.prepare(listeners);
    if ("refused" in bound) worker.die(bound.refused.message);
    return !("refused" in bound);
  }
}
