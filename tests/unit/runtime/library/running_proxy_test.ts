/** The library over real sockets, with one thread and with two. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { ConfigError } from "../../../../src/config/config_error.ts";
import type { ProxyOptions } from "../../../../src/config/options.ts";
import type { RunningProxy } from "../../../../src/runtime/library/running_proxy.ts";
import { startProxy } from "../../../../src/runtime/start_proxy.ts";
import {
  connect,
  echo,
  endOf,
  freePorts,
  readAll,
  readText,
  upstream,
  writeText,
} from "../../../support/peers/sockets.ts";

for (const workers of [1, 2]) {
  const threads = workers === 1 ? "in this thread" : `with ${workers} threads`;

  Deno.test(`a connection is seen from its beginning to its end ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({ upstream: server.address, workers });
    const client = await connect(proxy.port);
    const { id } = await proxy.nextEvent("connected");
    const [connection, ...others] = proxy.connections();
    assert.equal(others.length, 0);
    assert.deepEqual(
      { id: connection!.id, service: connection!.service, endpoint: connection!.endpoint },
      { id, service: "proxy", endpoint: server.address },
    );
    await writeText(client, "hello");
    assert.equal(await readText(client, 5), "hello");
    client.close();
    const { reason, bytes, duration_ms } = await proxy.nextEvent("closed", { id });
    assert.deepEqual({ reason, bytes }, { reason: "client_closed", bytes: { upload: 5, download: 5 } });
    assert.ok(duration_ms >= 0 && duration_ms < 5000);
    await proxy.settled();
    assert.deepEqual(proxy.connections(), []);
    const { accepted, active, closedBy } = proxy.service("proxy").figures();
    assert.deepEqual({ accepted, active, closedBy: { ...closedBy } }, {
      accepted: 1,
      active: 0,
      closedBy: { client_closed: 1 },
    });
  });

  Deno.test(`OpenConnection.close() ends both sides ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({ upstream: server.address, workers });
    using client = await connect(proxy.port);
    await proxy.nextEvent("connected");
    await proxy.connections()[0]!.close();
    assert.deepEqual(proxy.connections(), []);
    assert.equal((await proxy.nextEvent("closed")).reason, "killed");
    assert.equal((await readAll(client)).byteLength, 0);
  });

  Deno.test(`settled() waits for the last connection, and names those that stay ${threads}`, async () => {
    await using server = upstream(echo);
    await using proxy = await startProxy({ upstream: server.address, workers });
    using client = await connect(proxy.port);
    const { id, client: address } = await proxy.nextEvent("opened");
    await assert.rejects(proxy.settled({ timeout: 1 }), {
      name: "WaitTimeoutError",
      message: new RegExp(`^Connections are still open after 1 ms: #${id} \\(proxy, from ${address}\\)`),
    });
    const settled = proxy.settled();
    await client.closeWrite();
    await settled;
    assert.equal(proxy.figures()[0]!.active, 0);
    assert.equal((await proxy.nextEvent("closed")).id, id);
  });
}

Deno.test("OpenConnection.reset() resets both sides", async () => {
  const { promise: ofUpstream, resolve } = Promise.withResolvers<string>();
  await using server = upstream(async (conn) => resolve(await endOf(conn)));
  await using proxy = await startProxy({ upstream: server.address, reset: "pass" });
  using client = await connect(proxy.port);
  await proxy.nextEvent("connected");
  await proxy.connections()[0]!.reset();
  assert.deepEqual([await endOf(client), await ofUpstream], ["ConnectionReset", "ConnectionReset"]);
});

Deno.test("a proxy of several services has no port of its own", async () => {
  await using proxy = await startProxy({
    services: [
      { name: "a", listen: 0, upstream: "127.0.0.1:1" },
      { name: "b", listen: 0, upstream: "127.0.0.1:1" },
    ],
  });
  assert.throws(() => proxy.port, { message: /2 services: say which with service\(name\), of "a", "b"/ });
  assert.throws(() => proxy.service("c"), { message: 'There is no service "c": this proxy has "a", "b"' });
  assert.equal(proxy.service("b").address, `127.0.0.1:${proxy.service("b").port}`);
  assert.notEqual(proxy.service("a").port, proxy.service("b").port);
});

Deno.test("a service on a unix socket has no port", { ignore: Deno.build.os === "windows" }, async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using proxy = await startProxy({ listen: `unix:${folder}/s.sock`, upstream: "127.0.0.1:1" });
    assert.equal(proxy.address, `unix:${folder}/s.sock`);
    assert.throws(() => proxy.port, { message: /which has no port/ });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("problems of a proxy of one service have the paths that its program wrote", async () => {
  const options = { upstream: "127.0.0.1", idleTimeout: "5", workers: 0 } as unknown as ProxyOptions;
  const error = await startProxy(options).then(() => assert.fail("started"), (cause) => cause);
  assert.ok(error instanceof ConfigError);
  assert.deepEqual(error.problems.map(({ path }) => path).sort(), ["idleTimeout", "upstream", "workers"]);
  const unreadable = { upstream: "127.0.0.1:1", tls: { cert: "missing.pem", key: "missing.key" } };
  await assert.rejects(startProxy(unreadable), ({ problems }: ConfigError) => {
    assert.deepEqual(problems.map(({ path }) => path), ["tls.cert"]);
    return true;
  });
});

Deno.test("events() ends when the proxy has stopped", async () => {
  const proxy: RunningProxy = await startProxy({ upstream: "127.0.0.1:1" });
  const events = proxy.events();
  using client = await connect(proxy.port);
  await proxy.nextEvent("opened");
  await proxy.stop({ drain: 0 });
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  assert.deepEqual(types.slice(0, 1), ["opened"]);
  assert.ok(types.includes("drain"), types.join());
  assert.equal((await readAll(client)).byteLength, 0);
});

Deno.test("the seed is that of the options, else that of the environment, and failed waits name it", async () => {
  const before = Deno.env.get("SLUICE_SEED");
  Deno.env.set("SLUICE_SEED", "from environment");
  try {
    await using given = await startProxy({ upstream: "127.0.0.1:1", seed: 42 });
    assert.equal(given.seed, "42");
    await using proxy = await startProxy({ upstream: "127.0.0.1:1" });
    await assert.rejects(proxy.nextEvent("opened", { timeout: 1 }), {
      message: /; the seed is from environment$/,
    });
  } finally {
    if (before === undefined) Deno.env.delete("SLUICE_SEED");
    else Deno.env.set("SLUICE_SEED", before);
  }
});

for (const workers of [1, 2]) {
  Deno.test(`a free port is not reserved by a listener that would get clients too (threads: ${workers})`, async () => {
    const [fixed] = freePorts(1);
    // The listeners themselves are those of node:net, or of other threads.
    const listen = mock.method(Deno, "listen");
    try {
      await using proxy = await startProxy({
        services: [
          { name: "free", listen: [0, 0], upstream: "127.0.0.1:1" },
          { name: "fixed", listen: fixed!, upstream: "127.0.0.1:1" },
        ],
        workers,
      });
      const ports = proxy.services.flatMap(({ listen }) =>
        listen.map((address) => Number(address.split(":")[1]))
      );
      assert.equal(new Set(ports).size, 3);
      assert.equal(ports[2], fixed);
      const reserved = listen.mock.calls.map(({ arguments: [options] }) =>
        (options as { port: number }).port
      );
      assert.deepEqual(reserved, [fixed]);
    } finally {
      mock.restoreAll();
    }
  });
}
