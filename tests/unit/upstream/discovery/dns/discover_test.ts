import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import fc from "fast-check";
import { formatAddress } from "../../../../../src/net/address.ts";
import { discover } from "../../../../../src/upstream/discovery/dns/discover.ts";
import type { DiscoveryEntry } from "../../../../../src/upstream/discovery/dns/entry_names.ts";
import { DnsResolver } from "../../../../../src/upstream/discovery/dns/resolver.ts";
import { sourceParts } from "../../../../support/fakes/upstream_parts.ts";
import { Discovery, turn } from "./fake_dns.ts";

const MINUTE = 60_000;

Deno.test("discover() gives all addresses of all names, sorted, once every name was asked for", async () => {
  await using discovery = new Discovery({ entries: [entry("b", 2), entry("a", 1, { weight: 3 })] });
  discovery.dns.setAddresses("b", { v4: ["10.0.0.2", "10.0.0.1"], v6: ["fd00::1"] });
  discovery.dns.setAddresses("a", { v4: ["10.0.0.9"] });
  const answer = discovery.dns.hold("a");
  await discovery.start();
  assert.deepEqual(discovery.takeSets(), []);
  answer();
  await turn();
  assert.deepEqual(discovery.takeSets(), [[
    "0 10.0.0.1:2 weight 1 of 0",
    "0 10.0.0.2:2 weight 1 of 0",
    "0 [fd00::1]:2 weight 1 of 0",
    "0 10.0.0.9:1 weight 3 of 1",
  ]]);
});

Deno.test("discover() goes on without a name that cannot be looked up from the start", async () => {
  await using discovery = new Discovery({ entries: [entry("gone", 1), entry("a", 1)], interval: 10_000 });
  discovery.dns.setAddresses("a", { v4: ["10.0.0.1"] });
  await discovery.start();
  assert.deepEqual(discovery.takeSets(), [["0 10.0.0.1:1 weight 1 of 1"]]);
  assert.deepEqual(discovery.takeEvents(), ["gone: no such name"]);

  discovery.dns.setAddresses("gone", { v4: ["10.0.0.2"] });
  await discovery.pass(10_000);
  assert.deepEqual(discovery.takeSets(), [["0 10.0.0.2:1 weight 1 of 0", "0 10.0.0.1:1 weight 1 of 1"]]);
  assert.deepEqual(discovery.takeEvents(), ["gone is back"]);
});

Deno.test("discover() asks again once the TTL has passed, which counts as 1 s to 5 min", async () => {
  for (const [ttl, kept] of [[30_000, 30_000], [0, 1000], [86_400_000, 5 * MINUTE]] as const) {
    await using discovery = new Discovery({ entries: [entry("a", 1)] });
    discovery.dns.setAddresses("a", { v4: ["10.0.0.1"], ttl });
    await discovery.start();
    discovery.dns.setAddresses("a", { v4: ["10.0.0.2"], ttl });
    discovery.takeSets();
    await discovery.pass(kept - 1);
    assert.deepEqual(discovery.takeSets(), []);
    await discovery.pass(1);
    assert.deepEqual(discovery.takeSets(), [["0 10.0.0.2:1 weight 1 of 0"]]);
    assert.equal(discovery.dns.takeQueries().length, 2);
  }
});

Deno.test("discover() asks every interval, 10 % more or less, where there is no TTL", async () => {
  for (
    const [random, due, ttl] of [[0, 9000, undefined], [0.5, 10_000, NaN], [1, 11_000, undefined]] as const
  ) {
    await using discovery = new Discovery({ entries: [entry("a", 1)], interval: 10_000 }, random);
    discovery.dns.setAddresses("a", { v4: ["10.0.0.1"], ttl });
    await discovery.start();
    await discovery.pass(due - 1);
    assert.equal(discovery.dns.takeQueries().length, 1);
    await discovery.pass(1);
    assert.equal(discovery.dns.takeQueries().length, 1);
  }
});

Deno.test("discover() says nothing when an answer has but another order", async () => {
  await using discovery = new Discovery({ entries: [entry("a", 1)] });
  discovery.dns.setAddresses("a", { v4: ["10.0.0.1", "10.0.0.2"], ttl: 1000 });
  await discovery.start();
  discovery.dns.setAddresses("a", { v4: ["10.0.0.2", "10.0.0.1"], ttl: 1000 });
  await discovery.pass(1000);
  assert.equal(discovery.dns.takeQueries().length, 2);
  assert.equal(discovery.takeSets().length, 1);
});

