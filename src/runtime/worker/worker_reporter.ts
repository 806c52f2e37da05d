/** What a worker has to say, sent to the supervisor in batches: there is one log, and it is there. */

import type { LogLevel } from "../../config/config.ts";
import type { AccessSink } from "../../observe/log/access_log.ts";
import { EventFeed } from "../../observe/events/event_feed.ts";
import { isLogged, type Log } from "../../observe/log/log.ts";
import type { Reporter } from "./relay_thread.ts";
import type { Report, SupervisorCalls } from "./thread_calls.ts";

/** How long a report may wait for others to come with it, in milliseconds. */
const LONGEST_WAIT = 10;
/**
 * How many go together at most. A reader of events has room for a few hundred and loses what is more, however fast it
 * reads: it can take nothing between those that come at once.
 */
const LARGEST_BATCH = 64;

export class WorkerReporter implements Reporter {
  readonly log: Log;
  readonly accessFile: AccessSink;
  readonly events: EventFeed;
  readonly supervisor: SupervisorCalls;
  readonly #send: (reports: readonly Report[]) => void;
  #level: LogLevel = "info";
  #reports: Report[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hearing: Disposable | undefined;

  constructor(supervisor: SupervisorCalls, send: (reports: readonly Report[]) => void) {
    this.supervisor = supervisor;
    this.#send = send;
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

  setSubscribed(isHeard: boolean): void {
    if (isHeard) this.#hearing ??= this.events.subscribe((event) => this.#report({ kind: "event", event }));
    else {
      this.#hearing?.[Symbol.dispose]();
      this.#hearing = undefined;
    }
  }

  /** Sends what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#reports.length > 0) this.#send(this.#reports);
    this.#reports = [];
  }

  #report(report: Report): void {
    if (this.#reports.push(report) >= LARGEST_BATCH) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), LONGEST_WAIT);
  }
}
