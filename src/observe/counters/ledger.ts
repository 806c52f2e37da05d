/** What is counted of a service and of its connections, live while they are open. */

import { ERROR_CODES, isOnPurpose } from "../../net/errors.ts";
import type { ServiceCounts, ServiceRow } from "./accounts.ts";
import { type Counts, totalOf } from "./columns.ts";
import {
  type Abortable,
  type ConnectionAddresses,
  ConnectionRecord,
  type OpenConnections,
  type RecordOwner,
} from "./connection_record.ts";

export type { ConnectionRecord, ConnectionState } from "./connection_record.ts";

/**
 * One service's figures at one moment, of all threads. Bytes include those of connections still open.
 *
 * @example Nothing has been accepted yet
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ServiceFigures, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * const [figures]: ServiceFigures[] = proxy.figures();
 * assert.equal(figures!.accepted, 0);
 * ```
 */
export interface ServiceFigures {
  /** The name of the service. */
  readonly name: string;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Connections open now. */
  readonly active: number;
  /** Connections that ended before they reached an upstream, without those ended on purpose. */
  readonly failed: number;
  /** By reason, such as `connection_refused`; includes those ended on purpose, such as `killed` or `shutdown`. */
  readonly failedBy: Counts;
  /** Connections refused by access rules or limits. */
  readonly refused: number;
  /** The same by reason, such as `access_denied`. */
  readonly refusedBy: Counts;
  /** Connections that were relayed and have ended, by reason: `client_closed`, `idle_timeout`, … */
  readonly closedBy: Counts;
  /** Bytes received from clients. */
  readonly bytesFromClient: number;
  /** Bytes received from upstreams. */
  readonly bytesFromUpstream: number;
}

export interface LedgerParts {
  readonly row: ServiceRow;
  readonly connections: OpenConnections;
}

/** The accounts of one service in one thread. */
export class ServiceLedger implements RecordOwner {
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
   * @param connection The connection that the record's `abort()` ends.
   */
  open(addresses: ConnectionAddresses, connection: Abortable): ConnectionRecord {
    const record = new ConnectionRecord({
      id: this.#connections.nextId(),
      service: this.name,
      addresses,
      connection,
      row: this.#row,
      owner: this,
    });
    this.#row.cells.accepted.add();
    this.#active += 1;
    this.#connections.add(record);
    return record;
  }

  closed(record: ConnectionRecord): void {
    if (!this.#connections.delete(record)) return;
    this.#active -= 1;
    this.#row.cells.ended.add();
    if (this.#active > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** @param failures How many attempts to accept have failed since the last call. */
  acceptFailed(failures: number): void {
    this.#row.cells.acceptErrors.add(failures);
  }

  /** Resolves when no connection is open in this thread. */
  drained(): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** What a service has counted, as the API and library users see it. */
export function serviceFigures(name: string, counted: ServiceCounts): ServiceFigures {
  const { accepted, ended, failed, refused, closed, bytesFromClient, bytesFromUpstream } = counted;
  return {
    name,
    accepted,
    active: accepted - ended,
    failed: totalOf(failed) - onPurpose(failed),
    failedBy: failed,
    refused: totalOf(refused),
    refusedBy: refused,
    closedBy: closed,
    bytesFromClient,
    bytesFromUpstream,
  };
}

function onPurpose(counts: Counts): number {
  return ERROR_CODES.filter(isOnPurpose).reduce((sum, code) => sum + (counts[code] ?? 0), 0);
}