Deno.test("discover() keeps what it knows of a name that resolves to nothing, and says so once", async () => {
  await using discovery = new Discovery({ entries: [entry("a", 1), entry("b", 1)], interval: 10_000 });
  discovery.dns.setAddresses("a", { v4: ["10.0.0.1"], ttl: 1000 });
  discovery.dns.setAddresses("b", { v4: ["10.0.0.2"], ttl: MINUTE });
  await discovery.start();
  discovery.dns.fail("a", "no answer");
  await discovery.pass(1000);
  for (let turns = 0; turns < 3; turns++) await discovery.pass(10_000);
  assert.deepEqual(discovery.dns.takeQueries(), ["a", "b", "a", "a", "a", "a"]);
  assert.deepEqual(discovery.takeEvents(), ["a: no answer"]);
  assert.deepEqual(discovery.takeSets(), [["0 10.0.0.1:1 weight 1 of 0", "0 10.0.0.2:1 weight 1 of 1"]]);

  discovery.dns.setAddresses("a", { v4: ["10.0.0.3"], ttl: 1000 });
  await discovery.pass(10_000);
  assert.deepEqual(discovery.takeEvents(), ["a is back"]);
  assert.deepEqual(discovery.takeSets(), [["0 10.0.0.3:1 weight 1 of 0", "0 10.0.0.2:1 weight 1 of 1"]]);
});

Deno.test("discover() keeps the addresses of a family for which no answer came", async () => {
  await using discovery = new Discovery({ entries: [entry("a", 1)], interval: 10_000 });
  discovery.dns.setAddresses("a", { v4: ["10.0.0.1"], v6: ["fd00::1"], ttl: 1000 });
  await discovery.start();
  discovery.dns.setAddresses("a", { v4: ["10.0.0.2"], v6: undefined, ttl: undefined });
  await discovery.pass(1000);
  discovery.dns.setAddresses("a", { v4: ["10.0.0.2"], ttl: 1000 });
  await discovery.pass(10_000);
  assert.deepEqual(discovery.takeSets(), [
    ["0 10.0.0.1:1 weight 1 of 0", "0 [fd00::1]:1 weight 1 of 0"],
    ["0 10.0.0.2:1 weight 1 of 0", "0 [fd00::1]:1 weight 1 of 0"],
    ["0 10.0.0.2:1 weight 1 of 0"],
  ]);
});

Deno.test("discover() makes tiers of priorities, multiplies weights, and puts backups last", async () => {
  const entries = [entry("spare", 0, { tier: 1 }), entry("main", 0, { weight: 2 })];
  await using discovery = new Discovery({ dns: "srv", entries });
  discovery.dns.setServices("main", [[20, 0, 5433, "h2"], [10, 7, 5432, "h1"], [20, 3, 5434, "h1"]]);
  discovery.dns.setServices("spare", [[0, 1, 1, "h3"], [5, 1, 2, "10.0.0.4"]]);
  discovery.dns.setAddresses("h1", { v4: ["10.0.0.1"] });
  discovery.dns.setAddresses("h2", { v4: ["10.0.0.2"], v6: ["fd00::2"] });
  discovery.dns.setAddresses("h3", { v4: ["10.0.0.3"] });
  await discovery.start();
  assert.deepEqual(discovery.takeSets(), [[
    "0 10.0.0.1:5432 weight 14 of 1",
    "1 10.0.0.1:5434 weight 6 of 1",
    "1 10.0.0.2:5433 weight 2 of 1",
    "1 [fd00::2]:5433 weight 2 of 1",
    "2 10.0.0.3:1 weight 1 of 0",
    "3 10.0.0.4:2 weight 1 of 0",
  ]]);
  // An address is not looked up, and a name in two records only once.
  assert.deepEqual(discovery.dns.takeQueries().toSorted(), ["h1", "h2", "h3", "main", "spare"]);
});

Deno.test("discover() keeps tiers apart, and as they are where priorities leave room", async () => {
  const entries = [entry("far", 0, { tier: 7 }), entry("near", 0), entry("next", 0, { tier: 1 })];
  await using discovery = new Discovery({ dns: "srv", entries });
  discovery.dns.setServices("near", [[1, 1, 1, "10.0.0.1"], [2, 1, 2, "10.0.0.1"], [3, 1, 3, "10.0.0.1"]]);
  discovery.dns.setServices("next", [[1, 1, 4, "10.0.0.1"]]);
  discovery.dns.setServices("far", [[1, 1, 5, "10.0.0.1"]]);
  await discovery.start();
  assert.deepEqual(discovery.takeSets(), [[
    "0 10.0.0.1:1 weight 1 of 1",
    "1 10.0.0.1:2 weight 1 of 1",
    "2 10.0.0.1:3 weight 1 of 1",
    "3 10.0.0.1:4 weight 1 of 2",
    "7 10.0.0.1:5 weight 1 of 0",
  ]]);
});

