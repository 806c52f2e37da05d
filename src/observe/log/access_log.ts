/**
 * The access log: lines about a connection when it is accepted, when its upstream is connected, and when it ends. And
 * the reports of its beginning and end, which go to counters and events too.
 */

import type { Fields, Log } from "./log.ts";
import { type CloseReason, endBeforeRelay } from "../close_reason.ts";
import type { ConnectionRecord, ServiceLedger } from "../counters/ledger.ts";
import type { EventFeed } from "../events/event_feed.ts";
import { isOnPurpose, isReset, ProxyError } from "../../net/errors.ts";
import type { ConnectionSpans } from "../telemetry/connection_spans.ts";
import { isSampled, SPREAD } from "../sampling.ts";
import { LogRateLimiter } from "./log_rate_limiter.ts";

/** The program's log, or a separate file. */
export type AccessSink = Pick<Log, "info" | "warn" | "enabled">;

/**
 * Which lines there are: keys of `log.access`. Written out, as the types of the package for Node.js include this file,
 * and not those of the schema.
 */
export interface AccessLines {
  readonly at: readonly ("open" | "connected" | "closed")[];
  readonly skip?: readonly ("empty" | "silent")[] | undefined;
  readonly sample: number;
}

export interface AccessLogParts extends AccessLines {
  /** Takes the lines of the moments in `at`. */
  readonly sink: AccessSink;
  /** The program's log. At level debug, it takes the lines of all other moments. */
  readonly log: Pick<Log, "debug" | "enabled">;
  /** Counts connections whose last line `skip` left out. */
  readonly skipped: { add(): void };
  /** The number of threads that write lines about the same service; 1 by default. */
  readonly threads?: number;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

const UNSAMPLED: Fields = {};

/** The access log of one service. */
export class AccessLog {
  readonly #parts: AccessLogParts;
  readonly #sampleFields: Fields;
  readonly #limiter: LogRateLimiter;

  constructor(parts: AccessLogParts) {
    const { sample, threads = 1, now = () => performance.now() } = parts;
    this.#parts = parts;
    this.#sampleFields = sample === 1 ? UNSAMPLED : { sample };
    this.#limiter = new LogRateLimiter(now, threads);
  }

  /** A client has connected, and nothing is decided yet. */
  opened(connection: ConnectionFacts): void {
    const { at, log } = this.#parts;
    const isWanted = at.includes("open");
    if (isWanted || log.enabled("debug")) this.#progress(isWanted, "accepted", connection);
  }

  /** Its upstream is connected, and the relay begins. */
  connected(connection: ConnectionFacts): void {
    const { at, log } = this.#parts;
    const isWanted = at.includes("connected");
    if (!isWanted && !log.enabled("debug")) return;
    const { peer, serverName: sni, route, upstream, endpoint, address, attempts } = connection;
    const times = { waited_ms: tenths(connection.waitTime), connect_ms: tenths(connection.connectTime) };
    const fields = { peer, sni, route, upstream, endpoint, address, attempts, ...times };
    this.#progress(isWanted, "connected", connection, fields);
  }

  /** A connection has ended, whether it was relayed or not. */
  ended(connection: ConnectionFacts, closeReason: CloseReason): void {
    const { at, sink, log, skip, skipped } = this.#parts;
    const { kind, code, reason } = closeReason;
    if (skip !== undefined && isSkipped(skip, connection, closeReason)) return skipped.add();
    const isWanted = at.includes("closed");
    const level = kind === "closed" || code === undefined || isOnPurpose(code) ? "info" : "warn";
    if (isWanted ? !sink.enabled(level) : !log.enabled("debug")) return;
    const message = `${connection.service}: ${kind}, ${reason}`;
    if (!isWanted) return log.debug(message, accessFields(connection, closeReason));
    const extra = kind === "refused" ? this.#limiter.admit(closeReason.key) : this.#sampled(connection, code);
    if (extra === undefined) return;
    sink[level](message, { ...accessFields(connection, closeReason), ...extra });
  }

  #progress(isWanted: boolean, what: string, connection: ConnectionFacts, more?: Fields): void {
    const { sink, log } = this.#parts;
    if (isWanted && !sink.enabled("info")) return;
    const { service, id, client, listener } = connection;
    const extra = isWanted ? this.#sampled(connection) : UNSAMPLED;
    if (extra === undefined) return;
    const event = `connection_${what}`;
    const fields = { event, service, client, id, listener: listener || undefined, ...more, ...extra };
    const message = `${service}: ${what}`;
    if (isWanted) sink.info(message, fields);
    else log.debug(message, fields);
  }

