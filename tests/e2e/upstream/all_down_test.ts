/** What happens to clients while no endpoint is up. */

import assert from "node:assert/strict";
import { startProxy } from "../../../main.ts";
import type { ProxyOptions } from "../../../main.ts";
import { eventually } from "../../support/eventually.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  Upstream,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { connectAndReset } from "../../support/peers/sockets.ts";
import { workers } from "../../support/program/program.ts";

Deno.test("with on_all_down: wait, clients of a server that restarts are served when it is back", async () => {
  const before = upstream(echo);
  const { port } = before;
  await using proxy = await start({
    endpoints: [before.address],
    onAllDown: "wait",
    retry: { timeout: "30s" },
  });
  using first = await connect(proxy.port);
  await writeText(first, "ping");
  assert.equal(await readText(first, 4), "ping");
  await before.stopListening();
  await before[Symbol.asyncDispose]();
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(proxy.port)));
  for (const client of clients) await writeText(client, "late");
  await eventually("all to wait", () => proxy.upstreams()[0]!.waiting, (count) => count === 20);
  // A service that stays down gets few connections, however many clients wait.
  const { failures } = proxy.upstreams()[0]!.endpoints[0]!;
  await using _after = new Upstream(Deno.listen({ hostname: "127.0.0.1", port }), echo);
  for (const client of clients) {
    assert.equal(await readText(client, 4), "late");
    client.close();
  }
  assert.ok(failures < 20 + 10 * workers * 5, `${failures} failures`);
  await eventually("no client", () => proxy.upstreams()[0]!.waiting, (count) => count === 0);
});

Deno.test("with on_all_down: wait, a client that leaves is noticed, and one whose time is over is refused", async () => {
  const server = upstream(echo);
  await using proxy = await start({
    endpoints: [server.address],
    onAllDown: "wait",
    retry: { timeout: "2s" },
  });
  await server[Symbol.asyncDispose]();
  await connectAndReset(proxy.port);
  assert.equal((await proxy.nextEvent("failed")).reason, "connection_reset");
  const silent = await connect(proxy.port);
  await eventually("it to wait", () => proxy.upstreams()[0]!.waiting, (count) => count === 1);
  silent.close();
  assert.equal((await proxy.nextEvent("failed")).reason, "client_left");
  using patient = await connect(proxy.port);
  await writeText(patient, "ping");
  assert.equal(await endOf(patient), "fin");
  assert.equal((await proxy.nextEvent("failed")).reason, "connection_refused");
  using cut = await connect(proxy.port);
  await eventually("it to wait", () => proxy.upstreams()[0]!.waiting, (count) => count === 1);
  void proxy.stop({ drain: 20_000 });
  assert.equal((await proxy.nextEvent("failed")).reason, "shutdown");
  assert.equal(await endOf(cut), "fin");
});

Deno.test("with on_all_down: refuse, clients of an endpoint that checks have found down are refused at once", async () => {
  const server = upstream(echo);
  await using proxy = await start({
    endpoints: [server.address],
    onAllDown: "refuse",
    healthCheck: { interval: 20, rise: 1, fall: 1 },
  });
  await eventually("it to be up", () => proxy.upstreams()[0]!.endpoints[0]!.state, (state) => state === "up");
  await server[Symbol.asyncDispose]();
  await eventually(
    "it to be down",
    () => proxy.upstreams()[0]!.endpoints[0]!.state,
    (state) => state === "down",
  );
  // Threads learn of that by message.
  await eventually("a refusal", async () => {
    using client = await connect(proxy.port);
    await endOf(client);
    return proxy.figures()[0]!.failedBy;
  }, ({ no_endpoint }) => (no_endpoint ?? 0) > 0);
  const refused = await eventually(
    "its detail",
    () => proxy.nextEvent("failed"),
    ({ reason }) => reason === "no_endpoint",
  );
  assert.equal(refused.detail, `no endpoint of test.upstream is up: ${server.address} is down`);
});

function start(upstream: NonNullable<ProxyOptions["services"]>[number]["upstream"]) {
  return startProxy({ workers, services: [{ name: "test", listen: 0, upstream }] });
}
