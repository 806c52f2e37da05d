/** Accounts of one service, for tests that have no proxy around them. */

import { Accounts, type ServiceCounts, type ServiceRow } from "../../../../src/observe/counters/accounts.ts";
import { type Abortable, OpenConnections } from "../../../../src/observe/counters/connection_record.ts";
import {
  type ConnectionRecord,
  type LedgerParts,
  type ServiceFigures,
  serviceFigures,
  ServiceLedger,
} from "../../../../src/observe/counters/ledger.ts";

/** A connection that nobody wants to end. */
export const UNTOUCHED: Abortable = { abort() {} };

export function ledgerAlone(name = "test"): CountedLedger {
  const accounts = new Accounts({ services: 1, upstreams: 0, endpoints: 0 });
  return new CountedLedger(name, { row: accounts.services.claim()!, connections: new OpenConnections() });
}

/** A ledger that can be asked for what it has counted, which a supervisor reads from the row. */
export class CountedLedger extends ServiceLedger {
  readonly #row: ServiceRow;

  constructor(name: string, parts: LedgerParts) {
    super(name, parts);
    this.#row = parts.row;
  }

  figures(): ServiceFigures {
    return serviceFigures(this.name, this.counted());
  }

  counted(): ServiceCounts {
    return this.#row.figures();
  }
}

export function openIn(ledger: ServiceLedger, client = "192.0.2.1:4000"): ConnectionRecord {
  return ledger.open({ client, listener: "127.0.0.1:5432" }, UNTOUCHED);
}
