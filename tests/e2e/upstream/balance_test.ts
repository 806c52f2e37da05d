import assert from "node:assert/strict";
import { startProxy } from "../../../main.ts";
import {
  answeringServer,
  Clients,
  countsOf,
  type NamedServer,
  NamedServers,
  Visits,
} from "../../support/peers/named_server.ts";
import { Sluice, workers } from "../../support/program/program.ts";
import { connect, endOf } from "../../support/peers/sockets.ts";

Deno.test("round_robin gives each endpoint its weight in every cycle", async () => {
  await using group = await NamedServers.start("abcd");
  const weights: Record<string, number> = { a: 1, b: 3, c: 1, d: 3 };
  const endpoints = group.all.map(({ address, name }) =>
    `{ address: "${address}", weight: ${weights[name]} }`
  );
  await using sluice = await Sluice.beforeGroup(endpoints);
  const cycle = 8;
  const names = await new Visits(sluice.port()).make(50 * cycle);
  for (let start = 0; start < names.length; start += cycle) {
    const counts = countsOf(names.slice(start, start + cycle));
    for (const [name, weight] of Object.entries(weights)) {
      assert.ok(
        Math.abs((counts[name] ?? 0) - weight) <= 1,
        `${name} at ${start}: ${JSON.stringify(counts)}`,
      );
    }
  }
  assert.deepEqual(countsOf(names), { a: 50, b: 150, c: 50, d: 150 });
});

Deno.test("least_connections spreads 20 clients over 4 endpoints, and refills one that has become idle", async () => {
  await using group = await NamedServers.start("abcd");
  await using sluice = await Sluice.beforeGroup(group.endpoints, ["balance: least_connections"]);
  const connect = (count: number) =>
    Clients[workers === 1 ? "connect" : "connectInTurn"](sluice.port(), count);
  using held = await connect(20);
  assert.deepEqual(held.counts, { a: 5, b: 5, c: 5, d: 5 });
  held.leave("c");
  await sluice.loggedEvents("connection_closed", 5);
  using others = await connect(5);
  assert.deepEqual(others.counts, { c: 5 });
  await others.checkAlive();
  await held.checkAlive();
});

Deno.test({
  name: "source_hash keeps a client at its endpoint, in another proxy too (needs 127.0.0.2)",
  ignore: Deno.build.os === "darwin",
  fn: async () => {
    await using group = await NamedServers.start("abcd");
    await using first = await Sluice.beforeGroup(group.endpoints, ["balance: source_hash"]);
    await using second = await Sluice.beforeGroup(group.endpoints.toReversed(), ["balance: source_hash"]);
    const clients = Array.from({ length: 64 }, (_, index) => `127.0.0.${index + 1}`);
    const ask = (sluice: Sluice) =>
      Promise.all(clients.map((localAddress) => answeringServer(sluice.port(), { localAddress })));
    const names = await ask(first);
    assert.deepEqual(Object.keys(countsOf(names)), ["a", "b", "c", "d"]);
    assert.deepEqual(await ask(first), names);
    assert.deepEqual(await ask(second), names);
  },
});

Deno.test("random_two spreads clients over all endpoints, more evenly than chance", async () => {
  await using group = await NamedServers.start("abcd");
  await using sluice = await Sluice.beforeGroup(group.endpoints, ["balance: random_two"]);
  using held = await Clients.connect(sluice.port(), 200);
  for (const name of "abcd") {
    // Pure chance would deviate by more in every other run, this policy in one of a hundred million.
    assert.ok(Math.abs(held.counts[name]! - 50) <= 8, JSON.stringify(held.counts));
  }
});

Deno.test("backups are used only while no other endpoint is usable", async () => {
  await using group = await NamedServers.start("abc");
  const [a, b, c] = group.all as [NamedServer, NamedServer, NamedServer];
  const check = "health_check: { interval: 50ms, rise: 1, fall: 1 }";
  await using sluice = await Sluice.beforeGroup(
    [`{ address: "${c.address}", backup: true }`, `"${a.address}"`, `"${b.address}"`],
    [check],
  );
  const ask = async () =>
    countsOf(await Promise.all(Array.from({ length: 10 }, () => answeringServer(sluice.port()))));
  assert.deepEqual(await ask(), { a: 5, b: 5 });
  await a.goDown();
  await sluice.logged(`"endpoint_down","upstream":"group","endpoint":"${a.address}"`);
  assert.deepEqual(await ask(), { b: 10 });
  await b.goDown();
  await sluice.logged(`"endpoint_down","upstream":"group","endpoint":"${b.address}"`);
  assert.deepEqual(await ask(), { c: 10 });
  a.comeBack();
  await sluice.logged(`"endpoint_up","upstream":"group","endpoint":"${a.address}"`);
  assert.deepEqual(await ask(), { a: 10 });
  assert.deepEqual(sluice.events("group_down"), []);
});

