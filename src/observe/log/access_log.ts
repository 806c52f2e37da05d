/** The access log: one line for each connection, when it ends. */

import { accessFields, type ConnectionFacts, tenths } from "./access_line.ts";
import type { CloseReason } from "../close_reason.ts";
import type { Fields } from "./line_format.ts";
import type { Log } from "./log.ts";
import { isOnPurpose } from "../../net/errors.ts";
import { LogRateLimiter } from "./log_rate_limiter.ts";

/** The program's log, or a separate file. */
export type AccessSink = Pick<Log, "info" | "warn" | "enabled">;

export interface AccessLogOptions {
  /** The share of connections without an error that are logged, from 0 to 1. */
  readonly sample?: number;
  /** How many threads write lines about the same service; 1 by default. */
  readonly threads?: number;
  /** Chooses them; like `Math.random`. */
  readonly random?: () => number;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

/** The access log of one service. */
export class AccessLog {
  readonly #sink: AccessSink;
  readonly #sample: number;
  readonly #random: () => number;
  readonly #limiter: LogRateLimiter;

  constructor(sink: AccessSink, options: AccessLogOptions = {}) {
    const { sample = 1, threads = 1, random = Math.random, now = () => performance.now() } = options;
    this.#sink = sink;
    this.#sample = sample;
    this.#random = random;
    this.#limiter = new LogRateLimiter(now, threads);
  }

  /** A connection has ended, however far it came. */
  ended(connection: ConnectionFacts, closeReason: CloseReason): void {
    const { kind, code, reason } = closeReason;
    const level = kind === "closed" || code === undefined || isOnPurpose(code) ? "info" : "warn";
    if (!this.#sink.enabled(level)) return;
    const extra = kind === "refused" ? this.#limiter.admit(closeReason.key) : this.#sampled(code);
    if (extra === undefined) return;
    this.#sink[level](`${connection.service}: ${kind}, ${reason}`, {
      ...accessFields(connection, closeReason),
      ...extra,
    });
  }

  /** Further fields of the line; undefined if it is left out. Errors are always logged. */
  #sampled(code: CloseReason["code"]): Fields | undefined {
    if (code !== undefined || this.#sample === 1) return {};
    return this.#random() < this.#sample ? { sample: this.#sample } : undefined;
  }
}

/** Lines about connections while they are open, at level debug: other levels only have the line of the end. */
export class DebugLines {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A client has connected, and nothing is decided yet. */
  accepted(connection: ConnectionFacts): void {
    if (!this.#log.enabled("debug")) return;
    const { service, id, client, listener } = connection;
    this.#log.debug(`${service}: accepted`, {
      event: "connection_accepted",
      service,
      client,
      id,
      listener: listener || undefined,
    });
  }

  /** Its upstream is connected, and the relay begins. */
  connected(connection: ConnectionFacts): void {
    if (!this.#log.enabled("debug")) return;
    const { service, id, client, upstream, endpoint, attempts, connectTime } = connection;
    this.#log.debug(`${service}: connected`, {
      event: "connection_connected",
      service,
      client,
      id,
      upstream,
      endpoint,
      attempts,
      connect_ms: tenths(connectTime),
    });
  }
}
