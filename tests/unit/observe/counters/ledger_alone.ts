/** Accounts of one service, for tests without a proxy. */

import { Accounts, type ServiceCounts, type ServiceRow } from "../../../../src/observe/counters/accounts.ts";
import {
  type Abortable,
  type ConnectionRecord,
  type LedgerParts,
  ServiceLedger,
} from "../../../../src/observe/counters/ledger.ts";
import { OpenConnections } from "../../../../src/observe/counters/open_connections.ts";
import { type ServiceFigures, serviceFigures } from "../../../../src/observe/metrics/service_figures.ts";

/** A connection that is never aborted. */
export const UNTOUCHED: Abortable = { abort() {} };

export function ledgerAlone(name = "test"): CountedLedger {
  const accounts = new Accounts({ services: 1, upstreams: 0, endpoints: 0 });
  return new CountedLedger(name, { row: accounts.services.claim()!, connections: new OpenConnections() });
}

/** A ledger with its figures, which a supervisor reads from the row. */
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
