/** What a thread keeps over reloads: connections of services that have changed, are gone, or have come back. */

import assert from "node:assert/strict";
import { decodeOptions } from "../../../../src/config/library.ts";
import { pooledBytes } from "../../../../src/net/buffer_pool.ts";
import { connect, endOf } from "../../../support/peers/sockets.ts";
import { echoed, ProxyStage, roundTrip, type Service, turn } from "../proxy_fixture.ts";

Deno.test("connections of a service that has changed go on, and are counted with the new ones", async () => {
  await using stage = await ProxyStage.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream }],
  }));
  using client = await echoed(stage.port());
  await reload(stage, { name: "test", listen: 0, upstream: stage.upstream.address, idleTimeout: 60_000 });
  assert.equal(await roundTrip(client), "hello");
  using _other = await echoed(stage.port());
  assert.equal(stage.supervisor.active, 2);
});

Deno.test("a stop ends and counts the connections of services that are gone, also when one of the name is back", async () => {
  const stage = await ProxyStage.start((upstream) => ({ services: [{ name: "test", listen: 0, upstream }] }));
  using first = await echoed(stage.port());
  await reload(stage, { name: "other", listen: 0, upstream: stage.upstream.address });
  await reload(stage, { name: "test", listen: 0, upstream: stage.upstream.address });
  using second = await echoed(stage.port());
  assert.equal(stage.supervisor.active, 2);
  const stopping = stage.next("stopping");
  const report = stage.shutdown.begin({ drain: 1_000_000 });
  await stopping;
  second.close();
  await turn();
  assert.equal(await roundTrip(first), "hello", "it is waited for");
  const ended = endOf(first);
  await stage.shutdown.begin({ drain: 0 });
  await ended;
  assert.deepEqual(await report, { cut: 1 });
  await stage.upstream[Symbol.asyncDispose]();
});

Deno.test("a client who was on the way to a service that goes is served, and so is its group until then", async () => {
  await using stage = await ProxyStage.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream }],
  }));
  const port = stage.port();
  const other = stage.upstream.address.replace("127.0.0.1", "localhost");
  const reloaded = stage.next("reloaded");
  const reloading = reload(stage, { name: "other", listen: 0, upstream: other });
  await reloaded;
  // Its listener is closed once nobody has come for a while.
  const clients = await Promise.all([1, 2, 3].map(() => connect(port)));
  await reloading;
  for (const client of clients) {
    using conn = client;
    assert.equal(await roundTrip(conn), "hello");
  }
});

Deno.test("free relay buffers go when a reload changes buffer_size, and stay when it does not", async () => {
  await using stage = await ProxyStage.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream, bufferSize: "64KiB" }],
  }));
  const own = { name: "test", listen: 0, upstream: stage.upstream.address };
  {
    using client = await echoed(stage.port());
    await client.closeWrite();
    await endOf(client);
  }
  const free = pooledBytes();
  assert.ok(free > 0);
  await reload(stage, { ...own, bufferSize: "64KiB", idleTimeout: 60_000 });
  assert.equal(pooledBytes(), free);
  await reload(stage, { ...own, bufferSize: "96KiB" });
  assert.equal(pooledBytes(), 0);
});

async function reload(stage: ProxyStage, ...services: Service[]): Promise<void> {
  stage.file = decodeOptions({ services });
  const { ok, detail } = await stage.reloader.reload();
  assert.ok(ok, detail);
}
