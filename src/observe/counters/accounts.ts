/** Everything that is counted, in one piece of memory for all threads. To count something more, add a column here. */

import { counter, counterByReason, histogram } from "./columns.ts";
import { type Columns, type CounterRow, CounterTable, tableBytes } from "./counter_table.ts";
import { DELAY_BOUNDS, DURATION_BOUNDS, LATENCY_BOUNDS } from "./histogram.ts";
import { ERROR_CODES } from "../../net/errors.ts";
import { CLOSE_REASONS } from "../close_reason.ts";

const PROGRAM_COLUMNS = {
  eventLoopDelay: histogram(DELAY_BOUNDS),
};

const SERVICE_COLUMNS = {
  /** Connections that came, and those of them that are over, however they went. */
  accepted: counter(),
  ended: counter(),
  bytesFromClient: counter(),
  bytesFromUpstream: counter(),
  /** Those over: relayed, not let in, not come as far as an upstream. */
  closed: counterByReason(CLOSE_REASONS),
  refused: counterByReason(ERROR_CODES),
  failed: counterByReason(ERROR_CODES),
  acceptErrors: counter(),
  tlsHandshake: histogram(LATENCY_BOUNDS),
  firstByte: histogram(LATENCY_BOUNDS),
  duration: histogram(DURATION_BOUNDS),
};

const UPSTREAM_COLUMNS = {
  /** How long each connection took to be made, those opened ahead included. */
  connectTime: histogram(LATENCY_BOUNDS),
  /** Clients that got a connection that waited in the pool, and that found none. */
  poolHits: counter(),
  poolMisses: counter(),
  /** Connections that waited too long, and that ended while they waited. */
  poolExpired: counter(),
  poolLost: counter(),
  /** Connections that began to wait, and those of them that do not any more, for whatever reason. */
  poolShelved: counter(),
  poolUnshelved: counter(),
};

const ENDPOINT_COLUMNS = {
  /** Connections made, those opened ahead included. */
  connects: counter(),
  /** Connections that could not be made, or broke at once. */
  failures: counterByReason(ERROR_CODES),
};

export type ProgramRow = CounterRow<typeof PROGRAM_COLUMNS>;
export type ServiceRow = CounterRow<typeof SERVICE_COLUMNS>;
export type UpstreamRow = CounterRow<typeof UPSTREAM_COLUMNS>;
export type EndpointRow = CounterRow<typeof ENDPOINT_COLUMNS>;

/** How many of each there may be at the same time. */
export interface AccountsSize {
  readonly services: number;
  readonly upstreams: number;
  readonly endpoints: number;
  readonly threads: number;
}

export class Accounts {
  /** Of all threads, each of which has its share. */
  readonly program: ProgramRow;
  readonly services: CounterTable<typeof SERVICE_COLUMNS>;
  readonly upstreams: CounterTable<typeof UPSTREAM_COLUMNS>;
  readonly endpoints: CounterTable<typeof ENDPOINT_COLUMNS>;
  /** For the accounts of other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #program: CounterTable<typeof PROGRAM_COLUMNS>;

  /**
   * @param thread Which thread it is used in, from 0. Only one may be it at a time; where nothing is counted, any will
   * do.
   * @param memory That of accounts of the same size in another thread, to share it.
   * @throws {RangeError} when the memory is not of that size, or there is no such thread.
   */
  constructor(size: AccountsSize, thread = 0, memory?: SharedArrayBuffer) {
    if (!Number.isInteger(thread) || thread < 0 || thread >= size.threads) {
      throw new RangeError(`Cannot count in thread ${thread}: there are ${size.threads}`);
    }
    const layout = layOut(size);
    this.memory = memory ?? new SharedArrayBuffer(layout.bytes);
    if (this.memory.byteLength !== layout.bytes) {
      throw new RangeError(
        `Cannot keep accounts in ${this.memory.byteLength} bytes: expected ${layout.bytes}`,
      );
    }
    const table = <C extends Columns>(columns: C, rows: number, offset: number) =>
      new CounterTable(columns, { rows, threads: size.threads }, { memory: this.memory, offset, thread });
    this.#program = table(PROGRAM_COLUMNS, 1, layout.program);
    this.program = memory === undefined ? this.#program.claim()! : this.#program.at(0);
    this.services = table(SERVICE_COLUMNS, size.services, layout.services);
    this.upstreams = table(UPSTREAM_COLUMNS, size.upstreams, layout.upstreams);
    this.endpoints = table(ENDPOINT_COLUMNS, size.endpoints, layout.endpoints);
  }

  /**
   * The connections of a thread that has ended are over, those that waited in pools included; what it has counted else
   * stays. It counts nothing any more, even if it still runs. To be done again before another thread takes over its
   * number: see {@linkcode CounterTable.settle}.
   */
  settle(thread: number): void {
    this.services.settle(thread, [["ended", "accepted"]]);
    this.upstreams.settle(thread, [["poolUnshelved", "poolShelved"]]);
    this.endpoints.settle(thread, []);
    this.#program.settle(thread, []);
  }
}

/** Where each table begins, and the bytes they take together. */
function layOut({ services, upstreams, endpoints, threads }: AccountsSize) {
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
    // Evaluated last, when all of them have their places.
    bytes,
  };
}
