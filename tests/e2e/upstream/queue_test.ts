/** Clients that wait for a place at an endpoint that has its max_connections. */

import assert from "node:assert/strict";
import { type RunningProxy, startProxy } from "../../../main.ts";
import type { UpstreamView } from "../../../src/admin/views.ts";
import { eventually } from "../../support/eventually.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  tryClose,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { sendAndReset } from "../../support/peers/test_client.ts";
import { workers } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";
import { testThreads } from "../../support/program/several_threads.ts";
import { StartedWorkers } from "../../support/started_workers.ts";

const CLIENTS = 200;
const LIMIT = 5;

testThreads(
  `${CLIENTS} clients of ${LIMIT} places are served in the order in which they came`,
  async (threads) => {
    await using server = new Places();
    await using proxy = await start(server, { workers: threads });
    const clients: Deno.TcpConn[] = [];
    try {
      for (let number = 0; number < CLIENTS; number++) {
        const client = await connect(proxy.port);
        clients.push(client);
        await writeText(client, numbered(number));
        await eventually(
          "its place at the server or in the queue",
          () => server.order.length + waiting(proxy),
          (all) => all === number + 1,
        );
      }
      assert.deepEqual([open(proxy), waiting(proxy)], [LIMIT, CLIENTS - LIMIT]);
      // One at a time, so that there is one order.
      for (let left = 0; left < CLIENTS; left++) {
        const inside = Math.min(left + LIMIT, CLIENTS);
        await eventually("the next one", () => server.order.length, (count) => count === inside);
        const client = clients[server.order[left]!]!;
        assert.equal(await readText(client, 3), numbered(server.order[left]!));
        client.close();
      }
      assert.deepEqual(server.order, Array.from(clients.keys()));
      assert.ok(server.most <= LIMIT, `${server.most} at once`);
      await eventually("no client", () => open(proxy) + waiting(proxy), (all) => all === 0);
      const { queue } = proxy.upstreams()[0]!;
      assert.deepEqual(queue, { length: 0, waited: CLIENTS - LIMIT, timeouts: 0, refused: 0 });
    } finally {
      for (const client of clients) tryClose(client);
    }
  },
  [2],
);

testThreads(`of ${CLIENTS} clients at once, none is lost, also when others leave`, async (threads) => {
  await using server = new Places();
  await using proxy = await start(server, { workers: threads });
  const served = await Promise.all(Array.from({ length: CLIENTS }, async (_, number) => {
    if (number % 4 === 3) return await sendAndReset(proxy.port, numbered(number));
    using client = await connect(proxy.port);
    await writeText(client, numbered(number));
    const answer = await readText(client, 3);
    assert.equal(answer, numbered(number));
    return number;
  }));
  assert.equal(served.filter((number) => number !== undefined).length, CLIENTS * 3 / 4);
  assert.ok(server.most <= LIMIT, `${server.most} at once`);
  await eventually("no client", () => open(proxy) + waiting(proxy), (all) => all === 0);
});

for (const adapter of ["deno", "node"] as const) {
  Deno.test(`a waiting client that leaves frees its place in the queue at once, on ${adapter} sockets`, async () => {
    await using server = new Places();
    const reset = adapter === "node" ? "pass" : "close";
    await using proxy = await start(server, { limit: 1, reset });
    using _inside = await entered(proxy, 0);
    const silent = await connect(proxy.port);
    await queued(proxy, 1);
    silent.close();
    assert.deepEqual(await reasonOf(proxy), ["client_left", "client left before it was connected"]);
    await queued(proxy, 0);
    const resets = sendAndReset(proxy.port, "more");
    await resets;
    assert.equal((await reasonOf(proxy))[0], "connection_reset");
    await queued(proxy, 0);
    assert.equal(server.order.length, 1);
  });
}

Deno.test("a waiting client that has finished sending gets its answer when it has a place", async () => {
  await using server = new Places();
  await using proxy = await start(server, { limit: 1 });
  const inside = await entered(proxy, 0);
  using waiting = await connect(proxy.port);
  await writeText(waiting, numbered(1));
  await waiting.closeWrite();
  await queued(proxy, 1);
  inside.close();
  assert.equal(await readText(waiting, 3), numbered(1));
  assert.equal(await endOf(waiting), "fin");
  const { bytesFromClient, bytesFromUpstream } = await eventually(
    "both ends",
    () => proxy.figures()[0]!,
    ({ active }) => active === 0,
  );
  assert.deepEqual([bytesFromClient, bytesFromUpstream], [6, 6]);
});

