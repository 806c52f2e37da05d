import assert from "node:assert/strict";
import type { UpstreamView } from "../../../src/admin/views.ts";
import { eventually } from "../../support/eventually.ts";
import {
  Clients,
  countsOf,
  type NamedServer,
  NamedServers,
  Visits,
} from "../../support/peers/named_server.ts";
import { Reloadable } from "../../support/program/reloadable.ts";
import { Sluice } from "../../support/program/program.ts";

/** As for Galera: one writer, whatever comes back. */
const ONE_WRITER = "stick: endpoint, on_down: close, health_check: { interval: 50ms, rise: 1, fall: 1 }";

Deno.test("stick: endpoint keeps one writer over failures and returns, in all threads and over a reload", async () => {
  await using servers = await NamedServers.start("abc");
  const [a, b, c] = servers.all as [NamedServer, NamedServer, NamedServer];
  const config = (more = "") => `
workers: 2
upstreams: { group: { endpoints: [${servers.endpoints.join(", ")}], ${ONE_WRITER}${more} } }
services: [{ name: test, listen: "127.0.0.1:0", upstream: group }]
`;
  await using proxy = await Reloadable.start(config());
  const { sluice, admin } = proxy;
  const visits = new Visits(sluice.port());
  const stuckTo = async () => (await admin.view<UpstreamView[]>("upstreams"))[0]!.stick;
  assert.deepEqual(countsOf(await visits.make(20)), { a: 20 });
  assert.equal(await stuckTo(), a.address);
  using writers = await Clients.connect(sluice.port(), 10);
  // Clients that come while the writer fails must all end up at one other.
  const during = visits.make(60);
  await a.goDown();
  assert.deepEqual(await writers.ended("a"), Array(10).fill("fin"));
  const names = await during;
  assert.match(names.join(""), /^a*b*$/);
  assert.deepEqual(countsOf(await visits.make(20)), { b: 20 });
  a.comeBack();
  await sluice.loggedEvents("endpoint_up", 1);
  assert.deepEqual(countsOf(await visits.make(20)), { b: 20 }, "the former writer is back");
  await proxy.reload(config(", drain_idle: 1s"));
  assert.deepEqual(countsOf(await visits.make(20)), { b: 20 }, "after a reload");
  await b.goDown();
  await eventually("the move to a", stuckTo, (address) => address === a.address);
  assert.deepEqual(countsOf(await visits.make(20)), { a: 20 }, "the present one has failed");
  await admin.ask("POST", `/api/v1/upstreams/group/${a.address}`, { state: "drain" });
  assert.deepEqual(countsOf(await visits.make(20)), { c: 20 }, "an operator has moved it");
  assert.equal(await stuckTo(), c.address);
  const moves = sluice.events("stick_moved").map(({ from, endpoint }) => [from, endpoint]);
  assert.deepEqual(moves, [
    [undefined, a.address],
    [a.address, b.address],
    [b.address, a.address],
    [a.address, c.address],
  ]);
  const metrics = (await admin.ask("GET", "/metrics")).text;
  assert.match(metrics, new RegExp(`sluice_endpoint_stuck{.*"${c.address}"} 1\\n`));
  assert.equal(metrics.match(/sluice_endpoint_stuck{.*} 0\n/g)!.length, 2);
});

Deno.test("stick: endpoint without checks moves when a client cannot connect, for the clients of all threads", async () => {
  await using servers = await NamedServers.start("abc");
  const [a, b] = servers.all as [NamedServer, NamedServer];
  await using sluice = await Sluice.beforeGroup(servers.endpoints, ["stick: endpoint"]);
  const visits = new Visits(sluice.port());
  assert.deepEqual(countsOf(await visits.make(10)), { a: 10 });
  await a.goDown();
  assert.deepEqual(countsOf(await visits.make(20)), { b: 20 });
  a.comeBack();
  assert.deepEqual(countsOf(await visits.make(20)), { b: 20 });
  await b.goDown();
  using crowd = await Clients.connect(sluice.port(), 20);
  assert.deepEqual(crowd.counts, { a: 20 }, "a crowd agrees too");
  await crowd.checkAlive();
  assert.equal(sluice.events("stick_moved").length, 3);
});

Deno.test("stick: endpoint with on_recover: close goes back to the better tier, and takes its clients along", async () => {
  await using servers = await NamedServers.start("ab");
  const [a, b] = servers.all as [NamedServer, NamedServer];
  await using sluice = await Sluice.beforeGroup(
    [`"${a.address}"`, `{ address: "${b.address}", tier: 1 }`],
    [ONE_WRITER, "on_recover: close"],
  );
  await a.goDown();
  await sluice.logged('"event":"tier_changed"');
  using clients = await Clients.connect(sluice.port(), 6);
  assert.deepEqual(clients.counts, { b: 6 });
  a.comeBack();
  assert.deepEqual(await clients.ended("b"), Array(6).fill("fin"));
  assert.deepEqual(countsOf(await new Visits(sluice.port()).make(10)), { a: 10 });
});
