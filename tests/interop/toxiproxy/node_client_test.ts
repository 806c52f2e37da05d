/** The npm package toxiproxy-node-client, unchanged. */

import assert from "node:assert/strict";
import { type Bandwidth, type Latency, type Timeout, Toxiproxy } from "toxiproxy-node-client";
import { connect, readAll, writeText } from "../../support/peers/sockets.ts";
import { echoed, portOf, toxiproxyServer } from "./toxiproxy_server.ts";

Deno.test("toxiproxy-node-client creates, changes and removes a proxy", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, echo } = await toxiproxyServer(stack);
  const toxiproxy = new Toxiproxy(url);
  assert.match(await toxiproxy.getVersion(), /2\.12\.0/);
  const proxy = await toxiproxy.createProxy({ name: "db", listen: "127.0.0.1:0", upstream: echo.address });
  assert.equal((await echoed(proxy.listen, "hello")).text, "hello");
  const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream: proxy.upstream });
  assert.equal(off.enabled, false);
  await assert.rejects(connect(portOf(proxy.listen)), Deno.errors.ConnectionRefused);
  const on = await proxy.update({ enabled: true, listen: proxy.listen, upstream: proxy.upstream });
  assert.deepEqual([on.enabled, on.listen], [true, proxy.listen]);
  assert.equal((await echoed(proxy.listen, "again")).text, "again");
  await proxy.remove();
  assert.deepEqual(await toxiproxy.getAll(), {});
});

Deno.test("toxiproxy-node-client adds, updates and removes toxics", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, echo } = await toxiproxyServer(stack);
  const toxiproxy = new Toxiproxy(url);
  const proxy = await toxiproxy.createProxy({ name: "db", listen: "127.0.0.1:0", upstream: echo.address });
  const toxic = await proxy.addToxic<Latency>({
    name: "slow",
    type: "latency",
    stream: "downstream",
    toxicity: 1,
    attributes: { latency: 200, jitter: 0 },
  });
  assert.deepEqual(toxic.toJson(), {
    name: "slow",
    type: "latency",
    stream: "downstream",
    toxicity: 1,
    attributes: { latency: 200, jitter: 0 },
  });
  const slow = await echoed(proxy.listen, "hello");
  assert.equal(slow.text, "hello");
  assert.ok(slow.took >= 200, `took ${slow.took} ms`);
  const updated = await toxic.update({ ...toxic.toJson(), attributes: { latency: 300, jitter: 0 } });
  assert.equal(updated.attributes.latency, 300);
  assert.ok((await echoed(proxy.listen, "hello")).took >= 300);
  await updated.remove();
  await proxy.addToxic<Bandwidth>({
    name: "narrow",
    type: "bandwidth",
    stream: "upstream",
    toxicity: 1,
    attributes: { rate: 100 },
  });
  // 50 kB at 100 kB/s, less a burst of 50 ms.
  assert.ok((await echoed(proxy.listen, "x".repeat(50_000))).took >= 400);
  await toxiproxy.reset();
  assert.deepEqual(await (await fetch(`${url}/proxies/db/toxics`)).json(), []);
});

Deno.test("a timeout toxic of toxiproxy-node-client swallows bytes, and closes open connections", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, echo } = await toxiproxyServer(stack);
  const toxiproxy = new Toxiproxy(url);
  const proxy = await toxiproxy.createProxy({ name: "db", listen: "127.0.0.1:0", upstream: echo.address });
  using open = await connect(portOf(proxy.listen));
  await writeText(open, "before");
  const before = new Uint8Array(6);
  assert.equal(await open.read(before), 6);
  await proxy.addToxic<Timeout>({
    name: "gone",
    type: "timeout",
    stream: "downstream",
    toxicity: 1,
    attributes: { timeout: 100 },
  });
  await writeText(open, "after");
  assert.equal((await readAll(open)).byteLength, 0);
});

Deno.test("toxiproxy-node-client populates proxies", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, echo } = await toxiproxyServer(stack);
  const toxiproxy = new Toxiproxy(url);
  const bodies = ["a", "b"].map((name) => ({ name, listen: "127.0.0.1:0", upstream: echo.address }));
  const proxies = await toxiproxy.populate(bodies);
  assert.deepEqual(Object.keys(proxies).sort(), ["a", "b"]);
  for (const { listen } of Object.values(proxies)) assert.equal((await echoed(listen, "x")).text, "x");
  assert.deepEqual(Object.keys(await toxiproxy.getAll()).sort(), ["a", "b"]);
});
