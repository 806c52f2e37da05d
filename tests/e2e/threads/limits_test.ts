/** Limits hold over all threads, exactly, and a slot released in one admits a client in the queue of another. */

import assert from "node:assert/strict";
import { Admin } from "../../support/program/admin.ts";
import { CountingServer, exchange } from "../../support/peers/counting_server.ts";
import { eventually } from "../../support/eventually.ts";
import { TestClient, TestClients } from "../../support/peers/test_client.ts";
import { countsOf, NamedServer } from "../../support/peers/named_server.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { testThreads, threadOf } from "../../support/program/several_threads.ts";

/** Everything that is not slow on purpose arrives within this time, in milliseconds. */
const AT_ONCE = 10_000;

/** A released slot is taken within this time, in milliseconds: it takes two messages. */
const HANDED_OVER = 100;

testThreads(
  "limits.connections admits exactly 50 of 200 clients at once, for a service and for all",
  async (threads) => {
    await using a = await NamedServer.start("a");
    for (const limits of ["limits: { connections: 50 }", ""]) {
      const all = limits === "" ? "limits: { connections: 50 }" : "";
      await using sluice = await start(
        threads,
        `${all}\nservices: [{ name: test, listen: 0, upstream: "${a.address}", ${limits} }]`,
      );
      const before = a.clients;
      using clients = new TestClients();
      assert.deepEqual(countsOf(await clients.connectMany(sluice.port(), 200)), { "": 150, a: 50 });
      assert.equal(a.clients - before, 50);
    }
  },
);

testThreads("connections_per_client admits 10 of 50 clients from each of four addresses", async (threads) => {
  await using a = await NamedServer.start("a");
  await using sluice = await start(
    threads,
    `services: [{ name: test, listen: ":0", upstream: "${a.address}", limits: { connections_per_client: 10 } }]`,
  );
  using clients = new TestClients();
  const rushes = [2, 3, 4, 5].map((host) =>
    clients.connectMany(sluice.port(), 50, { localAddress: `127.0.0.${host}` })
  );
  for (const names of await Promise.all(rushes)) assert.deepEqual(countsOf(names), { "": 40, a: 10 });
  assert.equal(a.clients, 40);
});

testThreads("connects_per_second admits no more of 200 clients at once than the rate", async (threads) => {
  await using a = await NamedServer.start("a");
  const [rate, burst] = [4, 40];
  await using sluice = await start(
    threads,
    `services: [{ name: test, listen: 0, upstream: "${a.address}",
      limits: { connects_per_second: { rate: ${rate}, burst: ${burst} } } }]`,
  );
  using clients = new TestClients();
  const began = performance.now();
  const { a: letIn } = countsOf(await clients.connectMany(sluice.port(), 200));
  const refilled = Math.ceil((performance.now() - began) * rate / 1000);
  assert.ok(letIn! >= burst && letIn! <= burst + refilled, `${letIn} of 200, ${refilled} of them refilled`);
});

for (const mode of ["warm", "reuse"]) {
  testThreads(`an upstream never sees more than max_connections, with a ${mode} pool`, async (threads) => {
    const limit = 7;
    await using server = new CountingServer(limit, 2);
    const quiet = mode === "reuse" ? ", quiet: 1ms" : "";
    await using sluice = await start(
      threads,
      `upstreams:
  group:
    endpoints: [{ address: "${server.address}", max_connections: ${limit} }]
    pool: { mode: ${mode}, max_idle: ${limit}, max_idle_time: 10m${quiet} }
services: [{ name: test, listen: 0, upstream: group }]`,
    );
    const admin = new Admin(sluice);
    const left = () =>
      eventually(
        "all to have left",
        async () => (await admin.metrics()).sum("sluice_endpoint_connections_active"),
        (active) => active === 0,
      );
    for (let round = 0; round < 40; round++) {
      // As many as allowed: idle connections in pools of other threads are closed for them.
      await Promise.all(
        Array.from(
          { length: limit },
          (_, client) => within(AT_ONCE, "An exchange", exchange(sluice.port(), client % 2 === 0)),
        ),
      );
      await left();
    }
    assert.equal(server.most, limit);
    const race = Array.from(
      { length: 200 },
      () => exchange(sluice.port(), true).then(() => true, () => false),
    );
    const outcomes = await within(AT_ONCE, "The race", Promise.all(race));
    assert.ok(outcomes.filter(Boolean).length >= limit, `${outcomes.filter(Boolean).length} of 200`);
    assert.equal(server.most, limit);
  });
}

testThreads(
  "a slot released in one thread goes at once to a client in the queue of another",
  async (threads) => {
    await using a = await NamedServer.start("a");
    await using sluice = await start(
      threads,
      `services: [{ name: test, listen: 0, upstream: "${a.address}", limits: { connections: 1, when_full: wait } }]`,
    );
    const admin = new Admin(sluice);
    const waits: number[] = [];
    for (let round = 0; waits.length < 10; round++) {
      assert.ok(round < 200, "no two clients were in threads of their own");
      using inside = await TestClient.connect(sluice.port());
      const others = Array.from({ length: threads }, () => TestClient.connect(sluice.port()));
      const open = await eventually(
        "a client to wait",
        () => admin.connections(),
        ({ length }) => length > 1,
      );
      const ofThread = open.filter((each) => each.client !== `127.0.0.1:${inside.port}`);
      const mine = threadOf(open.find((each) => each.client === `127.0.0.1:${inside.port}`)!, threads);
      const began = performance.now();
      inside[Symbol.dispose]();
      const next = await within(AT_ONCE, "The next one", Promise.race(others));
      if (ofThread.every((each) => threadOf(each, threads) !== mine)) waits.push(performance.now() - began);
      next[Symbol.dispose]();
      const leave = others.map(async (other) => (await other)[Symbol.dispose]());
      await within(AT_ONCE, "The turn of all", Promise.all(leave));
    }
    const median = waits.toSorted((one, other) => one - other)[waits.length >> 1]!;
    assert.ok(median < HANDED_OVER, `${waits.map(Math.round)} ms`);
  },
);

function start(threads: number, yaml: string): Promise<Sluice> {
  const common = "admin: { listen: 127.0.0.1:0 }\nlog: { format: json }\n";
  return Sluice.withConfig(common + yaml, [], { workers: threads });
}
