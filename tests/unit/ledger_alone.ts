/** Accounts of one service, for tests that have no proxy around them. */

import { Accounts } from "../../src/observe/accounts.ts";
import type { Abortable } from "../../src/observe/connection_record.ts";
import { type ConnectionRecord, ServiceLedger } from "../../src/observe/ledger.ts";
import { OpenConnections } from "../../src/observe/open_connections.ts";

/** A connection that nobody wants to end. */
export const UNTOUCHED: Abortable = { abort() {} };

export function ledgerAlone(name = "test"): ServiceLedger {
  const accounts = new Accounts({ services: 1, upstreams: 0, endpoints: 0, threads: 1 });
  return new ServiceLedger(name, { row: accounts.services.claim()!, connections: new OpenConnections() });
}

export function openIn(ledger: ServiceLedger, client = "192.0.2.1:4000"): ConnectionRecord {
  return ledger.open(client, "127.0.0.1:5432", UNTOUCHED);
}