Deno.test("discover() puts backups behind the rest even while there is no rest", async () => {
  await using discovery = new Discovery({ entries: [entry("a", 1, { tier: 1 }), entry("gone", 1)] });
  discovery.dns.setAddresses("a", { v4: ["10.0.0.1"] });
  await discovery.start();
  assert.deepEqual(discovery.takeSets(), [["1 10.0.0.1:1 weight 1 of 0"]]);
});

Deno.test("discover() follows SRV records as they come and go", async () => {
  await using discovery = new Discovery({ dns: "srv", entries: [entry("s", 0)], interval: 10_000 });
  discovery.dns.setServices("s", [[0, 1, 1, "h1"]]);
  discovery.dns.setAddresses("h1", { v4: ["10.0.0.1"], ttl: MINUTE });
  discovery.dns.setAddresses("h2", { v4: ["10.0.0.2"], ttl: 2000 });
  await discovery.start();
  discovery.dns.setServices("s", [[0, 1, 1, "h1"], [0, 1, 2, "h2"]]);
  await discovery.pass(10_000);
  // The addresses of their names have their own TTL.
  discovery.dns.setAddresses("h2", { v4: ["10.0.0.3"], ttl: MINUTE });
  await discovery.pass(2000);
  discovery.dns.setServices("s", [[0, 1, 2, "h2"]]);
  await discovery.pass(8000);
  assert.deepEqual(discovery.takeSets(), [
    ["0 10.0.0.1:1 weight 1 of 0"],
    ["0 10.0.0.1:1 weight 1 of 0", "0 10.0.0.2:2 weight 1 of 0"],
    ["0 10.0.0.1:1 weight 1 of 0", "0 10.0.0.3:2 weight 1 of 0"],
    ["0 10.0.0.3:2 weight 1 of 0"],
  ]);
  assert.deepEqual(discovery.dns.takeQueries(), ["s", "h1", "s", "h2", "h2", "s"]);
});

Deno.test("discover() keeps the last set while the targets of new SRV records resolve to nothing", async () => {
  await using discovery = new Discovery({ dns: "srv", entries: [entry("s", 0)], interval: 10_000 });
  discovery.dns.setServices("s", [[0, 1, 1, "h1"]]);
  discovery.dns.setAddresses("h1", { v4: ["10.0.0.1"] });
  await discovery.start();
  discovery.dns.setServices("s", [[0, 1, 1, "h2"], [5, 1, 1, "h3"]]);
  await discovery.pass(10_000);
  assert.deepEqual(discovery.takeEvents(), ["h2: no such name", "h3: no such name"]);
  discovery.dns.setAddresses("h3", { v4: ["10.0.0.3"] });
  await discovery.pass(10_000);
  discovery.dns.fail("s", "no SRV record");
  await discovery.pass(10_000);
  assert.deepEqual(discovery.takeEvents(), ["h3 is back", "s: no SRV record"]);
  assert.deepEqual(discovery.takeSets(), [["0 10.0.0.1:1 weight 1 of 0"], ["0 10.0.0.3:1 weight 1 of 0"]]);
});

Deno.test("discover() keeps the lowest tier of an address that comes more than once", async () => {
  const entries = [entry("spare", 0, { tier: 1 }), entry("main", 0), entry("more", 0, { weight: 9 })];
  await using discovery = new Discovery({ dns: "srv", entries });
  discovery.dns.setServices("spare", [[0, 1, 1, "h1"]]);
  discovery.dns.setServices("main", [[20, 1, 1, "h1"], [10, 2, 1, "h1"], [10, 5, 1, "h1"], [30, 1, 2, "h1"]]);
  discovery.dns.setServices("more", [[10, 1, 1, "h1"], [20, 1, 2, "h1"]]);
  discovery.dns.setAddresses("h1", { v4: ["10.0.0.1"] });
  await discovery.start();
  assert.deepEqual(discovery.takeSets(), [["0 10.0.0.1:1 weight 5 of 1", "1 10.0.0.1:2 weight 9 of 2"]]);
});

