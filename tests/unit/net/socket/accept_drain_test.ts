import assert from "node:assert/strict";
import { ACCEPT_IDLE } from "../../../../src/net/socket/accept.ts";
import type { TcpAddress } from "../../../../src/net/address.ts";
import type { Adapter } from "../../../../src/net/socket/conn.ts";
import { listen, type Listener } from "../../../../src/net/socket/listen.ts";
import { sleep } from "../../../../src/net/timers/sleep.ts";
import { roundTrip } from "../../../support/eventually.ts";
import { Accepting, ANYWHERE, ask } from "../../../support/peers/accept_fixture.ts";
import { connectWhileBusy } from "../../../support/peers/busy_clients.ts";
import { untilRefused } from "../../../support/peers/sockets.ts";

const NEVER = new AbortController().signal;
const ADAPTERS: readonly Adapter[] = ["deno", "node"];

for (const adapter of ADAPTERS) {
  const bound = (): Promise<Listener> => listen(ANYWHERE, { adapter });

  Deno.test(`acceptConnections() ends a drain without clients after the idle time (${adapter})`, async () => {
    await using loop = new Accepting(await bound());
    assert.equal(await ask(loop.port), "answered");
    const began = performance.now();
    loop.drain();
    await loop.ended;
    const took = performance.now() - began;
    assert.ok(took >= ACCEPT_IDLE && took < 20 * ACCEPT_IDLE, `${took} ms`);
    await untilRefused(loop.port);
    assert.deepEqual(loop.errors, []);
  });

  Deno.test(`acceptConnections() loses no client of a burst at the start of a drain (${adapter})`, async () => {
    await using loop = new Accepting(await bound(), () => {
      if (loop.accepted === 20) loop.drain();
    });
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => ask(loop.port)));
    await loop.ended;
    const answered = outcomes.filter((outcome) => outcome === "answered").length;
    assert.equal(answered, loop.accepted);
    assert.ok(answered > 20, `${answered} answered`);
    assert.deepEqual(outcomes.filter((outcome) => outcome === "lost"), []);
  });

  Deno.test(`acceptConnections() loses no client that comes while the draining thread is busy (${adapter})`, async () => {
    await using loop = new Accepting(await bound());
    const outcomes = await connectWhileBusy(loop.port, 50, 3 * ACCEPT_IDLE, () => loop.drain());
    await loop.ended;
    assert.deepEqual(outcomes, Array.from({ length: 50 }, () => "answered"));
  });

  Deno.test(`acceptConnections() continues a drain while clients keep coming, until it is stopped (${adapter})`, async () => {
    await using loop = new Accepting(await bound());
    let ended = false;
    loop.ended.then(() => ended = true);
    loop.drain();
    for (let client = 0; client < 20; client++) {
      assert.equal(await ask(loop.port), "answered");
      await sleep(20, NEVER);
    }
    assert.equal(ended, false);
    const began = performance.now();
    loop.stop();
    await loop.ended;
    assert.ok(performance.now() - began < ACCEPT_IDLE, "stopped at once");
    await untilRefused(loop.port);
  });

  Deno.test(`acceptConnections() admits clients that wait for a place during a drain (${adapter})`, async () => {
    const place = Promise.withResolvers<void>();
    await using loop = new Accepting(await bound(), () => place.promise);
    assert.equal(await ask(loop.port), "answered");
    const second = ask(loop.port);
    loop.drain();
    // Time in which no client can be accepted does not count.
    await sleep(3 * ACCEPT_IDLE, NEVER);
    assert.equal(loop.accepted, 1);
    place.resolve();
    assert.equal(await second, "answered");
    await loop.ended;
    assert.equal(loop.accepted, 2);
  });

  Deno.test(`acceptConnections() stops a drain that waits for a place at once (${adapter})`, async () => {
    await using loop = new Accepting(await bound(), () => new Promise(() => {}));
    assert.equal(await ask(loop.port), "answered");
    loop.drain();
    loop.stop();
    await loop.ended;
    await untilRefused(loop.port);
  });
}

Deno.test("acceptConnections() hands over connections that node:net had accepted when a drain is stopped", async () => {
  await using loop = new Accepting(await listen(ANYWHERE, { adapter: "node" }), () => new Promise(() => {}));
  assert.equal(await ask(loop.port), "answered");
  const waiting = [ask(loop.port), ask(loop.port)];
  // node:net accepts by itself, in the turn in which it reads other sockets.
  await roundTrip();
  assert.equal(loop.accepted, 1);
  loop.drain();
  loop.stop();
  assert.deepEqual(await Promise.all(waiting), ["answered", "answered"]);
  await loop.ended;
  assert.equal(loop.accepted, 3);
});

Deno.test("NodeListener.close() closes connections that node:net has accepted in advance", async () => {
  const listener = await listen(ANYWHERE, { adapter: "node" });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: (listener.address as TcpAddress).port });
  await roundTrip();
  listener.close();
  assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
});
