/** Connections that serve one client after another: each gets its own bytes only. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect as connectNode } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { eventually, roundTrip } from "../../support/eventually.ts";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { answerTo, ask, makeRequest, readBytes, RequestServer } from "../../support/peers/request_server.ts";
import { within } from "../../support/program/program.ts";
import { connect, endOf, readAll, writeText } from "../../support/peers/sockets.ts";

const MEGABYTE = 1024 * 1024;

/** Everything that is not slow on purpose arrives within this time, in milliseconds. */
const AT_ONCE = 10_000;

/** How long the upstream must be silent in these tests, in milliseconds. */
const QUIET = 20;

/** The default settings of the pool in these tests. */
const REUSE = { mode: "reuse", quiet: QUIET } as const;

for (const reset of ["close", "pass"] as const) {
  const service = { reset };

  Deno.test(`clients one after the other share a connection, which gets no FIN, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, REUSE, { service });
    for (let client = 0; client < 20; client++) await assertAnswered(proxy.port, "answered");
    assert.deepEqual([server.accepted, server.ended], [1, 0]);
    assert.deepEqual(proxy.pool, { idle: 1, hits: 19, misses: 1, expired: 0, lost: 0 });
  });

  Deno.test(`an answer that comes 200 ms after the client's FIN reaches that client and no other, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, REUSE, { service });
    const slow = { after: 200, size: 100_000 };
    for (let round = 0; round < 3; round++) {
      const clients = Array.from({ length: 10 }, async (_, index) => {
        await assertAnswered(proxy.port, "at once", slow);
        // Others connect and close meanwhile.
        for (let quick = 0; quick < index; quick++) await assertAnswered(proxy.port, "answered");
      });
      await Promise.all(clients);
    }
    assert.ok(proxy.pool.hits > 0);
    assert.equal(proxy.pool.hits + proxy.pool.misses, 3 * (10 + 45));
  });

  Deno.test(`bytes that an upstream sends on an idle connection reach no client, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, REUSE, { service });
    for (let round = 1; round <= 30; round++) {
      await assertAnswered(proxy.port, "answered");
      assert.equal(proxy.pool.idle, 1);
      await server.sendUnsolicited("late");
      // The next client comes at the same moment, or a moment later.
      if (round % 2 === 0) await roundTrip();
      await assertAnswered(proxy.port, "answered");
      assert.equal(server.accepted, round + 1, "the connection was used again");
    }
    assert.equal(proxy.pool.lost, 30);
  });

  Deno.test(`bytes that an upstream sends on an idle connection do not reach a client before its request, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, REUSE, { service });
    for (let round = 1; round <= 20; round++) {
      await assertAnswered(proxy.port, "answered");
      using client = await connect(proxy.port);
      await proxy.until("the client to have its connection", ({ hits }) => hits === round);
      await server.sendUnsolicited("408 idle for too long\r\n");
      await roundTrip();
      const request = makeRequest();
      await writeText(client, request);
      await client.closeWrite();
      assert.equal(hash(await readAll(client)), hash(answerTo(request)));
    }
    assert.equal(proxy.pool.misses, 20, "each round begins with a connection of its own");
  });

  Deno.test(`an idle connection that the upstream ends is not used again, with reset: ${reset}`, async () => {
    for (let round = 0; round < 20; round++) {
      await using proxy = await (async () => {
        await using server = new RequestServer();
        const proxy = await PooledProxy.before(server.address, REUSE, { service });
        await assertAnswered(proxy.port, "answered");
        assert.equal(proxy.pool.idle, 1);
        return proxy;
      })();
      const { lost } = await proxy.holds(0);
      assert.equal(lost, 1);
    }
  });

  Deno.test(`max_uses and max_idle bound the idle connections, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, { ...REUSE, maxUses: 3, maxIdle: 2 }, {
      service,
    });
    for (let client = 0; client < 7; client++) await assertAnswered(proxy.port, "answered");
    await eventually("used up connections to end", () => server.ended, (count) => count === 2);
    assert.equal(server.accepted, 3);

    const clients = await Promise.all(Array.from({ length: 5 }, async () => {
      const client = await connect(proxy.port);
      const request = makeRequest();
      await writeText(client, request);
      assert.deepEqual(hash(await readBytes(client, 100)), hash(answerTo(request)));
      return client;
    }));
    assert.deepEqual([server.accepted, proxy.pool.idle], [3 + 4, 0]);
    await Promise.all(clients.map(async (client) => {
      await client.closeWrite();
      assert.equal(await endOf(client), "fin");
      client.close();
    }));
    assert.equal(proxy.pool.idle, 2);
    await eventually("all others to end", () => server.ended, (count) => count === 2 + 3);
  });

  Deno.test(`a connection that was idle for max_idle_time is closed, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, { ...REUSE, maxIdleTime: 50 }, { service });
    await assertAnswered(proxy.port, "answered");
    await eventually("the upstream to see its end", () => server.ended, (count) => count === 1);
    assert.deepEqual(proxy.pool, { idle: 0, hits: 0, misses: 1, expired: 1, lost: 0 });
    await assertAnswered(proxy.port, "answered");
    assert.equal(server.accepted, 2);
  });

  Deno.test(`a client that resets ends its upstream connection, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, REUSE, { service });
    await resettingClient(proxy.port, makeRequest());
    await eventually("the upstream to see it", () => server.ended, (count) => count === 1);
    assert.deepEqual(proxy.pool, { idle: 0, hits: 0, misses: 1, expired: 0, lost: 0 });
  });

  Deno.test(`a slow client that ends its side gets all of its answer, with reset: ${reset}`, async () => {
    await using server = new RequestServer();
    await using proxy = await PooledProxy.before(server.address, REUSE, { service });
    const request = makeRequest({ size: 64 * MEGABYTE });
    using client = await connect(proxy.port);
    await writeText(client, request);
    const first = await readBytes(client, 1000);
    await stalled(proxy);
    await client.closeWrite();
    await pause(10 * QUIET);
    await assertAnswered(proxy.port, "answered");
    await pause(10 * QUIET);
    const rest = await within(AT_ONCE, "The rest of the answer", readAll(client));
    const sum = createHash("sha256").update(first).update(rest);
    assert.equal(sum.digest("hex"), hash(answerTo(request)));
  });
}

/** A client gets the answer to its request, to the last byte, and nothing else. */
async function assertAnswered(
  port: number,
  end: "at once" | "answered",
  wish?: { size: number; after: number },
): Promise<void> {
  const request = makeRequest(wish);
  const answer = await within(AT_ONCE, "An answer", ask(port, request, end));
  assert.equal(answer.byteLength, answerTo(request).byteLength);
  assert.equal(hash(answer), hash(answerTo(request)));
}

/** Resolves once nothing has come from the upstream for a while: the client does not read. */
async function stalled(proxy: PooledProxy): Promise<void> {
  for (let before = -1; before !== proxy.service.bytesFromUpstream;) {
    before = proxy.service.bytesFromUpstream;
    await pause(100);
  }
}

/** Makes a request, and resets once its answer has begun to come. */
function resettingClient(port: number, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectNode({ host: "127.0.0.1", port }, () => void socket.write(request));
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.once("data", () => socket.resetAndDestroy());
  });
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
