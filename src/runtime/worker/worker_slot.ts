/** A place for a worker, and for the one that takes its place when it dies. */

import { sleep } from "../../net/timers/sleep.ts";
import type { Log } from "../../observe/log/log.ts";
import type {
  BindOutcome,
  ListenPlan,
  Report,
  SupervisorCalls,
  ThreadPlan,
  ThreadStart,
} from "./thread_calls.ts";
import { amountOf } from "../control/amount.ts";
import type { ThreadSlot } from "../control/threads.ts";
import { ThreadEndedError, WorkerThread } from "./worker_thread.ts";

/** How long until a worker that has died is replaced, in milliseconds: at first, and at most after several deaths. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;
/** A worker that lived for so long, in milliseconds, did not die of its start. */
const HEALTHY_AFTER = 60_000;

export interface WorkerSlotOptions {
  readonly log: Log;
  readonly supervisor: SupervisorCalls;
  readonly onReports: (reports: readonly Report[]) => void;
  /** What a worker begins with. */
  readonly start: () => ThreadStart;
  /**
   * A worker has died: settles its accounts, and tells how many connections were lost with it. Called once more before
   * another worker takes its number, as what it was doing when it was ended may come to its end only then.
   */
  readonly settle: () => number;
  /** The plan as it would be now: endpoints come and go, and certificates are renewed. */
  readonly refreshed: () => ThreadPlan;
  /** Another worker has begun. */
  readonly onReplaced: (thread: WorkerThread) => void;
}

export class WorkerSlot implements ThreadSlot {
  readonly number: number;
  readonly #options: WorkerSlotOptions;
  readonly #retired = new AbortController();
  #thread: WorkerThread;
  /** It does what it should: others can ask it. */
  #isSeated = true;
  /** The one that has bound what is to be committed. */
  #prepared: WorkerThread | undefined;
  #work: { readonly listeners: readonly ListenPlan[]; readonly plan: ThreadPlan } | undefined;
  #startedAt = performance.now();
  #pause = 0;

  constructor(number: number, options: WorkerSlotOptions) {
    this.number = number;
    this.#options = options;
    this.#thread = this.#begin();
  }

  get thread(): WorkerThread | undefined {
    return this.#isSeated ? this.#thread : undefined;
  }

  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> | undefined {
    this.#prepared = this.thread;
    return this.#prepared?.prepare(listeners);
  }

  async commit(listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<void> {
    this.#work = { listeners, plan };
    const { thread } = this;
    if (thread === undefined) return;
    try {
      if (thread === this.#prepared) return await thread.commit(plan);
      // A replacement started meanwhile has bound the previous plan, and later commands must not be undone.
      if (!await this.#prepareAnew(thread, listeners)) return;
      await thread.commit({ ...this.#options.refreshed(), listeners: plan.listeners });
    } catch (error) {
      if (error instanceof ThreadEndedError) return;
      // A new worker may succeed where one that keeps the previous plan has failed.
      thread.die(String(error));
      throw error;
    }
  }

  retire(): void {
    this.#retired.abort();
  }

  terminate(): void {
    this.retire();
    this.#thread.terminate();
  }

  #begin(): WorkerThread {
    const { supervisor, onReports, start } = this.#options;
    this.#startedAt = performance.now();
    return new WorkerThread(start(), {
      supervisor,
      onReports,
      onDeath: (reason) => void this.#onDeath(reason),
    });
  }

  async #onDeath(reason: string): Promise<void> {
    const { log, settle } = this.#options;
    this.#isSeated = false;
    const lost = settle();
    if (performance.now() - this.#startedAt > HEALTHY_AFTER) this.#pause = 0;
    this.#lengthenPause();
    const isLast = this.#retired.signal.aborted;
    const next = isLast ? "" : "; starting another one";
    log.error(`Thread ${this.number} has died, with ${amountOf(lost, "connection")}${next}`, {
      event: "thread_died",
      thread: this.number,
      lost,
      detail: reason,
      retry_ms: isLast ? undefined : this.#pause,
    });
    const thread = await this.#beginAgain();
    if (thread !== undefined) await this.#resume(thread);
  }

  /** The next worker, as soon as one can be started; undefined when there must be none. */
  async #beginAgain(): Promise<WorkerThread | undefined> {
    const { log, settle } = this.#options;
    for (;;) {
      await sleep(this.#pause, this.#retired.signal);
      if (this.#retired.signal.aborted) return undefined;
      settle();
      try {
        return this.#thread = this.#begin();
      } catch (error) {
        // The system may have no thread or memory left at the moment.
        this.#lengthenPause();
        log.error(`Cannot start thread ${this.number}, trying again`, {
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

  /** Gives a new worker the work of the one before it. */
  async #resume(thread: WorkerThread): Promise<void> {
    const { log, refreshed, onReplaced } = this.#options;
    try {
      while (this.#work !== undefined) {
        const work = this.#work;
        if (!await this.#prepareAnew(thread, work.listeners)) return;
        if (this.#retired.signal.aborted) return thread.terminate();
        if (work !== this.#work) {
          // A reload came meanwhile.
          await thread.discard();
          continue;
        }
        void thread.commit({ ...refreshed(), listeners: work.plan.listeners }).catch((error) => {
          if (!(error instanceof ThreadEndedError)) thread.die(String(error));
        });
        break;
      }
      this.#isSeated = true;
      onReplaced(thread);
      log.info(`Thread ${this.number} works again`, { event: "thread_started", thread: this.number });
    } catch (error) {
      if (!(error instanceof ThreadEndedError)) thread.die(String(error));
    }
  }

  /** Has it bind what it is to listen on; a worker that cannot dies of it. */
  async #prepareAnew(thread: WorkerThread, listeners: readonly ListenPlan[]): Promise<boolean> {
    const bound = await thread.prepare(listeners);
    if ("refused" in bound) thread.die(bound.refused.message);
    return !("refused" in bound);
  }
}
