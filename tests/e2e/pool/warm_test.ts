/** Clients of a warm pool get a connection of their own, and every byte of it. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { eventually, roundTrip } from "../../support/eventually.ts";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { within } from "../../support/program/program.ts";
import {
  connect,
  echo,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

const MEGABYTE = 1024 * 1024;

/** Bytes that are already there arrive within this time, in milliseconds. */
const AT_ONCE = 10_000;

for (const reset of ["close", "pass"] as const) {
  Deno.test(`the pool is full before any client comes, with reset: ${reset}`, async () => {
    let accepted = 0;
    await using server = upstream(async (conn) => {
      accepted += 1;
      await readAll(conn);
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 5 }, { service: { reset } });
    assert.deepEqual(await proxy.holds(5), { idle: 5, hits: 0, misses: 0, expired: 0, lost: 0 });
    await eventually("the upstream to see them all", () => accepted, (count) => count === 5);
  });

  Deno.test(`each connection is handed out once, with reset: ${reset}`, async () => {
    let accepted = 0;
    await using server = upstream(async (conn) => {
      const number = String(accepted++).padStart(4);
      await readText(conn, 4);
      await writeText(conn, number);
      await echo(conn);
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 4 }, { service: { reset } });
    await proxy.holds(4);
    const numbers: string[] = [];
    for (let client = 0; client < 8; client++) {
      numbers.push(await visit(proxy.port));
      await proxy.holds(4);
    }
    assert.deepEqual(proxy.pool, { idle: 4, hits: 8, misses: 0, expired: 0, lost: 0 });
    numbers.push(...await Promise.all(Array.from({ length: 30 }, () => visit(proxy.port))));
    assert.equal(new Set(numbers).size, 38, `${numbers}`);
    const { hits, misses, expired, lost } = await proxy.holds(4);
    assert.deepEqual({ clients: hits + misses, expired, lost }, { clients: 38, expired: 0, lost: 0 });
    assert.ok(hits >= 8 + 4, `${hits} hits`);
    await eventually("nothing opened in vain", () => accepted, (count) => count === 38 + 4);
  });

  for (
    const [what, pieces] of [
      ["that came while it waited", ["220 hello\r\n"]],
      ["that came in two pieces", ["220 he", "llo\r\n"]],
      ["larger than what is read ahead", [randomBytes(60_000).toString("hex")]],
    ] as const
  ) {
    Deno.test(`a greeting ${what} reaches the client first and whole, with reset: ${reset}`, async () => {
      const greeted = Array.from({ length: 2 }, () => Promise.withResolvers<void>());
      let accepted = 0;
      await using server = upstream(async (conn) => {
        const done = greeted[accepted++];
        for (const piece of pieces) {
          await writeText(conn, piece);
          await roundTrip();
        }
        done?.resolve();
        await echo(conn);
      });
      await using proxy = await PooledProxy.before(server.address, { maxIdle: 2 }, { service: { reset } });
      await Promise.all(greeted.map(({ promise }) => promise));
      const greeting = pieces.join("");
      for (const _client of greeted) {
        using client = await connect(proxy.port);
        await writeText(client, "ping");
        assert.equal(await within(AT_ONCE, "The greeting", readText(client, greeting.length)), greeting);
        assert.equal(await readText(client, 4), "ping");
        await client.closeWrite();
        assert.equal((await readAll(client)).length, 0);
      }
      assert.ok(proxy.pool.hits >= 2);
    });
  }

  Deno.test(`a greeting may come half before and half after the client, with reset: ${reset}`, async () => {
    const firstHalfCame = Promise.withResolvers<void>();
    await using server = upstream(async (conn) => {
      await writeText(conn, "220 he");
      firstHalfCame.resolve();
      await readText(conn, 4);
      await writeText(conn, "llo\r\n");
      await echo(conn);
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 1 }, { service: { reset } });
    await firstHalfCame.promise;
    await proxy.holds(1);
    using client = await connect(proxy.port);
    assert.equal(await within(AT_ONCE, "The greeting", readText(client, 6)), "220 he");
    await writeText(client, "EHLOping");
    assert.equal(await readText(client, 9), "llo\r\nping");
    assert.equal(proxy.pool.hits, 1);
  });

  Deno.test(`a pooled connection may be half-closed from either side, with reset: ${reset}`, async () => {
    const request = randomBytes(MEGABYTE);
    const received: string[] = [];
    await using server = upstream(async (conn) => {
      if (await readText(conn, 5) === "first") {
        await writeText(conn, "bye");
        await conn.closeWrite();
        received.push(hash(await readAll(conn)));
      } else {
        received.push(hash(await readAll(conn)));
        await writeText(conn, "answer");
      }
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 2 }, { service: { reset } });
    await proxy.holds(2);

    using asking = await connect(proxy.port);
    await writeText(asking, "again");
    await writeAll(asking, request);
    await asking.closeWrite();
    assert.equal(new TextDecoder().decode(await readAll(asking)), "answer");

    using listening = await connect(proxy.port);
    await writeText(listening, "first");
    assert.equal(new TextDecoder().decode(await readAll(listening)), "bye");
    await writeAll(listening, request);
    await listening.closeWrite();
    await eventually("both requests", () => received.length, (count) => count === 2);
    assert.deepEqual(received, [hash(request), hash(request)]);
    assert.equal(proxy.pool.hits, 2);
  });

  Deno.test(`64 MiB both ways arrive unchanged over a pooled connection, with reset: ${reset}`, async () => {
    const block = randomBytes(MEGABYTE + 3);
    const received = Promise.withResolvers<string>();
    await using server = upstream(async (conn) => {
      const [hashed] = await Promise.all([hashOfAll(conn), sendBlocks(conn, block)]);
      received.resolve(hashed);
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 1 }, { service: { reset } });
    await proxy.holds(1);
    using client = await connect(proxy.port);
    const [download] = await Promise.all([hashOfAll(client), sendBlocks(client, block)]);
    const expected = createHash("sha256");
    for (let sent = 0; sent < 64; sent++) expected.update(block);
    const digest = expected.digest("hex");
    assert.equal(download, digest);
    assert.equal(await received.promise, digest);
    assert.equal(proxy.pool.hits, 1);
  });
}

/** The number of the connection that a client gets. */
async function visit(port: number): Promise<string> {
  using client = await connect(port);
  await writeText(client, "who?");
  const number = await within(AT_ONCE, "An answer", readText(client, 4));
  await client.closeWrite();
  assert.equal((await readAll(client)).length, 0);
  return number;
}

async function sendBlocks(conn: Deno.Conn, block: Uint8Array): Promise<void> {
  for (let sent = 0; sent < 64; sent++) await writeAll(conn, block);
  await conn.closeWrite();
}

async function hashOfAll(conn: Deno.Conn): Promise<string> {
  const sum = createHash("sha256");
  const buffer = new Uint8Array(256 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    sum.update(buffer.subarray(0, count));
  }
  return sum.digest("hex");
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
