/** Faults as stages of a relay: what its two sides see. */

import assert from "node:assert/strict";
import { ConnectionFault } from "../../../src/faults/connection_fault.ts";
import type { FaultType } from "../../../src/faults/registry.ts";
import { dial } from "../../../src/net/socket/dial.ts";
import { listen } from "../../../src/net/socket/listen.ts";
import { IdleClock } from "../../../src/net/timers/timeouts.ts";
import { Relay } from "../../../src/relay/relay.ts";
import type { PlacedStage } from "../../../src/relay/stages.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { CONNECTION, RelayFixture, tally } from "../relay/relay_fixture.ts";
import { faultOf, type RunOptions } from "./fault_fixture.ts";

/** Adds a fault to both directions of a relay. */
function addFault(relay: Relay, type: FaultType, values: object, options: RunOptions = {}): PlacedStage[] {
  const fault = new ConnectionFault(faultOf(type, values, options), {
    seed: 1,
    service: "db",
    number: 1,
    close: () => relay.close("fault"),
    reset: () => relay.reset("fault"),
    take: () => true,
    onApplied() {},
  });
  return (["upload", "download"] as const).flatMap((way) =>
    relay.addStage(way, ({ signal }) => fault.stage(way, signal)) ?? []
  );
}

function faulty(type: FaultType, values: object = {}, options: RunOptions = {}) {
  let placed: PlacedStage[] = [];
  const fixture = new RelayFixture({}, (relay) => {
    placed = addFault(relay, type, values, options);
  });
  const { client, upstream, relay } = fixture;
  const remove = () => Promise.all(placed.map((stage) => relay.removeStage(stage)));
  return { client, upstream, relay, fixture, remove };
}

Deno.test("limit_data delivers its bytes to the last one, then closes both at once", async () => {
  using _time = new FakeTime();
  const { client, upstream, fixture } = faulty("limit_data", { bytes: 6 });
  await fixture.arrive("client", "ask");
  await fixture.arrive("upstream", "answer that is too long");
  assert.deepEqual([client.written, upstream.written], ["answer", "ask"]);
  assert.deepEqual(await fixture.failure(), ["fault", "proxy"]);
  assert.equal(fixture.isClosed, true);
});

Deno.test("timeout closes both at once, though bytes are missing", async () => {
  using time = new FakeTime();
  const { client, fixture } = faulty("timeout", { timeout: 100 });
  await fixture.arrive("upstream", "lost");
  await time.advance(110);
  assert.equal(fixture.isClosed, true);
  assert.equal(client.written, "");
  assert.deepEqual(await fixture.failure(), ["fault", "proxy"]);
});

Deno.test("timeout and blackhole close the connection when they are removed", async () => {
  for (const [type, values] of [["timeout", { timeout: 0 }], ["blackhole", {}]] as const) {
    using _time = new FakeTime();
    const { fixture, remove } = faulty(type, values);
    await fixture.arrive("upstream", "lost");
    await remove();
    assert.deepEqual(await fixture.failure(), ["fault", "proxy"]);
  }
});

Deno.test("bytes that an earlier fault holds do not pass where timeout was", async () => {
  using time = new FakeTime();
  let placed: PlacedStage[] = [];
  const fixture = new RelayFixture({}, (relay) => {
    addFault(relay, "latency", { latency: 100 });
    placed = addFault(relay, "timeout", { timeout: 0 });
  });
  await fixture.arrive("upstream", "swallowed");
  await time.advance(150);
  await fixture.arrive("upstream", "held");
  void Promise.all(placed.map((stage) => fixture.relay.removeStage(stage)));
  await time.advance(500);
  assert.deepEqual(await fixture.failure(), ["fault", "proxy"]);
  assert.equal(fixture.client.written, "");
});

Deno.test("reset_peer resets both sides, without a byte", async () => {
  using time = new FakeTime();
  const { client, upstream, fixture } = faulty("reset_peer", { timeout: 50 });
  await time.advance(60);
  assert.deepEqual([client.isReset, upstream.isReset], [true, true]);
  assert.deepEqual(await fixture.failure(), ["fault", "proxy"]);
});

