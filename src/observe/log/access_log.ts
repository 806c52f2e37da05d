/** The access log: one line for each connection, when it ends. */

import type { Fields, Log } from "./log.ts";
import type { CloseReason } from "../close_reason.ts";
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

/** The facts about a connection; unknown ones are undefined or empty. Times are in milliseconds. */
export interface ConnectionFacts {
  readonly id: number;
  readonly service: string;
  /** Address and port of the client: the peer, or the source in a PROXY header. */
  readonly client: string;
  /** The peer, if a PROXY header named another client. */
  readonly peer: string | undefined;
  /** The address that the client connected to. */
  readonly listener: string;
  /** The index of its route; undefined for the upstream of the service itself. */
  readonly route: number | undefined;
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly clientSubject: string | undefined;
  /** PP2_TYPE_UNIQUE_ID of a PROXY header, in hexadecimal digits. */
  readonly uniqueId: string | undefined;
  readonly upstream: string;
  readonly endpoint: string;
  /** How many endpoints were tried. */
  readonly attempts: number;
  /** How long the connect to its upstream took, with all attempts. */
  readonly connectTime: number | undefined;
  /** From accept to the first relayed byte. */
  readonly firstByteFromClient: number | undefined;
  readonly firstByteFromUpstream: number | undefined;
  readonly fromClient: { readonly bytes: number };
  readonly fromUpstream: { readonly bytes: number };
  /** Since it was accepted. */
  readonly age: number;
}

export function accessFields(connection: ConnectionFacts, closeReason: CloseReason): Fields {
  return {
    event: `connection_${closeReason.kind}`,
    service: connection.service,
    client: connection.client,
    peer: connection.peer,
    id: connection.id,
    listener: connection.listener || undefined,
    sni: connection.serverName,
    alpn: connection.alpn,
    tls: connection.tlsVersion,
    client_subject: connection.clientSubject,
    unique_id: connection.uniqueId,
    route: connection.route,
    upstream: connection.upstream || undefined,
    endpoint: connection.endpoint || undefined,
    attempts: connection.attempts || undefined,
    connect_ms: tenths(connection.connectTime),
    first_byte_client_ms: tenths(connection.firstByteFromClient),
    first_byte_upstream_ms: tenths(connection.firstByteFromUpstream),
    ...closeReason.kind === "closed" && {
      bytes_from_client: connection.fromClient.bytes,
      bytes_from_upstream: connection.fromUpstream.bytes,
    },
    duration_ms: Math.round(connection.age),
    ended_by: closeReason.endedBy,
    reason: closeReason.reason,
    code: closeReason.code,
    detail: closeReason.detail,
  };
}

/** Rounded to a tenth of a millisecond, because whole ones are too coarse in a local network. */
export function tenths(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10;
}
