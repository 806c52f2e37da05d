import assert from "node:assert/strict";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import { ReuseConn } from "../../../../src/upstream/pool/reuse_conn.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";

/** Short enough to wait for in a test, in milliseconds. */
const QUIET = 5;
/** Longer than any test. */
const FOR_EVER = 1_000_000;

function setUp(quiet = QUIET, maxUses = 10) {
  const conn = new FakeConn();
  const events: string[] = [];
  const shared = new ReuseConn(conn, {
    quiet,
    maxUses,
    onFree: () => void events.push("free"),
    onLost: () => void events.push("lost"),
  });
  return { conn, shared, events };
}

Deno.test("ReuseConn serves the next client if its upstream sent last and is silent", async () => {
  const { conn, shared, events } = setUp();
  const first = shared.use();
  await exchange(first, conn);
  const endOfFirst = readOnce(first);
  await first.closeWrite();
  assert.deepEqual([events, conn.isFinished], [["free"], false]);
  assert.equal(await endOfFirst, null);
  const second = shared.use();
  first.close();
  first[Symbol.dispose]();
  assert.equal(conn.isClosed, false, "the first client's end is not the second's");
  await exchange(second, conn);
  second.close();
  assert.equal(conn.isClosed, true);
});

Deno.test("ReuseConn stays with a client whose FIN precedes the response", async () => {
  const { conn, shared, events } = setUp();
  const client = shared.use();
  await client.write(new TextEncoder().encode("request"));
  const read = readOnce(client);
  await client.closeWrite();
  assert.deepEqual([events, conn.isFinished], [[], true]);
  conn.arrive("late answer");
  assert.equal(await read, "late answer");
});

Deno.test("ReuseConn passes the FIN on if a byte arrives during the quiet time", async () => {
  const { conn, shared, events } = setUp(FOR_EVER);
  const client = shared.use();
  await exchange(client, conn);
  const read = readOnce(client);
  const finish = client.closeWrite();
  conn.arrive("more");
  assert.equal(await read, "more");
  await finish;
  assert.deepEqual([events, conn.isFinished], [[], true]);
});

Deno.test("ReuseConn is not reused if its upstream ends or resets during the quiet time", async () => {
  for (const end of ["end", new Deno.errors.ConnectionReset("reset")]) {
    const { conn, shared, events } = setUp(FOR_EVER);
    const client = shared.use();
    await exchange(client, conn);
    const read = readOnce(client).catch((error) => error);
    const finish = client.closeWrite();
    conn.arrive(end);
    assert.equal(await read, typeof end === "string" ? null : end);
    await finish;
    assert.deepEqual(events, []);
  }
});

Deno.test("ReuseConn is not reused before the client has all bytes", async () => {
  const { conn, shared, events } = setUp();
  const client = shared.use();
  await exchange(client, conn);
  // The relay does not read: it is still writing to a slow client.
  await client.closeWrite();
  assert.deepEqual([events, conn.isFinished], [[], true]);
});

Deno.test("ReuseConn ends with a client that closes before any byte", async () => {
  const { conn, shared, events } = setUp();
  const client = shared.use();
  const read = readOnce(client).catch(() => "closed");
  await client.closeWrite();
  assert.deepEqual([events, conn.isFinished], [[], true]);
  client.close();
  assert.equal(await read, "closed");
});

Deno.test("ReuseConn ends when it is closed or reset during the quiet time", async () => {
  for (const end of ["close", "reset"] as const) {
    const { conn, shared, events } = setUp(FOR_EVER);
    const client = shared.use();
    await exchange(client, conn);
    const read = readOnce(client).catch(() => "closed");
    const finish = client.closeWrite();
    client[end]();
    await finish;
    assert.equal(await read, "closed");
    assert.deepEqual([events, conn.isClosed, conn.isReset], [[], true, end === "reset"]);
  }
});