Deno.test("discover() gives each address once, in the order of tiers, for any records", async () => {
  const target = fc.constantFrom("h1", "h2", "h3", "10.0.0.1");
  const record = fc.tuple(fc.nat(3), fc.nat(2), fc.integer({ min: 1, max: 2 }), target);
  const records = fc.array(record, { minLength: 1, maxLength: 6 });
  const entries = fc.array(fc.tuple(records, fc.nat(9)), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(entries, async (all) => {
      const names = all.map(([, tier], index) => entry(`s${index}`, 0, { tier }));
      await using discovery = new Discovery({ dns: "srv", entries: names });
      for (const [index, [services]] of all.entries()) discovery.dns.setServices(`s${index}`, services);
      for (const digit of [1, 2, 3]) {
        discovery.dns.setAddresses(`h${digit}`, { v4: [`10.0.0.${digit}`], v6: [`fd00::${digit % 2}`] });
      }
      await discovery.start();
      const [endpoints, ...more] = discovery.endpoints;
      assert.deepEqual(more, []);
      assert.ok(endpoints !== undefined && endpoints.length > 0);
      const keys = endpoints.map(({ address }) => formatAddress(address));
      assert.equal(new Set(keys).size, keys.length);
      assert.deepEqual(
        endpoints.map(({ tier }) => tier),
        endpoints.map(({ tier }) => tier).sort((a, b) => a - b),
      );
      for (const [first, last] of pairs(endpoints)) {
        assert.ok(
          all[first.source]![1] <= all[last.source]![1],
          "an endpoint of a higher tier comes first",
        );
      }
      assert.ok(endpoints.every(({ weight, tier, source }) => weight >= 1 && tier >= all[source]![1]));
    }),
    { numRuns: 50 },
  );
});

Deno.test("discover() ends with its signal, whatever it waits for, and says nothing afterwards", async () => {
  const asking = new Discovery({ entries: [entry("a", 1)] });
  asking.dns.setAddresses("a", { v4: ["10.0.0.1"] });
  const answer = asking.dns.hold("a");
  await asking.start();
  const stopped = asking.stop();
  answer();
  await stopped;
  assert.deepEqual([asking.takeSets(), asking.takeEvents()], [[], []]);

  const failing = new Discovery({ entries: [entry("a", 1)] });
  const refuse = failing.dns.hold("a");
  await failing.start();
  const ended = failing.stop();
  refuse();
  await ended;
  assert.deepEqual([failing.takeSets(), failing.takeEvents()], [[], []]);

  const before = new Discovery({ entries: [entry("a", 1)] });
  const none = before.stop();
  await before.start();
  await none;
  assert.deepEqual(before.dns.takeQueries(), []);
});

Deno.test("discover() is over when everything is that it has asked for", async () => {
  const asking = new Discovery({ entries: [entry("a", 1)] });
  asking.dns.setAddresses("a", { v4: ["10.0.0.1"] });
  const answer = asking.dns.hold("a");
  await asking.start();
  let isOver = false;
  const stopped = asking.stop().then(() => isOver = true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isOver, false);
  answer();
  await stopped;
});

Deno.test("discover() leaves nothing behind when it ends while a name server is silent", async () => {
  const socket = createSocket("udp4");
  const queries: string[] = [];
  const allSent = Promise.withResolvers<void>();
  socket.on("message", (message) => {
    queries.push(new TextDecoder("latin1").decode(message));
    if (queries.length === 3) allSent.resolve();
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const stop = new AbortController();
  const discovering = discover({
    dns: "a",
    interval: 10_000,
    entries: [entry("db.test", 1)],
    onEndpoints: () => assert.fail("there are none"),
    onError: () => assert.fail("no caller waits for it any more"),
    onAnswer: () => assert.fail("there is none"),
    onForgotten: () => assert.fail("it is asked"),
    signal: stop.signal,
  }, {
    ...sourceParts(),
    resolver: new DnsResolver({ transport: "tcp", hostname: "127.0.0.1", port: socket.address().port }),
  });
  await allSent.promise;
  const stoppedAt = performance.now();
  stop.abort();
  await discovering;
  const took = performance.now() - stoppedAt;
  // Queries that continued would take two seconds.
  assert.ok(took < 1000, `${took} ms`);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  for (const query of queries) assert.ok(query.includes("\x02db\x04test\0"), JSON.stringify(query));
});

function entry(name: string, port: number, more: { weight?: number; tier?: number } = {}): DiscoveryEntry {
  return { name, port, weight: 1, tier: 0, ...more };
}

/** Every pair, the first before the second in the list. */
function pairs<Item>(items: readonly Item[]): [Item, Item][] {
  return items.flatMap((first, index) =>
    items.slice(index + 1).map((second): [Item, Item] => [first, second])
  );
}
