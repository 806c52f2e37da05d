/** MariaDB behind a warm pool: the server speaks first, and its greeting is for one client only. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { connect } from "../../support/peers/sockets.ts";
import { readBytes } from "../../support/peers/request_server.ts";
import { interopTest, run } from "../../support/interop.ts";
import { MARIADB, MariaDb, MARIADB_AND_SLAP, session, to } from "../servers/mariadb.ts";

for (const reset of ["close", "pass"] as const) {
  interopTest(
    `MariaDB: each client of a warm pool gets a nonce of its own, with reset: ${reset}`,
    MARIADB,
    async (stack) => {
      const mariadb = await MariaDb.start(stack);
      const proxy = stack.use(await warm(mariadb.port, reset));
      const greetings: Greeting[] = [];
      for (let client = 0; client < 20; client++) {
        await proxy.holds(4);
        greetings.push(await greetingOf(proxy.port));
      }
      assert.equal(new Set(greetings.map(({ nonce }) => nonce)).size, 20);
      assert.equal(new Set(greetings.map(({ threadId }) => threadId)).size, 20);
      assert.equal(proxy.pool.hits, 20);
      // MariaDB checks the password with this nonce.
      await mariadb.direct("ALTER USER interop@'%' IDENTIFIED BY 'secret'");
      const args = [...to(proxy.port), "--password=secret", "--execute=SELECT 'in'"];
      assert.match((await run("mariadb", args)).text, /in/);
    },
  );
}

interopTest("MariaDB: mariadb-slap and sessions run through a warm pool", MARIADB_AND_SLAP, async (stack) => {
  const mariadb = await MariaDb.start(stack);
  const proxy = stack.use(await warm(mariadb.port, "close"));
  const { text, stderr } = await run("mariadb-slap", [
    ...to(proxy.port),
    "--auto-generate-sql",
    "--concurrency=4",
    "--number-of-queries=400",
    "--detach=20", // queries on a connection, then a new one
  ]);
  assert.match(text, /Average number of queries per client: 100\n/);
  assert.equal(stderr, "");
  for (let client = 0; client < 10; client++) {
    const { text } = await session(proxy.port, "SELECT @mine; SET @mine = 1; SELECT @mine, DATABASE()");
    assert.equal(text, "NULL\n1\tNULL\n");
  }
  const { hits, lost } = proxy.pool;
  assert.ok(hits >= 10, `${hits} hits`);
  assert.equal(lost, 0);
  assert.match(await mariadb.direct("SHOW GLOBAL STATUS LIKE 'Aborted_clients'"), /^Aborted_clients\t0$/m);
});

interopTest(
  "MariaDB: connections that it drops before a login fail no client",
  MARIADB,
  async (stack) => {
    const mariadb = await MariaDb.start(stack, { args: ["--connect-timeout=2"] });
    const proxy = stack.use(await warm(mariadb.port, "close"));
    await proxy.until("MariaDB to drop them", ({ idle, lost }) => idle === 0 && lost === 4);
    for (let client = 0; client < 5; client++) {
      assert.equal((await session(proxy.port, "SELECT 'in'")).text, "in\n");
    }
  },
);

interface Greeting {
  readonly threadId: number;
  /** The random bytes that the client mixes with its password. */
  readonly nonce: string;
}

/** Connects, reads the greeting and closes: https://mariadb.com/kb/en/connection/#initial-handshake-packet */
async function greetingOf(port: number): Promise<Greeting> {
  using client = await connect(port);
  const header = await readBytes(client, 4);
  const body = Buffer.from(await readBytes(client, header[0]! + header[1]! * 256));
  assert.equal(body[0], 10, "protocol version");
  const threadId = body.indexOf(0, 1) + 1;
  const start = threadId + 4;
  // After the first eight bytes: filler, capabilities, collation, status, more capabilities, a length and filler.
  const rest = start + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 6 + 4;
  const nonce = Buffer.concat([body.subarray(start, start + 8), body.subarray(rest, rest + 12)]);
  return { threadId: body.readUInt32LE(threadId), nonce: nonce.toString("hex") };
}

/** A proxy whose pool is full. */
async function warm(port: number, reset: "close" | "pass"): Promise<PooledProxy> {
  const proxy = await PooledProxy.before(`127.0.0.1:${port}`, { maxIdle: 4 }, { service: { reset } });
  await proxy.holds(4);
  return proxy;
}
