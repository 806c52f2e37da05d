/** Connections of services that a reload changes, removes or restores in a thread. */

import assert from "node:assert/strict";
import { decodeOptions } from "../../../../src/config/library.ts";
import { pooledBytes } from "../../../../src/net/buffers.ts";
import { connect, endOf } from "../../../support/peers/sockets.ts";
import { echoed, ProxyFixture, roundTrip, type Service, turn } from "../proxy_fixture.ts";

Deno.test("RelayThread.commit() keeps the connections of a changed service, and counts them with the new ones", async () => {
  await using fixture = await ProxyFixture.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream }],
  }));
  using client = await echoed(fixture.port());
  await reload(fixture, { name: "test", listen: 0, upstream: fixture.upstream.address, idleTimeout: 60_000 });
  assert.equal(await roundTrip(client), "hello");
  using _other = await echoed(fixture.port());
  assert.equal(fixture.supervisor.active, 2);
});

Deno.test("RelayThread.abortConnections() ends and counts the connections of removed services, also of a name that is back", async () => {
  const fixture = await ProxyFixture.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream }],
  }));
  using first = await echoed(fixture.port());
  await reload(fixture, { name: "other", listen: 0, upstream: fixture.upstream.address });
  await reload(fixture, { name: "test", listen: 0, upstream: fixture.upstream.address });
  using second = await echoed(fixture.port());
  assert.equal(fixture.supervisor.active, 2);
  const stopping = fixture.next("stopping");
  const report = fixture.shutdown.begin({ drain: 1_000_000 });
  await stopping;
  second.close();
  await turn();
  assert.equal(await roundTrip(first), "hello", "it is waited for");
  const ended = endOf(first);
  await fixture.shutdown.begin({ drain: 0 });
  await ended;
  assert.deepEqual(await report, { cut: 1 });
  await fixture.upstream[Symbol.asyncDispose]();
});

Deno.test("RelayThread.commit() serves pending clients of a removed service, and keeps its group until then", async () => {
  await using fixture = await ProxyFixture.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream }],
  }));
  const port = fixture.port();
  const other = fixture.upstream.address.replace("127.0.0.1", "localhost");
  const reloaded = fixture.next("reloaded");
  const reloading = reload(fixture, { name: "other", listen: 0, upstream: other });
  await reloaded;
  // Its listener closes when no client has come for a while.
  const clients = await Promise.all([1, 2, 3].map(() => connect(port)));
  await reloading;
  for (const client of clients) {
    using conn = client;
    assert.equal(await roundTrip(conn), "hello");
  }
});

Deno.test("RelayThread.commit() frees pooled buffers only when buffer_size changes", async () => {
  await using fixture = await ProxyFixture.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream, bufferSize: "64KiB" }],
  }));
  const own = { name: "test", listen: 0, upstream: fixture.upstream.address };
  {
    using client = await echoed(fixture.port());
    await client.closeWrite();
    await endOf(client);
  }
  const free = pooledBytes();
  assert.ok(free > 0);
  await reload(fixture, { ...own, bufferSize: "64KiB", idleTimeout: 60_000 });
  assert.equal(pooledBytes(), free);
  await reload(fixture, { ...own, bufferSize: "96KiB" });
  assert.equal(pooledBytes(), 0);
});

async function reload(fixture: ProxyFixture, ...services: Service[]): Promise<void> {
  fixture.file = decodeOptions({ services });
  const { ok, detail } = await fixture.reloader.reload();
  assert.ok(ok, detail);
}