Deno.test("max_connections holds while 50 clients race, and the other endpoints get the rest", async () => {
  await using group = await NamedServers.start("abc");
  const [a, b, c] = group.all.map(({ address }) => address);
  await using sluice = await Sluice.beforeGroup(
    [`{ address: "${a}", max_connections: 5 }`, `{ address: "${b}", max_connections: 7 }`, `"${c}"`],
  );
  using held = await Clients.connect(sluice.port(), 50);
  assert.deepEqual(held.counts, { a: 5, b: 7, c: 38 });
  assert.deepEqual(group.all.map(({ clients }) => clients), [5, 7, 38]);
  await held.checkAlive();
});

Deno.test("clients are closed while every endpoint is full", async () => {
  await using group = await NamedServers.start("ab");
  await using sluice = await Sluice.beforeGroup(
    group.endpoints.map((address) => `{ address: ${address}, max_connections: 6 }`),
  );
  using held = await Clients.connect(sluice.port(), 50);
  assert.deepEqual(held.counts, { "": 38, a: 6, b: 6 });
  assert.deepEqual(group.all.map(({ clients }) => clients), [6, 6]);
  const failures = await sluice.loggedEvents("connection_failed", 38);
  assert.deepEqual([...new Set(failures.map(({ code }) => code))], ["endpoints_full"]);
  using late = await connect(sluice.port());
  assert.equal(await endOf(late), "fin");
  held.leave("b");
  await sluice.loggedEvents("connection_closed", 6);
  using others = await Clients.connect(sluice.port(), 7);
  assert.deepEqual(others.counts, { "": 1, b: 6 });
  await held.checkAlive();
});

Deno.test("a program has the same groups and sees their figures", async () => {
  await using group = await NamedServers.start("ab");
  const [a, b] = group.all as [NamedServer, NamedServer];
  await using proxy = await startProxy({
    upstreams: {
      main: {
        balance: "least_connections",
        endpoints: [{ address: a.address, weight: 2, maxConnections: 2 }, b.address],
        healthCheck: {
          interval: 10,
          rise: 1,
          fall: 1,
          send: new TextEncoder().encode("PING"),
          expect: "+PONG",
        },
        onDown: "close",
      },
    },
    services: [{ name: "test", listen: 0, upstream: "main" }],
  });
  const endpoints = () => proxy.upstreams()[0]!.endpoints;
  await Promise.all(group.all.map((member) => member.pinged(2)));
  const port = Number(/\d+$/.exec(proxy.services[0]!.listen[0]!)![0]);
  using held = await Clients.connect(port, 3);
  assert.deepEqual(held.counts, { a: 2, b: 1 });
  const [figures] = proxy.upstreams();
  const common = { state: "up", admin: "up", tier: 0, failures: 0, failuresBy: {} } as const;
  const [checkOfA, checkOfB] = figures!.endpoints.map(({ lastCheck }) => lastCheck);
  for (const check of [checkOfA, checkOfB]) {
    assert.deepEqual([check!.outcome, check!.cause], ["good", 'answered "+PONG"']);
  }
  assert.deepEqual(figures, {
    name: "main",
    endpoints: [
      {
        ...common,
        address: a.address,
        weight: 2,
        active: 2,
        maxConnections: 2,
        connects: 2,
        lastCheck: checkOfA,
      },
      {
        ...common,
        address: b.address,
        weight: 1,
        active: 1,
        maxConnections: 0,
        connects: 1,
        lastCheck: checkOfB,
      },
    ],
    pool: undefined,
    queue: undefined,
    stuck: undefined,
    waiting: 0,
    discovery: undefined,
  });
  await b.goDown();
  assert.deepEqual(await held.ended("b"), ["fin"]);
  assert.equal(endpoints()[1]!.state, "down");
  held.leave("a");
  await proxy.stop();
  assert.deepEqual(endpoints().map(({ active }) => active), [0, 0]);
});