Deno.test("bytes that a client sends while it waits arrive in order, however many", async () => {
  await using server = new Places(echo);
  await using proxy = await start(server, { limit: 1 });
  const inside = await entered(proxy, 0);
  using waiting = await connect(proxy.port);
  await writeText(waiting, numbered(1));
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  for (let at = 0; at < bytes.length; at += 10_000) await waiting.write(bytes.subarray(at, at + 10_000));
  await queued(proxy, 1);
  inside.close();
  assert.equal(await readText(waiting, 3), numbered(1));
  const answer = new Uint8Array(bytes.length);
  for (let filled = 0; filled < answer.length;) filled += (await waiting.read(answer.subarray(filled)))!;
  assert.deepEqual(answer, bytes);
});

Deno.test("a client waits no longer than the queue says, and not at all where it is full", async () => {
  await using server = new Places();
  await using proxy = await start(server, { limit: 1, queue: { timeout: 400, length: 1 } });
  using _inside = await entered(proxy, 0);
  using waits = await connect(proxy.port);
  await queued(proxy, 1);
  using refused = await connect(proxy.port);
  assert.equal(await endOf(refused), "fin");
  assert.deepEqual(await reasonOf(proxy), [
    "endpoints_full",
    `every endpoint of test.upstream has its max_connections, and the queue is full`,
  ]);
  assert.equal(await endOf(waits), "fin");
  assert.deepEqual(await reasonOf(proxy), [
    "endpoints_full",
    "no place at an endpoint of test.upstream became free within 400 ms",
  ]);
  assert.deepEqual(proxy.upstreams()[0]!.queue, { length: 0, waited: 1, timeouts: 1, refused: 1 });
});

Deno.test("killing a client or stopping the proxy ends the wait at once", async () => {
  await using server = new Places();
  const proxy = await start(server, { limit: 1 });
  const inside = await entered(proxy, 0);
  using first = await connect(proxy.port);
  await queued(proxy, 1);
  const unconnected = () => proxy.connections().filter(({ endpoint }) => endpoint === undefined);
  const [one] = await eventually(
    "it",
    unconnected,
    ({ length }) => length === 1 && proxy.connections().length === 2,
  );
  await one!.close();
  assert.equal((await reasonOf(proxy))[0], "killed");
  assert.equal(await endOf(first), "fin");
  await queued(proxy, 0);
  using second = await connect(proxy.port);
  await queued(proxy, 1);
  const stopped = proxy.stop({ drain: 20_000 });
  assert.equal((await reasonOf(proxy))[0], "shutdown");
  assert.equal(await endOf(second), "fin");
  inside.close();
  assert.equal((await stopped).cut, 0);
});

Deno.test("a lifetime ends the wait too, and services that share an endpoint share its queue", async () => {
  await using server = new Places();
  const group = { endpoints: [{ address: server.address, maxConnections: 1 }], queue: "60s" };
  await using proxy = await startProxy({
    workers,
    upstreams: { group },
    services: [
      { name: "long", listen: 0, upstream: "group" },
      { name: "short", listen: 0, upstream: "group", limits: { lifetime: "1s" } },
    ],
  });
  using inside = await connect(proxy.service("long").port);
  await writeText(inside, numbered(0));
  assert.equal(await readText(inside, 3), numbered(0));
  using waits = await connect(proxy.service("short").port);
  await queued(proxy, 1);
  assert.equal(await endOf(waits), "fin");
  assert.equal((await reasonOf(proxy))[0], "lifetime");
});