Deno.test("truncate ends each direction after its bytes; what more comes is discarded", async () => {
  const { client, upstream, fixture } = faulty("truncate", { bytes: 3 });
  await fixture.arrive("upstream", "answer", "more");
  assert.deepEqual([client.written, client.isFinished, client.isClosed], ["ans", true, false]);
  await fixture.arrive("client", "question");
  assert.equal(upstream.written, "que");
  await fixture.arrive("upstream", "end");
  await fixture.arrive("client", "end");
  assert.equal((await fixture.outcome).kind, "closed");
});

Deno.test("truncate at 0 ends the directions before a byte", async () => {
  const { client, upstream, fixture } = faulty("truncate", { bytes: 0 });
  await settled();
  assert.deepEqual([client.isFinished || client.isClosed, upstream.isFinished || upstream.isClosed], [
    true,
    true,
  ]);
  await fixture.arrive("upstream", "end");
  await fixture.arrive("client", "end");
  await fixture.outcome;
});

Deno.test("half_open keeps one side from learning that the other has finished, until it is removed", async () => {
  const { client, upstream, fixture, remove } = faulty("half_open");
  await fixture.arrive("client", "question", "end");
  await fixture.arrive("upstream", "answer");
  assert.deepEqual([upstream.written, upstream.isFinished, client.written], ["question", false, "answer"]);
  await remove();
  await settled();
  assert.equal(upstream.isFinished, true);
  await fixture.arrive("upstream", "end");
  assert.equal((await fixture.outcome).kind, "closed");
});

Deno.test("freeze stops both directions until it is removed, and no byte is lost", async () => {
  const { client, upstream, fixture, remove } = faulty("freeze");
  await fixture.arrive("client", "question", "end");
  await fixture.arrive("upstream", "answer");
  assert.deepEqual([client.written, upstream.written, upstream.isFinished], ["", "", false]);
  await remove();
  await settled();
  assert.deepEqual([client.written, upstream.written, upstream.isFinished], ["answer", "question", true]);
  await fixture.arrive("upstream", "end");
  await fixture.outcome;
});

Deno.test("a fault that is removed long after its direction has ended is gone at once", async () => {
  using time = new FakeTime();
  const { fixture, remove, client, upstream } = faulty("latency", { latency: 50 });
  await fixture.arrive("client", "question", "end");
  await time.advance(120);
  assert.deepEqual([upstream.written, upstream.isFinished], ["question", true]);
  await remove();
  await fixture.arrive("upstream", "answer", "end");
  await settled();
  assert.deepEqual([client.written, (await fixture.outcome).kind], ["answer", "closed"]);
});

Deno.test("a connection that is reset while faults hold bytes leaves no timer behind", async () => {
  for (const type of ["latency", "slow_close", "stall", "freeze", "half_open", "drip"] as const) {
    const values = { latency: 1e8, delay: 1e8, duration: 1e8 };
    const { fixture, relay } = faulty(type, values, { trigger: { for: 1e8 } });
    await fixture.arrive("client", "question");
    await fixture.arrive("upstream", "answer");
    relay.reset();
    await fixture.outcome;
  }
});

const LOOPBACK = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

Deno.test("reset_peer gives both a raw client and a raw server ECONNRESET", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const listener = await listen(LOOPBACK, { adapter: "node" });
  const { port } = listener.address as { port: number };
  using peer = await Deno.connect({ hostname: "127.0.0.1", port });
  const client = await listener.accept();
  const upstream = await dial({ ...LOOPBACK, port: (server.addr as Deno.NetAddr).port }, {
    adapter: "node",
    signal: new AbortController().signal,
  });
  using accepted = await server.accept();
  const relay = new Relay({
    client,
    upstream,
    bufferSize: 65_536,
    connection: CONNECTION,
    reset: "close",
    fromClient: tally(),
    fromUpstream: tally(),
    idleClock: new IdleClock(0, 0),
  });
  addFault(relay, "reset_peer", { timeout: 20 });
  const relayed = relay.run();
  const reads = await Promise.allSettled([peer, accepted].map((conn) => conn.read(new Uint8Array(8))));
  for (const read of reads) {
    assert.ok(read.status === "rejected" && read.reason instanceof Deno.errors.ConnectionReset);
  }
  await relayed;
  listener.close();
});