  /**
   * Additional fields of a line; undefined if it is omitted. Errors are always logged. The id decides, and so the same
   * for all lines of a connection.
   */
  #sampled({ id }: ConnectionFacts, code?: CloseReason["code"]): Fields | undefined {
    if (code !== undefined || this.#sampleFields === UNSAMPLED) return UNSAMPLED;
    return isSampled(id, this.#parts.sample, SPREAD.log) ? this.#sampleFields : undefined;
  }
}

/** What the reports about the connections of a service go to. */
interface Observers {
  readonly ledger: Pick<ServiceLedger, "open">;
  readonly accessLog: Pick<AccessLog, "opened" | "ended">;
  readonly events: Pick<EventFeed, "isSubscribed" | "opened" | "ended">;
  /** Undefined while nothing is exported. */
  readonly spans?: Pick<ConnectionSpans, "ended"> | undefined;
}

/** Replaces the address of a client that disconnected early. */
const UNKNOWN = "unknown";

/** Counts and logs a client that reset before its address could be read. */
export function recordLostClient(observers: Observers, listener: string): void {
  using record = observers.ledger.open({ client: UNKNOWN, listener }, { abort: () => {} });
  announce(observers, record);
  const error = new ProxyError("connection_reset", "client");
  error.sentNothing = true;
  reportEnd(observers, record, endBeforeRelay(error));
}

/** Reports that a connection is open. */
export function announce(
  { accessLog, events }: Pick<Observers, "accessLog" | "events">,
  record: ConnectionRecord,
): void {
  if (events.isSubscribed) events.opened(record);
  accessLog.opened(record);
}

/** The only place that counts, logs and reports the end of a connection. */
export function reportEnd(
  { accessLog, events, spans }: Pick<Observers, "accessLog" | "events" | "spans">,
  record: ConnectionRecord,
  reason: CloseReason,
): void {
  record.ended(reason);
  accessLog.ended(record, reason);
  if (events.isSubscribed) events.ended(record, reason);
  if (spans !== undefined) spans.ended(record, reason);
}

/**
 * `empty`: neither side sent a byte; `silent`: the client sent none. Only if the client ended it, and nothing failed.
 */
function isSkipped(
  skip: NonNullable<AccessLines["skip"]>,
  { fromClient, fromUpstream }: ConnectionFacts,
  { kind, endedBy, code, sentNothing }: CloseReason,
): boolean {
  if (kind !== "closed") return sentNothing;
  if (endedBy !== "client" || fromClient.bytes > 0 || code !== undefined && !isReset(code)) return false;
  return fromUpstream.bytes === 0 || skip.includes("silent");
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
  /** The index of its route; undefined for the service's own upstream. */
  readonly route: number | undefined;
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly clientSubject: string | undefined;
  /** PP2_TYPE_UNIQUE_ID of a PROXY header, in hexadecimal digits. */
  readonly uniqueId: string | undefined;
  readonly upstream: string;
  readonly endpoint: string;
  /** Where its upstream connection leads, if the client chose the host. */
  readonly address?: string | undefined;
  /** The number of endpoints tried. */
  readonly attempts: number;
  /** The names of the faults that have acted on it; undefined is none. */
  readonly faults: readonly string[] | undefined;
  /** `copied` to its mirror, or why the copy was given up; undefined without one. */
  readonly mirror: string | undefined;
  /** How long the connect to its upstream took, with all attempts. */
  readonly connectTime: number | undefined;
  /** How long it waited for a place at an endpoint, or for one that is up. */
  readonly waitTime: number | undefined;
  /** From accept to the first relayed byte. */
  readonly firstByteFromClient: number | undefined;
  readonly firstByteFromUpstream: number | undefined;
  readonly fromClient: { readonly bytes: number };
  readonly fromUpstream: { readonly bytes: number };
  /** Since it was accepted. */
  readonly age: number;
}

function accessFields(connection: ConnectionFacts, closeReason: CloseReason): Fields {
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
    address: connection.address,
    attempts: connection.attempts || undefined,
    faults: connection.faults?.join(","),
    mirror: connection.mirror,
    waited_ms: tenths(connection.waitTime),
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
function tenths(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10;
}
