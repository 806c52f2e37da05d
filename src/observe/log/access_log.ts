/** One line for every connection when it ends: how it ended, who it was, how much it moved. */

import { accessFields, type ConnectionFacts } from "./access_line.ts";
import type { CloseReason } from "../close_reason.ts";
import type { Fields } from "./line_format.ts";
import type { Log } from "./log.ts";
import { isOnPurpose } from "../../net/errors.ts";
import { LogRateLimiter } from "./log_rate_limiter.ts";

/** Where the lines go: the program's log, or a file of their own. */
export type AccessSink = Pick<Log, "info" | "warn" | "enabled">;

export interface AccessLogOptions {
  /** The share of connections that ended in order and have a line. */
  readonly sample?: number;
  /** How many threads write lines about the same service; 1 unless given. */
  readonly threads?: number;
  /** Decides which ones: from 0 up to 1, without 1. */
  readonly random?: () => number;
  /** Milliseconds of any clock that is not set back. */
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
  ended(connection: ConnectionFacts, ending: CloseReason): void {
    const { kind, code } = ending;
    const level = kind === "closed" || code === undefined || isOnPurpose(code) ? "info" : "warn";
    if (!this.#sink.enabled(level)) return;
    const extra = ending.kind === "refused" ? this.#admitRefusal(ending) : this.#sampled(ending);
    if (extra === undefined) return;
    this.#sink[level](`${connection.service}: ${ending.kind}, ${ending.reason}`, {
      ...accessFields(connection, ending),
      ...extra,
    });
  }

  /** What the line says in addition; undefined when there is to be none. */
  #admitRefusal({ key }: CloseReason): Fields | undefined {
    return this.#limiter.admit(key);
  }

  /** What did not end in order always has its line. */
  #sampled({ code }: CloseReason): Fields | undefined {
    if (code !== undefined || this.#sample === 1) return {};
    return this.#random() < this.#sample ? { sample: this.#sample } : undefined;
  }
}
