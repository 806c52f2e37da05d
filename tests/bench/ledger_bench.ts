/** The cost of the accounts, with `deno bench`: counting a chunk takes at most 50 ns, listing 5000 connections 5 ms. */

import { Accounts } from "../../src/observe/counters/accounts.ts";
import { listConnections, type SortKey } from "../../src/observe/counters/connection_list.ts";
import { type Abortable, ServiceLedger } from "../../src/observe/counters/ledger.ts";
import { OpenConnections } from "../../src/observe/counters/open_connections.ts";
import { renderMetrics } from "../../src/observe/metrics/metrics.ts";
import { processFigures } from "../../src/observe/metrics/process_figures.ts";
import { WorkerEpoch } from "../../src/shared/worker_epoch.ts";

/** The connections of a benchmark are not ended. */
const UNTOUCHED: Abortable = { abort() {} };
const SERVICES = 50;
const accounts = new Accounts(
  { services: SERVICES, upstreams: 0, endpoints: 0 },
  new WorkerEpoch({ threads: 4 }),
);
const connections = new OpenConnections();
const rows = Array.from({ length: SERVICES }, () => accounts.services.claim()!);
const ledgers = rows.map((row, which) => new ServiceLedger(`service-${which}`, { row, connections }));
const records = Array.from({ length: 5000 }, (_, which) => {
  const record = ledgers[which % SERVICES]!.open(
    { client: `192.0.2.${which * 7 % 251}:${which * 31 % 60_000}`, listener: "[::]:5432" },
    UNTOUCHED,
  );
  record.endpoint = `10.0.0.${which % 16}:5432`;
  record.serverName = `name-${which * 17 % 5000}.example`;
  record.fromClient.add(which * 7919 % 100_003);
  return record;
});

/** Many calls at once: a benchmark of a single call would measure its own clock. */
const CHUNKS = 1000;
let next = 0;

Deno.bench(`count ${CHUNKS} chunks, each of another connection`, () => {
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    records[next]!.fromUpstream.add(65_536);
    next = (next + 1) % records.length;
  }
});

Deno.bench(`count ${CHUNKS} chunks of one connection`, () => {
  for (let chunk = 0; chunk < CHUNKS; chunk++) records[0]!.fromUpstream.add(65_536);
});

Deno.bench("open a connection, count its bytes and its end, close it", () => {
  using record = ledgers[0]!.open({ client: "192.0.2.1:4000", listener: "127.0.0.1:5432" }, UNTOUCHED);
  record.state = "connecting";
  record.state = "open";
  record.fromClient.add(100);
  record.fromUpstream.add(1000);
  record.ended({ kind: "closed", key: "client_closed" });
});

for (const sort of ["id", "age", "bytes", "client", "service", "endpoint"] satisfies SortKey[]) {
  Deno.bench(`list 100 of 5000 connections by ${sort}`, { group: "list" }, () => {
    listConnections(connections.all(), { filter: "", sort, isDescending: true, offset: 0, limit: 100 });
  });
}

Deno.bench("list 100 of 5000 connections by client, filtered", { group: "list" }, () => {
  listConnections(connections.all(), {
    filter: "NAME-1",
    sort: "client",
    isDescending: true,
    offset: 0,
    limit: 100,
  });
});

Deno.bench(`metrics of ${SERVICES} services in 4 threads`, () => {
  renderMetrics({
    version: "",
    deno: "",
    threads: 4,
    threadRestarts: 0,
    process: processFigures(),
    counted: accounts.program.figures(),
    connectionLimit: 0,
    acme: [],
    lists: [],
    reload: undefined,
    droppedLines: { program: 0, access: 0 },
    services: rows.map((row, which) => ({
      name: `service-${which}`,
      counted: row.figures(),
      connectionLimit: 0,
      hasMirror: false,
      certificates: [],
      faults: [],
    })),
    upstreams: [],
  });
});
