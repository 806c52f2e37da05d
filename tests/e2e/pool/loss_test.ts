/** No client gets a dead or too old connection, however the upstream behaves. */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { eventually, roundTrip } from "../../support/eventually.ts";
import { type End, FickleServer } from "./fickle_server.ts";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { within } from "../../support/program/program.ts";
import { connect, readAll, readText, upstream, writeText } from "../../support/peers/sockets.ts";

const ENDS: readonly End[] = ["fin", "reset"];

/** Bytes that are already there arrive within this time, in milliseconds. */
const AT_ONCE = 10_000;

/** Larger than what a pool reads ahead. */
const LONG_GREETING = `220 ${"hello ".repeat(1000)}\r\n`;

for (const reset of ["close", "pass"] as const) {
  Deno.test(`a connection that waited for max_idle_time is closed and not handed out, with reset: ${reset}`, async () => {
    let accepted = 0;
    let ended = 0;
    await using server = upstream(async (conn) => {
      const number = String(accepted++);
      const request = await readText(conn, 4).catch(() => undefined);
      if (request === undefined) return void (ended += 1);
      await writeText(conn, number);
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 3, maxIdleTime: 100 }, {
      service: { reset },
    });
    await eventually("the upstream to see them all go", () => ended, (count) => count === 3);
    assert.deepEqual(proxy.pool, { idle: 0, hits: 0, misses: 0, expired: 3, lost: 0 });
    using client = await connect(proxy.port);
    await writeText(client, "who?");
    assert.ok(Number(await readText(client, 1)) >= 3);
    assert.equal(proxy.pool.misses, 1);
    await eventually(
      "the client to have the pool filled again",
      () => accepted,
      (count) => count === 3 + 1 + 3,
    );
  });

  Deno.test(`infrequent clients get only young connections, with reset: ${reset}`, async () => {
    const maxIdleTime = 60;
    const acceptedAt: number[] = [];
    await using server = upstream(async (conn) => {
      const number = acceptedAt.push(performance.now()) - 1;
      await readText(conn, 4);
      await writeText(conn, String(number).padStart(4));
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 3, maxIdleTime }, {
      service: { reset },
    });
    let oldest = -Infinity;
    for (let visit = 0; visit < 40; visit++) {
      await pause(visit * 3);
      const startedAt = performance.now();
      using client = await connect(proxy.port);
      await writeText(client, "who?");
      const number = Number(await readText(client, 4));
      oldest = Math.max(oldest, startedAt - acceptedAt[number]!);
    }
    const { hits, misses } = proxy.pool;
    assert.ok(hits >= 5 && misses >= 5, `${hits} hits and ${misses} misses: not what this is about`);
    // The proxy may have noticed a connection a moment after the upstream.
    assert.ok(oldest < maxIdleTime + 20, `a client got a connection ${Math.round(oldest)} ms old`);
  });

  for (const how of ENDS) {
    Deno.test(`an upstream that restarts (${how}) fails no client, with reset: ${reset}`, async () => {
      await using server = await FickleServer.start();
      await using proxy = await PooledProxy.before(server.address, { maxIdle: 6 }, { service: { reset } });
      let ended = 0;
      for (let round = 0; round < 20; round++) {
        await fullPool(proxy, server, 6);
        ended += await server.restart(how);
        await Promise.all(Array.from({ length: 8 }, () => exchange(proxy.port)));
      }
      assert.equal(ended, 20 * 6);
    });

    for (const [greets, greeting] of [["", ""], [" that greets", "220 hello\r\n"]] as const) {
      Deno.test(`an upstream${greets} that ends all idle connections (${how}) fails no client, with reset: ${reset}`, async () => {
        await using server = await FickleServer.start({ greeting });
        await using proxy = await PooledProxy.before(server.address, { maxIdle: 8 }, { service: { reset } });
        for (let round = 0; round < 40; round++) {
          await fullPool(proxy, server, 8);
          assert.equal(server.endWaiting(how), 8);
          await Promise.all(Array.from({ length: 5 }, () => exchange(proxy.port, greeting)));
        }
      });
    }

    Deno.test(`a client that has sent nothing yet gets another connection when its own ends (${how}), with reset: ${reset}`, async () => {
      await using server = await FickleServer.start();
      await using proxy = await PooledProxy.before(server.address, { maxIdle: 2 }, { service: { reset } });
      await fullPool(proxy, server, 2);
      using client = await connect(proxy.port);
      await proxy.until("the client to have its connection", ({ hits }) => hits === 1);
      assert.ok(server.endWaiting(how) >= 2);
      await roundTrip();
      await writeText(client, "ping");
      assert.equal(await readText(client, 4), "ping");
    });

    Deno.test(`a connection that ended (${how}) after a long greeting is not handed out, with reset: ${reset}`, async () => {
      await using server = await FickleServer.start({ greeting: LONG_GREETING });
      await using proxy = await PooledProxy.before(server.address, { maxIdle: 4 }, { service: { reset } });
      await proxy.holds(4);
      await eventually("the upstream to have them", () => server.waiting, (count) => count === 4);
      await roundTrip();
      server.endWaiting(how);
      await exchange(proxy.port, LONG_GREETING);
    });
  }
}

/** Resolves once the pool is full; clients come until it is, as without them it is not filled again after a failure. */
async function fullPool(proxy: PooledProxy, server: FickleServer, size: number): Promise<void> {
  const look = async () => {
    if (proxy.pool.idle < size) await exchange(proxy.port, server.greeting);
    return { idle: proxy.pool.idle, waiting: server.waiting };
  };
  await eventually("a full pool", look, ({ idle, waiting }) => idle === size && waiting === size);
}

/** A client that sends first, and needs the whole answer. */
async function exchange(port: number, greeting = ""): Promise<void> {
  await within(AT_ONCE, "An exchange", tryExchange(port, greeting));
}

async function tryExchange(port: number, greeting: string): Promise<void> {
  using client = await connect(port);
  await writeText(client, "ping");
  assert.equal(await readText(client, greeting.length + 4), `${greeting}ping`);
  await client.closeWrite();
  assert.equal((await readAll(client)).length, 0);
}
