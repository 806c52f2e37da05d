/** What is counted of a service and of its connections, live while they are open. */

import type { ServiceRow } from "./accounts.ts";
import { type Counts, totalOf } from "./columns.ts";
import { type Abortable, ConnectionRecord, type RecordKeeper } from "./connection_record.ts";
import type { HistogramFigures } from "./histogram.ts";
import type { OpenConnections } from "./open_connections.ts";

export type { ConnectionRecord, ConnectionState } from "./connection_record.ts";

/** One service's figures at one moment, of all threads. Bytes include those of connections still open. */
export interface ServiceFigures {
  readonly name: string;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Connections open now. */
  readonly active: number;
  /** Connections whose upstream could not be reached, in all and by reason. */
  readonly failed: number;
  readonly failedBy: Counts;
  /** Connections that were not let in, in all and by reason. */
  readonly refused: number;
  readonly refusedBy: Counts;
  /** Connections that were relayed and have ended, by reason: `client_closed`, `idle_timeout`, … */
  readonly closedBy: Counts;
  readonly bytesFromClient: number;
  readonly bytesFromUpstream: number;
}

/** Figures that only monitoring asks for. Times are in seconds. */
export interface ServiceMetrics extends ServiceFigures {
  /** How often accepting a connection failed. */
  readonly acceptErrors: number;
  /** TLS handshakes with clients that came to their end. */
  readonly tlsHandshake: HistogramFigures;
  /** From the connection to the upstream, or the first byte of a client that spoke first, to the upstream's first byte. */
  readonly firstByte: HistogramFigures;
  /** How long relayed connections lasted that have ended. */
  readonly duration: HistogramFigures;
}

/** Where a service has its accounts, among those of others. */
export interface LedgerParts {
  readonly row: ServiceRow;
  readonly connections: OpenConnections;
}

/** The accounts of one service in one thread. */
export class ServiceLedger implements RecordKeeper {
  readonly name: string;
  readonly #row: ServiceRow;
  readonly #connections: OpenConnections;
  #active = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(name: string, { row, connections }: LedgerParts) {
    this.name = name;
    this.#row = row;
    this.#connections = connections;
  }

  /**
   * @param listener The address that the client connected to.
   * @param connection The connection that the record's `abort()` ends.
   */
  open(client: string, listener: string, connection: Abortable): ConnectionRecord {
    const record = new ConnectionRecord({
      id: this.#connections.nextId(),
      service: this.name,
      client,
      listener,
      connection,
      row: this.#row,
      keeper: this,
    });
    this.#row.cells.accepted.add();
    this.#active += 1;
    this.#connections.add(record);
    return record;
  }

  /** A record was disposed of. */
  closed(record: ConnectionRecord): void {
    if (!this.#connections.delete(record)) return;
    this.#active -= 1;
    this.#row.cells.ended.add();
    if (this.#active > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Accepting has failed so many times more. */
  acceptFailed(failures: number): void {
    this.#row.cells.acceptErrors.add(failures);
  }

  /** Resolves when no connection is open in this thread. */
  drained(): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** The figures of a service in all threads. */
export function serviceFigures(name: string, row: ServiceRow): ServiceFigures {
  return figuresOf(name, row.figures());
}

/** The same, with those that only monitoring asks for. */
export function serviceMetrics(name: string, row: ServiceRow): ServiceMetrics {
  const counted = row.figures();
  const { acceptErrors, tlsHandshake, firstByte, duration } = counted;
  return { ...figuresOf(name, counted), acceptErrors, tlsHandshake, firstByte, duration };
}

function figuresOf(name: string, counted: ReturnType<ServiceRow["figures"]>): ServiceFigures {
  const { accepted, ended, failed, refused, closed, bytesFromClient, bytesFromUpstream } = counted;
  return {
    name,
    accepted,
    active: accepted - ended,
    failed: totalOf(failed),
    failedBy: failed,
    refused: totalOf(refused),
    refusedBy: refused,
    closedBy: closed,
    bytesFromClient,
    bytesFromUpstream,
  };
}