Deno.test("a reload that raises the limit serves those that wait, whose state and time the proxy shows", async () => {
  await using server = new Places();
  const yaml = (limit: number) => `
upstreams: { group: { endpoints: [{ address: "${server.address}", max_connections: ${limit} }], queue: 20s } }
services: [{ name: test, listen: 0, upstream: group }]`;
  await using reloadable = await Reloadable.start(yaml(1));
  const { admin, sluice } = reloadable;
  const clients: Deno.TcpConn[] = [];
  try {
    for (let number = 0; number < 3; number++) {
      const client = await connect(sluice.port());
      clients.push(client);
      await writeText(client, numbered(number));
      await eventually("it", () => admin.connections(), ({ length }) => length === number + 1);
    }
    const isFull = (states: string[]) => states.filter((state) => state === "queued").length === 2;
    const states = async () => (await admin.connections()).map(({ state }) => state);
    assert.deepEqual((await eventually("the states", states, isFull)).toSorted(), [
      "open",
      "queued",
      "queued",
    ]);
    assert.equal((await admin.metrics()).sum("sluice_queue_length"), 2);
    await reloadable.reload(yaml(2));
    await eventually("the second", () => server.order.length, (count) => count === 2);
    await reloadable.reload(yaml(3));
    await eventually("the third", () => server.order.length, (count) => count === 3);
    assert.equal((await admin.view<UpstreamView[]>("upstreams"))[0]!.queue!.waited, 2);
    for (const client of clients) client.close();
    const lines = await sluice.loggedEvents("connection_closed", 3);
    assert.deepEqual(lines.map(({ waited_ms }) => typeof waited_ms).toSorted(), [
      "number",
      "number",
      "undefined",
    ]);
  } finally {
    for (const client of clients) tryClose(client);
  }
});

Deno.test({
  name: "waiting clients of a worker that dies hold up no others",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using started = new StartedWorkers();
    await using server = new Places();
    await using proxy = await start(server, { workers: 2, limit: 1 });
    const clients: Deno.TcpConn[] = [];
    try {
      for (let number = 0; number < 40; number++) {
        clients.push(await connect(proxy.port));
        await writeText(clients.at(-1)!, numbered(number));
        await eventually("it", () => open(proxy) + waiting(proxy), (all) => all === number + 1);
      }
      started.all.at(-1)!.dispatchEvent(new ErrorEvent("error", { message: "on purpose", cancelable: true }));
      const left = open(proxy) + waiting(proxy);
      assert.ok(left > 0 && left < 40, `${left} of 40 are left`);
      // Each answers, and leaves when its client has been served.
      const served = await Promise.all(clients.map(async (client) => {
        try {
          return await readText(client, 3);
        } catch {
          return "";
        } finally {
          tryClose(client);
        }
      }));
      const numbers = server.order;
      assert.ok(served.filter((text) => text !== "").length >= left);
      assert.deepEqual(numbers, numbers.toSorted((one, other) => one - other));
      await eventually("no client", () => open(proxy) + waiting(proxy), (all) => all === 0);
    } finally {
      for (const client of clients) tryClose(client);
    }
  },
});

/** Answers each client with its number, and keeps their order. */
class Places implements AsyncDisposable {
  readonly order: number[] = [];
  most = 0;
  #open = 0;
  readonly #server;

  /** @param then What follows the number. */
  constructor(then: (conn: Deno.Conn) => Promise<void> = echo) {
    this.#server = upstream(async (conn) => {
      this.#open += 1;
      this.most = Math.max(this.most, this.#open);
      try {
        const text = await readText(conn, 3);
        this.order.push(Number(text));
        await writeText(conn, text);
        await then(conn);
      } finally {
        this.#open -= 1;
      }
    });
  }

  get address(): string {
    return this.#server.address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

interface Settings {
  readonly workers?: number;
  readonly limit?: number;
  readonly queue?: { readonly timeout: number; readonly length: number };
  readonly reset?: "close" | "pass";
}

function start(
  { address }: Places,
  { workers: count = workers, limit = LIMIT, queue, reset }: Settings,
): Promise<RunningProxy> {
  const endpoints = [{ address, maxConnections: limit }];
  return startProxy({
    workers: count,
    services: [{ name: "test", listen: 0, upstream: { endpoints, queue: queue ?? "60s" }, reset }],
  });
}

/** A client that has a place. */
async function entered(proxy: RunningProxy, number: number): Promise<Deno.TcpConn> {
  const client = await connect(proxy.port);
  await writeText(client, numbered(number));
  assert.equal(await readText(client, 3), numbered(number));
  return client;
}

function numbered(number: number): string {
  return String(number).padStart(3, "0");
}

function open(proxy: RunningProxy): number {
  return proxy.upstreams()[0]!.endpoints[0]!.active;
}

function waiting(proxy: RunningProxy): number {
  return proxy.upstreams()[0]!.queue!.length;
}

function queued(proxy: RunningProxy, count: number): Promise<number> {
  return eventually("the queue", () => waiting(proxy), (length) => length === count);
}

/** Why the next connection ended that was not relayed. */
async function reasonOf(proxy: RunningProxy): Promise<string[]> {
  const { reason, detail } = await proxy.nextEvent("failed", { timeout: 20_000 });
  return [reason, detail];
}
