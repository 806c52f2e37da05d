import assert from "node:assert/strict";
import {
  Clients,
  countsOf,
  type NamedServer,
  NamedServers,
  Visits,
} from "../../support/peers/named_server.ts";
import { Sluice } from "../../support/program/program.ts";
import { SYNCED_AFTER } from "../../support/program/several_threads.ts";

const CHECK = "health_check: { interval: 50ms, rise: 1, fall: 1 }";

Deno.test("rebalance closes idle connections of an endpoint that has more than its share", async () => {
  await using servers = await NamedServers.start("ab");
  const [, b] = servers.all as [NamedServer, NamedServer];
  await b.goDown();
  await using sluice = await Sluice.beforeGroup(servers.endpoints, [
    CHECK,
    "rebalance: { share: 100%, every: 400ms, quiet: 200ms }",
  ]);
  await sluice.loggedEvents("endpoint_down", 1);
  using clients = await Clients.connect(sluice.port(), 12);
  assert.deepEqual(clients.counts, { a: 12 });
  b.comeBack();
  const [first] = await sluice.loggedEvents("rebalanced", 1);
  assert.deepEqual([first!.closed, first!.active], [5, 12]);
  const closed = await sluice.loggedEvents("connection_closed", 5);
  assert.deepEqual([...new Set(closed.map(({ code, level }) => `${code} ${level}`))], ["rebalance info"]);
});

Deno.test("slow_start gives an endpoint that comes up a small share, but not at the start", async () => {
  await using servers = await NamedServers.start("ab");
  const [, b] = servers.all as [NamedServer, NamedServer];
  await using sluice = await Sluice.beforeGroup(servers.endpoints, [CHECK, "slow_start: 10h"]);
  const visits = new Visits(sluice.port());
  assert.deepEqual(countsOf(await visits.make(20)), { a: 10, b: 10 });
  await b.goDown();
  await sluice.loggedEvents("endpoint_down", 1);
  b.comeBack();
  await sluice.loggedEvents("endpoint_up", 1);
  await visits.make(SYNCED_AFTER);
  const { a, b: back } = countsOf(await visits.make(63));
  assert.ok(a! >= 59 && back! >= 2 && back! <= 4, `${a} and ${back}`);
});
