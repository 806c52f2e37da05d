/** Faults that a program adds and removes, over real sockets, with one thread and with two. */

import assert from "node:assert/strict";
import { ConfigError } from "../../../../src/config/config_error.ts";
import { ListenError } from "../../../../src/net/socket/listen_error.ts";
import { FaultError, FaultsDisabledError } from "../../../../src/runtime/control/fault_error.ts";
import type { FaultChanges } from "../../../../src/runtime/library/faults.ts";
import { startProxy } from "../../../../src/runtime/start_proxy.ts";
import {
  connect,
  echo,
  endOf,
  listenAgain,
  readText,
  resettableServer,
  untilRefused,
  upstream,
  writeText,
} from "../../../support/peers/sockets.ts";

for (const workers of [1, 2]) {
  const threads = workers === 1 ? "in this thread" : `with ${workers} threads`;

  Deno.test(`an open connection gets a fault at once, its change, and loses it ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({ upstream: server.address, workers });
    using client = await connect(proxy.port);
    await roundTrip(client);
    const slow = await proxy.faults.add({ type: "latency", latency: 200 });
    assert.equal(slow.name, "latency_download");
    assert.ok(await roundTrip(client) >= 190);
    await slow.update({ direction: "both", latency: 150 });
    assert.ok(await roundTrip(client) >= 290);
    assert.equal(slow.applied, 1);
    await slow.remove();
    await slow.remove();
    assert.ok(await roundTrip(client) < 140);
    assert.deepEqual([slow.applied, proxy.faults.list()], [1, []]);
    const { fault } = await proxy.nextEvent("fault");
    assert.equal(fault, "latency_download");
  });

  Deno.test(`a fault is gone once disposed of, and another one takes its name ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({ upstream: server.address, workers });
    {
      await using _one = await proxy.faults.add({ type: "refuse" });
      using _two = await proxy.faults.add({ type: "refuse" });
      assert.deepEqual(proxy.faults.list().map(({ name }) => name), ["refuse", "refuse_2"]);
      assert.equal(await endOfNew(proxy.port), "ConnectionReset");
    }
    assert.deepEqual(proxy.faults.list(), []);
    using client = await connect(proxy.port);
    await roundTrip(client);
    await using again = await proxy.faults.add({ type: "refuse" });
    assert.equal(again.name, "refuse");
  });

  Deno.test(`a service that is down refuses clients and cuts open ones, others go on ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({
      workers,
      services: ["a", "b"].map((name) => ({ name, listen: 0, upstream: server.address })),
    });
    const [a, b] = [proxy.service("a"), proxy.service("b")];
    const { port } = a;
    using client = await connect(port);
    using other = await connect(b.port);
    await Promise.all([roundTrip(client), roundTrip(other)]);
    await a.down();
    assert.equal(await endOf(client), "fin");
    const { service, reason } = await proxy.nextEvent("closed");
    assert.deepEqual({ service, reason }, { service: "a", reason: "fault" });
    assert.equal((await proxy.nextEvent("fault")).fault, "down");
    for (let tries = 0; tries < 5; tries++) {
      await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
    }
    await roundTrip(other);
    await a.down();
    await a.up();
    await a.up();
    assert.equal(proxy.service("a").port, port);
    using back = await connect(port);
    await roundTrip(back);
    assert.deepEqual(a.figures().closedBy, { fault: 1 });
  });

  Deno.test(`a service whose port was taken meanwhile stays down, and says why ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({ upstream: server.address, workers });
    const { port } = proxy;
    await proxy.down();
    {
      using _taken = await listenAgain(port);
      await assert.rejects(proxy.up(), (error: Error) => {
        assert.ok(error instanceof ListenError);
        assert.match(error.message, new RegExp(`^Cannot listen on 127.0.0.1:${port}: `));
        return true;
      });
      assert.deepEqual(proxy.faults.list().map(({ name }) => name), ["down"]);
    }
    await untilRefused(port);
    await proxy.up();
    using client = await connect(port);
    await roundTrip(client);
  });

  Deno.test(`a service on a unix socket goes down and up again ${threads}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/a.sock`;
      await using server = upstream(echo);
      await using proxy = await startProxy({ upstream: server.address, workers, listen: `unix:${path}` });
      using client = await Deno.connect({ transport: "unix", path });
      await roundTrip(client);
      await proxy.down();
      assert.equal(await endOf(client), "fin");
      await assert.rejects(Deno.connect({ transport: "unix", path }), Deno.errors.NotFound);
      await proxy.up();
      using back = await Deno.connect({ transport: "unix", path });
      await roundTrip(back);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`a fault resets both sides ${threads}`, async () => {
    await using server = await resettableServer();
    await using proxy = await startProxy({ upstream: server.address, workers });
    using client = await connect(proxy.port);
    const accepted = await server.accepted();
    const failed = new Promise<Error>((resolve) => accepted.once("error", resolve));
    await proxy.faults.add({ type: "reset_peer" });
    assert.equal(await endOf(client), "ConnectionReset");
    assert.equal((await failed as { code?: string }).code, "ECONNRESET");
    assert.equal((await proxy.nextEvent("closed")).reason, "fault");
  });

  Deno.test(`faults of the configuration act from the start, and may keep a service down ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({ upstream: server.address, workers, faults: [{ type: "down" }] });
    const { port } = proxy;
    assert.ok(port > 0);
    await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
    await proxy.up();
    assert.equal(proxy.port, port);
    using client = await connect(port);
    await roundTrip(client);
  });
}

Deno.test("a client that waits for a fault does not hold up others, also with `when_full: wait`", async () => {
  await using server = upstream(echo);
  await using proxy = await startProxy({
    upstream: server.address,
    limits: { connections: 2, whenFull: "wait" },
  });
  await proxy.faults.add({ type: "delay_accept", delay: "1h", first: 1 });
  using waiting = await connect(proxy.port);
  await proxy.nextEvent("fault");
  using client = await connect(proxy.port);
  await roundTrip(client);
  const [first] = proxy.connections();
  await first!.close();
  assert.equal(await endOf(waiting), "fin");
  assert.equal((await proxy.nextEvent("failed")).reason, "killed");
});

Deno.test("what is wrong with a fault is said with its path, and a name that is taken", async () => {
  await using proxy = await startProxy({ upstream: "127.0.0.1:1" });
  const { faults } = proxy;
  await assert.rejects(faults.add({ type: "latency", latency: -1 }), (error: ConfigError) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems.map(({ path }) => path), ["latency"]);
    return true;
  });
  await faults.add({ type: "refuse", name: "mine" });
  await assert.rejects(faults.add({ type: "refuse", name: "mine" }), ConfigError);
  await faults.remove("mine");
  await assert.rejects(faults.remove("mine"), (error: FaultError) => {
    assert.deepEqual([error instanceof FaultError, error.code], [true, "no_such_fault"]);
    return true;
  });
});

Deno.test("the handle of a fault that was removed by its name leaves the next one of that name alone", async () => {
  await using proxy = await startProxy({ upstream: "127.0.0.1:1" });
  const { faults } = proxy;
  const old = await faults.add({ type: "latency", latency: 100 });
  await faults.remove(old.name);
  const { name } = await faults.add({ type: "latency", latency: 200 });
  assert.equal(name, old.name);
  await assert.rejects(old.update({ latency: 1 }), { code: "no_such_fault" });
  await old.remove();
  assert.deepEqual(faults.list().map(({ name, options }) => [name, options.latency]), [[name, "200ms"]]);
});

Deno.test("the name of a fault stays: its handle would lose it", async () => {
  await using proxy = await startProxy({ upstream: "127.0.0.1:1" });
  const slow = await proxy.faults.add({ type: "latency", latency: 100 });
  await assert.rejects(slow.update({ name: "other" } as FaultChanges), (error: ConfigError) => {
    assert.deepEqual(error.problems.map(({ path }) => path), ["name"]);
    return true;
  });
  await slow.remove();
  assert.deepEqual(proxy.faults.list(), []);
});

Deno.test("of two faults of one name that take a service down at once, the second is refused", async () => {
  await using proxy = await startProxy({ upstream: "127.0.0.1:1" });
  const both = [1, 2].map(() => proxy.faults.add({ type: "down", name: "off" }));
  await assert.rejects(Promise.all(both), { code: "fault_exists" });
  assert.deepEqual(proxy.faults.list().map(({ name }) => name), ["off"]);
  const removed = await Promise.allSettled([1, 2].map(() => proxy.faults.remove("off")));
  assert.deepEqual(removed.map(({ status }) => status), ["fulfilled", "rejected"]);
  using _listening = await connect(proxy.port);
});

Deno.test("down() and up() act in the order in which they were called", async () => {
  await using proxy = await startProxy({ upstream: "127.0.0.1:1" });
  const { port } = proxy;
  await Promise.all([proxy.down(), proxy.reload(), proxy.down(), proxy.up(), proxy.down(), proxy.up()]);
  assert.deepEqual(proxy.faults.list(), []);
  using _listening = await connect(port);
  await Promise.all([proxy.down(), proxy.up(), proxy.down(), proxy.down()]);
  assert.deepEqual(proxy.faults.list().map(({ name }) => name), ["down"]);
  await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
});

Deno.test("a proxy with `faults: false` takes none", async () => {
  await using proxy = await startProxy({
    faults: false,
    services: [{ name: "db", listen: 0, upstream: "127.0.0.1:1" }],
  });
  await assert.rejects(proxy.faults.add({ type: "refuse" }), FaultsDisabledError);
  await assert.rejects(proxy.down(), FaultsDisabledError);
  assert.throws(() => proxy.faults.list(), FaultsDisabledError);
});

Deno.test("a fault may outlive its proxy", async () => {
  const proxy = await startProxy({ upstream: "127.0.0.1:1" });
  {
    using _slow = await proxy.faults.add({ type: "latency", latency: 100 });
    using _down = await proxy.faults.add({ type: "down" });
    await proxy.stop({ drain: 0 });
  }
  await assert.rejects(proxy.up(), { code: "proxy_stopped" });
});

/** How long a round trip takes, in milliseconds. */
async function roundTrip(client: Deno.Conn): Promise<number> {
  const began = performance.now();
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  return performance.now() - began;
}

/** How a new connection ends; it may be reset so early that connecting fails. */
async function endOfNew(port: number): Promise<string> {
  try {
    using client = await connect(port);
    return await endOf(client);
  } catch (error) {
    return (error as Error).name;
  }
}
