import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers";
import type { ProxyEvent } from "../../../../src/observe/events/events.ts";
import { connect, endOf } from "../../../support/peers/sockets.ts";
import { RelayThread } from "../../../../src/runtime/worker/relay_thread.ts";
import { echoed, ProxyFixture, roundTrip } from "../proxy_fixture.ts";

const LONG = 1_000_000;

Deno.test("Shutdown without connections does not wait, and closes the listeners", async () => {
  await using fixture = await start({ drain: LONG });
  const port = fixture.port();
  assert.equal(fixture.shutdown.hasBegun, false);
  const stopping = fixture.shutdown.begin({});
  assert.equal(fixture.shutdown.hasBegun, true);
  assert.deepEqual(await stopping, { cut: 0 });
  assert.deepEqual(await fixture.shutdown.report, { cut: 0 });
  assert.deepEqual(saidIn(fixture), ["stop: no longer accepting", "Stopped"]);
  await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
});

Deno.test("Shutdown stops accepting, and waits for the last connection", async () => {
  await using fixture = await start({ drain: LONG });
  const port = fixture.port();
  using client = await echoed(port);
  const events: ProxyEvent[] = [];
  using _heard = fixture.supervisor.parts.events.subscribe((event) => events.push(event));
  const stopping = fixture.next("stopping");
  const report = fixture.shutdown.begin({ cause: "SIGTERM" });
  const { message, open } = await stopping;
  assert.deepEqual([message, open], ["SIGTERM: no longer accepting, waiting for 1 open connection", 1]);
  await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
  assert.equal(await roundTrip(client), "hello");
  assert.deepEqual(events.map(({ type }) => type), ["drain"]);
  await client.closeWrite();
  assert.deepEqual(await report, { cut: 0 });
});

Deno.test("Shutdown with a drain of 0 ends all connections at once, and reports how many", async () => {
  await using fixture = await start({ drain: LONG });
  using first = await echoed(fixture.port());
  using second = await echoed(fixture.port());
  const ends = [first, second].map(endOf);
  assert.deepEqual(await fixture.shutdown.begin({ drain: 0 }), { cut: 2 });
  await Promise.all(ends);
  assert.equal(saidIn(fixture).at(-1), "Stopped, 2 connections cut");
});

Deno.test("Shutdown cuts the connections that are open after the configured drain", async () => {
  await using fixture = await start({ drain: 20 });
  using client = await echoed(fixture.port());
  const end = endOf(client);
  assert.deepEqual(await fixture.shutdown.begin({}), { cut: 1 });
  await end;
});

Deno.test("Shutdown.begin() can shorten the wait of an earlier call, and returns the same report", async () => {
  await using fixture = await start({ drain: LONG });
  using client = await echoed(fixture.port());
  const stopping = fixture.next("stopping");
  const first = fixture.shutdown.begin({});
  await stopping;
  const end = endOf(client);
  const [one, other] = await Promise.all([first, fixture.shutdown.begin({ drain: 0 })]);
  await end;
  assert.equal(one, other);
  assert.deepEqual(one, { cut: 1 });
  assert.equal(fixture.events.filter((event) => event === "stopped").length, 1);
});

Deno.test("Shutdown.begin() changes nothing without a drain or with a longer one", async () => {
  await using fixture = await start({ drain: LONG });
  using client = await echoed(fixture.port());
  const stopping = fixture.next("stopping");
  const report = fixture.shutdown.begin({});
  await stopping;
  const again = [fixture.shutdown.begin({}), fixture.shutdown.begin({ drain: 2 * LONG })];
  assert.equal(await roundTrip(client), "hello");
  await client.closeWrite();
  assert.deepEqual(await Promise.all([report, ...again]), [{ cut: 0 }, { cut: 0 }, { cut: 0 }]);
});

Deno.test("Shutdown accepts clients during the configured delay, until a call with a drain of 0", async () => {
  await using fixture = await start({ delay: LONG, drain: LONG });
  const soon = fixture.next("stopping_soon");
  const report = fixture.shutdown.begin({ cause: "SIGTERM" });
  assert.equal((await soon).message, "SIGTERM: no longer ready, accepting for another 1000 s");
  using client = await echoed(fixture.port());
  const end = endOf(client);
  assert.deepEqual(await fixture.shutdown.begin({ drain: 0 }), { cut: 1 });
  await end;
  assert.deepEqual(await report, { cut: 1 });
});

Deno.test("Shutdown skips the delay when a drain was given", async () => {
  await using fixture = await start({ delay: LONG, drain: 0 });
  using client = await echoed(fixture.port());
  const stopping = fixture.next("stopping");
  const report = fixture.shutdown.begin({ drain: LONG });
  await stopping;
  assert.equal(await roundTrip(client), "hello");
  await client.closeWrite();
  assert.deepEqual(await report, { cut: 0 });
  assert.equal(fixture.events.includes("stopping_soon"), false);
});

Deno.test("Shutdown drains after the delay", async () => {
  await using fixture = await start({ delay: 20, drain: LONG });
  using client = await echoed(fixture.port());
  const stopping = fixture.next("stopping");
  const report = fixture.shutdown.begin({});
  await stopping;
  await client.closeWrite();
  assert.deepEqual(await report, { cut: 0 });
});

Deno.test("Shutdown meets its deadline when a thread never answers", async () => {
  const drain = 30_000;
  const fixture = await start({ drain });
  const never = () => new Promise<never>(() => {});
  const names = ["report", "drainListeners", "closeListeners", "drained", "abortConnections"] as const;
  mock.timers.enable({ apis: ["setTimeout"] });
  const hangs = names.map((name) => mock.method(RelayThread.prototype, name, never));
  let report: unknown;
  try {
    void fixture.shutdown.begin({}).then((ended) => report = ended);
    let seconds = 0;
    for (; report === undefined && seconds < 120; seconds++) {
      await new Promise((resolve) => setImmediate(resolve));
      mock.timers.tick(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(report, { cut: 0 });
    assert.ok(seconds * 1000 <= drain + 20_000, `${seconds} s`);
  } finally {
    mock.timers.reset();
    for (const hang of hangs) hang.mock.restore();
  }
  const { threads } = fixture.supervisor.parts;
  await threads.all.closeListeners();
  await threads.finish();
  await fixture.upstream[Symbol.asyncDispose]();
});

Deno.test("Shutdown logs the number of open connections during a long wait", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    await using fixture = await start({ drain: LONG });
    using client = await echoed(fixture.port());
    const stopping = fixture.next("stopping");
    const report = fixture.shutdown.begin({});
    await stopping;
    mock.timers.tick(5000);
    mock.timers.tick(4999);
    const progress = () => saidIn(fixture).filter((message) => message.startsWith("Still"));
    assert.deepEqual(progress(), ["Still waiting for 1 open connection"]);
    mock.timers.tick(1);
    assert.equal(progress().length, 2);
    await client.closeWrite();
    await report;
    mock.timers.tick(20_000);
    assert.equal(progress().length, 2);
  } finally {
    mock.timers.reset();
  }
});

function start(shutdown: { drain?: number; delay?: number }): Promise<ProxyFixture> {
  return ProxyFixture.start((upstream) => ({ shutdown, services: [{ name: "test", listen: 0, upstream }] }));
}

/** The log lines about the stop. */
function saidIn({ logged }: ProxyFixture): string[] {
  const events = new Set<unknown>(["stopping_soon", "stopping", "draining", "stopped"]);
  return logged.filter(({ event }) => events.has(event)).map(({ message }) => message as string);
}
