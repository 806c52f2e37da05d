/** Sends log lines, access log lines and events of a worker to the supervisor in batches: the one log is there. */

import type { LogLevel } from "../../config/config.ts";
import type { AccessSink } from "../../observe/log/access_log.ts";
import { EventFeed } from "../../observe/events/event_feed.ts";
import { isLogged, type Log } from "../../observe/log/log.ts";
import { ConnectionSpans } from "../../observe/telemetry/connection_spans.ts";
import type { Reporter } from "./reporter.ts";
import type { Report, WorkerSupervisorCalls } from "./thread_calls.ts";

/** How long a report may wait for a full batch, in milliseconds. */
const LONGEST_WAIT = 10;
/**
 * The supervisor hands a whole batch to the readers of events in one turn. A reader buffers a few hundred events and
 * drops the rest.
 */
const LARGEST_BATCH = 64;

export class WorkerReporter implements Reporter {
  readonly log: Log;
  readonly accessFile: AccessSink;
  readonly events: EventFeed;
  /** Not sent to the supervisor: Deno has one exporter for all threads. */
  readonly spans = ConnectionSpans.ifActive();
  readonly supervisor: WorkerSupervisorCalls;
  #level: LogLevel = "info";
  #reports: Report[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #subscription: Disposable | undefined;

  constructor(supervisor: WorkerSupervisorCalls) {
    this.supervisor = supervisor;
    const logAt = (level: LogLevel): Log["info"] => (message, fields) => {
      if (isLogged(level, this.#level)) this.#report({ kind: "log", level, message, fields });
    };
    this.log = {
      debug: logAt("debug"),
      info: logAt("info"),
      warn: logAt("warn"),
      error: logAt("error"),
      enabled: (level) => isLogged(level, this.#level),
      flush: () => Promise.resolve(this.flush()),
    };
    const accessAt = (level: "info" | "warn"): AccessSink["info"] => (message, fields = {}) =>
      this.#report({ kind: "access", level, message, fields });
    this.accessFile = { info: accessAt("info"), warn: accessAt("warn"), enabled: () => true };
    this.events = new EventFeed((error) =>
      this.log.error("A reader of events failed", { event: "event_reader_failed", detail: String(error) })
    );
  }

  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  setSubscribed(isSubscribed: boolean): void {
    if (isSubscribed) {
      this.#subscription ??= this.events.subscribe((event) => this.#report({ kind: "event", event }));
    } else {
      this.#subscription?.[Symbol.dispose]();
      this.#subscription = undefined;
    }
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#reports.length > 0) this.supervisor.reports(this.#reports);
    this.#reports = [];
  }

  #report(report: Report): void {
    if (this.#reports.push(report) >= LARGEST_BATCH) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), LONGEST_WAIT);
  }
}