Deno.test("ReuseConn is lost if its upstream ends or sends while idle", async () => {
  for (const what of ["end", "unasked", new Deno.errors.ConnectionReset("reset")]) {
    const { conn, shared, events } = setUp();
    const client = shared.use();
    await exchange(client, conn);
    const endOfClient = readOnce(client);
    await client.closeWrite();
    await endOfClient;
    conn.arrive(what);
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(events, ["free", "lost"]);
  }
});

Deno.test("ReuseConn serves at most max_uses clients", async () => {
  const { conn, shared, events } = setUp(QUIET, 1);
  const client = shared.use();
  await exchange(client, conn);
  const read = readOnce(client);
  await client.closeWrite();
  assert.deepEqual([events, conn.isFinished], [[], true]);
  conn.arrive("end");
  assert.equal(await read, null);
});

Deno.test("ReuseConn delivers an answer larger than the buffer in pieces", async () => {
  const { conn, shared } = setUp();
  const client = shared.use();
  conn.arrive("0123456789");
  assert.equal(await readOnce(client, 4), "0123");
  assert.equal(await readOnce(client, 4), "4567");
  assert.equal(await readOnce(client, 4), "89");
});

Deno.test("ReuseConn is returned after the quiet time, and is idle from then on", async () => {
  using time = new FakeTime();
  const { conn, shared, events } = setUp(50);
  const client = shared.use();
  await exchange(client, conn);
  const end = readOnce(client);
  const finish = client.closeWrite();
  await time.advance(40);
  assert.deepEqual(events, []);
  await time.advance(10);
  await finish;
  assert.deepEqual([events, shared.idleSince, await end], [["free"], 50, null]);
  shared.close();
  assert.equal(conn.isClosed, true);
});

Deno.test("ReuseConn passes writes, ends and their errors on", async () => {
  const { conn, shared } = setUp();
  const client = shared.use();
  assert.equal(await client.write(new TextEncoder().encode("request")), 7);
  const broken = new Deno.errors.BrokenPipe("broken");
  conn.closeWrite = () => Promise.reject(broken);
  await assert.rejects(client.closeWrite(), broken);
});

Deno.test("ReuseConn takes a single byte for an answer", async () => {
  const { conn, shared } = setUp();
  const client = shared.use();
  conn.arrive("x");
  assert.equal(await readOnce(client), "x");
});

Deno.test("ReuseConn.close() during the quiet time does not wait for pending calls", async () => {
  for (const end of ["close", "reset"] as const) {
    using time = new FakeTime();
    const { conn, shared, events } = setUp(50);
    const client = shared.use();
    await exchange(client, conn);
    const read = readOnce(client);
    const finish = client.closeWrite();
    await time.advance(10);
    // Its pending read continues for a while, as that of a socket does.
    const over = conn.close;
    conn.close = conn.reset = () => {};
    client[end]();
    await finish;
    await time.advance(100);
    assert.deepEqual(events, []);
    over.call(conn);
    await assert.rejects(read);
  }
});

Deno.test("ReuseConn.reset() after close() does nothing", () => {
  const { conn, shared } = setUp();
  const client = shared.use();
  client.close();
  client.reset();
  assert.deepEqual([conn.isClosed, conn.isReset], [true, false]);
});

Deno.test("ReuseConn fails if bytes arrive before the next client sends", async () => {
  const { conn, shared } = setUp();
  const first = shared.use();
  await exchange(first, conn);
  const end = readOnce(first);
  await first.closeWrite();
  await end;
  const second = shared.use();
  conn.arrive("late");
  await settled();
  await assert.rejects(readOnce(second), { code: "connection_reset", side: "upstream" });
});

Deno.test("ReuseConn is never returned after an error", async () => {
  const { conn, shared, events } = setUp();
  const client = shared.use();
  await exchange(client, conn);
  conn.arrive(new Deno.errors.ConnectionReset("reset"));
  await assert.rejects(readOnce(client));
  await client.closeWrite();
  assert.deepEqual([events, conn.isFinished], [[], true]);
});

async function exchange(client: Conn, conn: FakeConn): Promise<void> {
  await client.write(new TextEncoder().encode("request"));
  const read = readOnce(client);
  conn.arrive("answer");
  assert.equal(await read, "answer");
}
