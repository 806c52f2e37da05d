/** Stops a proxy: not ready, not accepting, waiting for open connections, closing the rest. */

import { sleep } from "../../net/timers/sleep.ts";
import { endIdle } from "../../upstream/ending/end_some.ts";
import { amountOf } from "../../config/values/amount.ts";
import type { Supervisor } from "./supervisor.ts";

/** Milliseconds between log lines about the connections that are left. */
const PROGRESS_EVERY = 5000;
/** Milliseconds that threads have for their pending reports. */
const REPORT_WITHIN = 1000;
/** Milliseconds that other threads have to drain when one hangs: the hung thread still gets clients. */
const LONGEST_DRAIN_OF_HUNG = 5000;
/** Milliseconds that a short step may take before the program stops without it. */
const LONGEST_END = 5000;

/**
 * How a proxy is to stop.
 *
 * @example Wait for ten seconds
 * ```ts
 * import { startProxy, type StopOptions } from "@sluice/sluice";
 *
 * const options: StopOptions = { drain: 10_000, cause: "the end of the test" };
 * const proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * await proxy.stop(options);
 * ```
 */
export interface StopOptions {
  /** Milliseconds to wait for open connections; the configuration's `shutdown.drain` when absent. */
  readonly drain?: number;
  /** The cause, for the log. */
  readonly cause?: string;
}

/**
 * How a proxy has stopped.
 *
 * @example Fail when a client was cut off
 * ```ts
 * import assert from "node:assert/strict";
 * import { startProxy, type StopReport } from "@sluice/sluice";
 *
 * const proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * const report: StopReport = await proxy.stop();
 * assert.equal(report.cut, 0);
 * ```
 */
export interface StopReport {
  /** Connections that were still open after the wait, and were closed. */
  readonly cut: number;
  /** The failure, if one caused the stop. */
  readonly failure?: string;
}

/** The other parts of the proxy. */
export interface ShutdownParts {
  /** Prevents reloads; resolves when none is in progress. */
  readonly endChanges: () => Promise<void>;
  /** Closes the rest of the proxy after its connections. */
  readonly close: () => Promise<void>;
  /** Called once, with the milliseconds that connections may still take. */
  readonly onBegin?: (drain: number) => void;
}

export class Shutdown {
  readonly #supervisor: Supervisor;
  readonly #parts: ShutdownParts;
  readonly #report = Promise.withResolvers<StopReport>();
  /** Aborts when the wait is over. */
  readonly #cut = new AbortController();
  #hasBegun = false;
  #failure: string | undefined;

  constructor(supervisor: Supervisor, parts: ShutdownParts) {
    this.#supervisor = supervisor;
    this.#parts = parts;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Resolves when the proxy has stopped. */
  get report(): Promise<StopReport> {
    return this.#report.promise;
  }

  /** Begins; the `drain` of a later call may shorten the wait. */
  begin(
    { drain, cause = "stop", failure }: StopOptions & Pick<StopReport, "failure">,
  ): Promise<StopReport> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#failure = failure;
      const { shutdown } = this.#supervisor.config;
      this.#parts.onBegin?.(drain ?? shutdown.delay + shutdown.drain);
      this.#run(drain, cause).then(this.#report.resolve, this.#report.reject);
    } else if (drain !== undefined) this.#cutAfter(drain);
    return this.#report.promise;
  }

  /** Begins because a thread hangs, unless it has begun. */
  beginWithHung(thread: number): void {
    if (this.#hasBegun) return;
    const failure = `Thread ${thread} does not respond and cannot be ended: restart sluice`;
    const { parts, config } = this.#supervisor;
    parts.log.error(failure, { event: "thread_hung", thread });
    const drain = Math.min(config.shutdown.drain, LONGEST_DRAIN_OF_HUNG);
    void this.begin({ cause: `Thread ${thread} hangs`, drain, failure });
  }

  async #run(drain: number | undefined, cause: string): Promise<StopReport> {
    const supervisor = this.#supervisor;
    const { log, events, threads } = supervisor.parts;
    // A reload under way may be binding listeners.
    await this.#atMost(LONGEST_END, this.#parts.endChanges());
    const { shutdown } = supervisor.config;
    // Events from before the stop come first.
    await this.#atMost(REPORT_WITHIN, threads.all.report());
    events.draining(supervisor.active);
    threads.retire();
    // An explicit wait is the whole wait.
    if (drain === undefined && shutdown.delay > 0) {
      log.info(`${cause}: no longer ready, accepting for another ${shutdown.delay / 1000} s`, {
        event: "stopping_soon",
        signal: cause,
        delay_ms: shutdown.delay,
      });
      await sleep(shutdown.delay, this.#cut.signal);
    }
    const patience = drain ?? shutdown.drain;
    if (patience === 0) this.#cut.abort();
    // A hung thread does not answer.
    const late = sleep(Math.min(patience, LONGEST_END), this.#cut.signal);
    await this.#untilCut(Promise.race([threads.all.drainListeners(), late]));
    await this.#atMost(LONGEST_END, threads.all.closeListeners());
    this.#cutAfter(patience);
    const open = supervisor.active;
    const hint = open === 0 ? "" : `, waiting for ${amountOf(open, "open connection")}`;
    log.info(`${cause}: no longer accepting${hint}`, { event: "stopping", signal: cause, open });
    if (shutdown.drainIdle > 0) {
      void endIdle(threads.all, () => [undefined], shutdown.drainIdle, this.#cut.signal);
    }
    const drained = threads.all.drained();
    const progress = setInterval(() => this.#logProgress(), PROGRESS_EVERY);
    await this.#untilCut(drained);
    clearInterval(progress);
    const cut = supervisor.active;
    this.#cut.abort();
    const ended = threads.all.abortConnections("shutdown").then(() => drained).then(() => threads.finish());
    await this.#atMost(LONGEST_END, ended);
    threads.terminate();
    await this.#atMost(LONGEST_END, this.#parts.close());
    await supervisor.parts.access.close();
    log.info(cut === 0 ? "Stopped" : `Stopped, ${amountOf(cut, "connection")} cut`, {
      event: "stopped",
      cut,
    });
    return this.#failure === undefined ? { cut } : { cut, failure: this.#failure };
  }

  /** Ends the wait after `drain` milliseconds, unless it ends before. */
  #cutAfter(drain: number): void {
    if (drain === 0) this.#cut.abort();
    else void sleep(drain, this.#cut.signal).then(() => this.#cut.abort());
  }

  /** A hung thread never answers. */
  async #atMost(milliseconds: number, ended: Promise<unknown>): Promise<void> {
    const late = new AbortController();
    await Promise.race([ended, sleep(milliseconds, late.signal)]);
    late.abort();
  }

  async #untilCut(ended: Promise<unknown>): Promise<void> {
    const { signal } = this.#cut;
    if (signal.aborted) return;
    const cut = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => cut.resolve(), { once: true });
    await Promise.race([ended, cut.promise]);
  }

  #logProgress(): void {
    const open = this.#supervisor.active;
    this.#supervisor.parts.log.info(`Still waiting for ${amountOf(open, "open connection")}`, {
      event: "draining",
      open,
    });
  }
}
