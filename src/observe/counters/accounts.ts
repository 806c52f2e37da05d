/**
 * All counters, in one piece of memory for all threads. A new metric is one line here: its column, with its name,
 * labels and help. `/metrics` and docs/metrics.md follow from it; code counts it with `row.cells`.
 */

import {
  counter,
  counterByReason,
  DELAY_BOUNDS,
  DURATION_BOUNDS,
  histogram,
  LATENCY_BOUNDS,
} from "./columns.ts";
import { type Columns, type CounterRow, CounterTable, type Figures, tableBytes } from "./counter_table.ts";
import { ERROR_CODES } from "../../net/errors.ts";
import { WorkerEpoch } from "../../shared/worker_epoch.ts";
import { CLOSE_REASONS } from "../close_reason.ts";

/** Without labels. */
export const PROGRAM_COLUMNS = {
  eventLoopDelay: histogram(DELAY_BOUNDS, {
    name: "sluice_event_loop_delay_seconds",
    help: "Delay of timers in the threads that relay: how busy they are.",
  }),
};

const BYTES = {
  name: "sluice_bytes_total",
  help: "Bytes read to be relayed: upload from clients, download from upstreams.",
};

/** With the label `service`. */
export const SERVICE_COLUMNS = {
  accepted: counter({ name: "sluice_connections_total", help: "Connections accepted." }),
  /** All that ended, in any way. */
  ended: counter(),
  bytesFromClient: counter({ ...BYTES, labels: { direction: "upload" } }),
  bytesFromUpstream: counter({ ...BYTES, labels: { direction: "download" } }),
  closed: counterByReason(CLOSE_REASONS, {
    name: "sluice_connections_closed_total",
    help: "Relayed connections that have ended.",
  }),
  refused: counterByReason(ERROR_CODES, {
    name: "sluice_connections_refused_total",
    help: "Connections refused by access rules or limits.",
  }),
  failed: counterByReason(ERROR_CODES, {
    name: "sluice_connections_failed_total",
    help: "Connections that ended before they reached an upstream.",
  }),
  skipped: counter({
    name: "sluice_access_log_skipped_total",
    help: "Connections that left no line in the access log because of `log.access.skip`.",
  }),
  mirrored: counter({
    name: "sluice_mirrored_connections_total",
    help: "Connections that were copied to a mirror.",
    note: "This and the other metrics of mirrors exist only with `mirror`.",
    requires: "mirror",
  }),
  bytesMirrored: counter({
    name: "sluice_mirrored_bytes_total",
    help: "Bytes written to mirrors.",
    requires: "mirror",
  }),
  mirrorsGivenUp: counterByReason(["behind", ...ERROR_CODES], {
    name: "sluice_mirrors_given_up_total",
    help: "Copies that were given up, because the mirror was behind or failed.",
    requires: "mirror",
  }),
  acceptErrors: counter({ name: "sluice_accept_errors_total", help: "Failed attempts to accept." }),
  tlsHandshake: histogram(LATENCY_BOUNDS, {
    name: "sluice_tls_handshake_seconds",
    help: "Duration of completed TLS handshakes with clients.",
    note: "Only for services with `tls`.",
    requires: "tls",
  }),
  firstByte: histogram(LATENCY_BOUNDS, {
    name: "sluice_first_byte_seconds",
    help: "Time until the upstream sent its first byte.",
    note: "Measured from the connect, or from the client's first byte if that came first.",
  }),
  duration: histogram(DURATION_BOUNDS, {
    name: "sluice_connection_duration_seconds",
    help: "Duration of relayed connections that have ended.",
  }),
};

/** With the label `upstream`. */
export const UPSTREAM_COLUMNS = {
  connectTime: histogram(LATENCY_BOUNDS, {
    name: "sluice_connect_seconds",
    help: "Duration of connects to an upstream, including those of the pool.",
    note: "Includes the name lookup, and the TLS handshake unless a PROXY header precedes it.",
  }),
  poolHits: counter({
    name: "sluice_pool_hits_total",
    help: "Clients that got a pooled connection.",
    requires: "pool",
  }),
  poolMisses: counter({
    name: "sluice_pool_misses_total",
    help: "Clients that found no pooled connection.",
    requires: "pool",
  }),
  poolExpired: counter({
    name: "sluice_pool_expired_total",
    help: "Pooled connections closed because they were idle for too long.",
    requires: "pool",
  }),
  poolLost: counter({
    name: "sluice_pool_lost_total",
    help: "Pooled connections that ended while they were idle.",
    requires: "pool",
  }),
  /** Connections that were put into the pool, and those that left it for any reason. */
  poolShelved: counter(),
  poolUnshelved: counter(),
  queueWait: histogram(LATENCY_BOUNDS, {
    name: "sluice_queue_wait_seconds",
    help: "How long clients waited for a place at an endpoint, whether they got one or not.",
    note: "This and the other metrics of queues exist only with a `queue`.",
    requires: "queue",
  }),
  queueTimeouts: counter({
    name: "sluice_queue_timeouts_total",
    help: "Clients that got no place within the time of the queue.",
    requires: "queue",
  }),
  queueRefused: counter({
    name: "sluice_queue_refused_total",
    help: "Clients that found the queue full.",
    requires: "queue",
  }),
  /** Waits for an endpoint that is up: those that began, and those that ended. */
  heldBegan: counter(),
  heldEnded: counter(),
};

