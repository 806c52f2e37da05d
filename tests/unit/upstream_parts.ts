/** What an upstream group needs beside its configuration, for tests of one. */

import { Accounts } from "../../src/observe/accounts.ts";
import { EventFeed } from "../../src/observe/event_feed.ts";
import { GaugeTable } from "../../src/observe/gauge.ts";
import { type Log, silentLog } from "../../src/observe/log.ts";
import type { EndpointAccounts } from "../../src/upstream/endpoint.ts";
import type { GroupParts } from "../../src/upstream/group.ts";

/** With room for one group of a few endpoints. */
export function groupParts(log: Log = silentLog()): GroupParts {
  const gauges = new GaugeTable(8);
  const accounts = new Accounts({ services: 0, upstreams: 1, endpoints: 4, threads: 1 });
  const events = new EventFeed((error) => {
    throw error;
  });
  return { gauges, accounts, events, log };
}

export function endpointAccounts(maxConnections = 0): EndpointAccounts {
  const { gauges, accounts } = groupParts();
  return {
    row: accounts.endpoints.claim()!,
    clients: gauges.claim()!,
    open: maxConnections > 0 ? gauges.claim() : undefined,
  };
}