/** With the labels `upstream` and `endpoint`. */
export const ENDPOINT_COLUMNS = {
  connects: counter({
    name: "sluice_upstream_connects_total",
    help: "Connections made to an endpoint, including those of the pool.",
  }),
  failures: counterByReason(ERROR_CODES, {
    name: "sluice_upstream_failures_total",
    help: "Connections to an endpoint that could not be made or broke at once.",
  }),
};

export type ProgramCounts = Figures<typeof PROGRAM_COLUMNS>;
export type ServiceCounts = Figures<typeof SERVICE_COLUMNS>;
export type UpstreamCounts = Figures<typeof UPSTREAM_COLUMNS>;
export type EndpointCounts = Figures<typeof ENDPOINT_COLUMNS>;

export type ProgramRow = CounterRow<typeof PROGRAM_COLUMNS>;
export type ServiceRow = CounterRow<typeof SERVICE_COLUMNS>;
export type UpstreamRow = CounterRow<typeof UPSTREAM_COLUMNS>;
export type EndpointRow = CounterRow<typeof ENDPOINT_COLUMNS>;

/** The capacity for each. */
export interface AccountsSize {
  readonly services: number;
  readonly upstreams: number;
  readonly endpoints: number;
}

/** There is no room for another service or upstream group. */
export class AccountsFullError extends Error {
  override readonly name = "AccountsFullError";

  constructor(what: "services" | "upstream groups") {
    super(`There is no room to count more ${what}: restart to make room`);
  }
}

export class Accounts {
  readonly program: ProgramRow;
  readonly services: CounterTable<typeof SERVICE_COLUMNS>;
  readonly upstreams: CounterTable<typeof UPSTREAM_COLUMNS>;
  readonly endpoints: CounterTable<typeof ENDPOINT_COLUMNS>;
  /** Passed to other threads, which make their accounts with it. */
  readonly memory: SharedArrayBuffer;

  /**
   * @param epoch Of the thread that counts in them.
   * @param memory Of accounts of the same size in another thread.
   * @throws {RangeError} when the memory is not of that size.
   */
  constructor(size: AccountsSize, epoch: WorkerEpoch = new WorkerEpoch(), memory?: SharedArrayBuffer) {
    const layout = layOut(size, epoch.threads);
    this.memory = memory ?? new SharedArrayBuffer(layout.bytes);
    if (this.memory.byteLength !== layout.bytes) {
      throw new RangeError(
        `Cannot use ${this.memory.byteLength} bytes for accounts: expected ${layout.bytes}`,
      );
    }
    const table = <C extends Columns>(columns: C, rows: number, offset: number) =>
      new CounterTable(columns, rows, { memory: this.memory, offset, epoch });
    const program = table(PROGRAM_COLUMNS, 1, layout.program);
    this.program = memory === undefined ? program.claim()! : program.at(0);
    this.services = table(SERVICE_COLUMNS, size.services, layout.services);
    this.upstreams = table(UPSTREAM_COLUMNS, size.upstreams, layout.upstreams);
    this.endpoints = table(ENDPOINT_COLUMNS, size.endpoints, layout.endpoints);
  }

  /**
   * Counts the connections of a dead worker as ended, including idle ones in pools; its other counts stay. Its epoch
   * must have ended.
   */
  reclaimWorker(thread: number): void {
    this.services.reclaimWorker(thread, [["ended", "accepted"]]);
    this.upstreams.reclaimWorker(thread, [
      ["poolUnshelved", "poolShelved"],
      ["heldEnded", "heldBegan"],
    ]);
  }
}

/** The offset of each table, and the bytes of all tables. */
function layOut({ services, upstreams, endpoints }: AccountsSize, threads: number) {
  let bytes = 0;
  const place = (columns: Columns, rows: number) => {
    const offset = bytes;
    bytes += tableBytes(columns, { rows, threads });
    return offset;
  };
  return {
    program: place(PROGRAM_COLUMNS, 1),
    services: place(SERVICE_COLUMNS, services),
    upstreams: place(UPSTREAM_COLUMNS, upstreams),
    endpoints: place(ENDPOINT_COLUMNS, endpoints),
    // Evaluated last, after every place().
    bytes,
  };
}
