import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ReadAheadConn } from "../../../../src/net/socket/read_ahead_conn.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { SlowConn } from "../../relay/relay_fixture.ts";

Deno.test("ReadAheadConn.read() returns the examined bytes in order, without the skipped ones", async () => {
  const conn = new FakeConn();
  const ahead = new ReadAheadConn(conn, 64);
  conn.arrive("header");
  assert.equal(await ahead.more(), true);
  conn.arrive(" and body");
  assert.equal(await ahead.more(), true);
  assert.equal(new TextDecoder().decode(ahead.received), "header and body");
  ahead.skip("header ".length);
  assert.equal(await readOnce(ahead, 3), "and");
  assert.equal(await readOnce(ahead), " body");
  conn.arrive("rest");
  assert.equal(await readOnce(ahead), "rest");
});

Deno.test("ReadAheadConn.read() takes over a pending more()", async () => {
  const conn = new FakeConn();
  const ahead = new ReadAheadConn(conn, 64);
  const look = ahead.more();
  assert.equal(ahead.more(), look, "there is one read at a time");
  const read = readOnce(ahead);
  conn.arrive("late");
  assert.equal(await read, "late");
});

Deno.test("ReadAheadConn reports the end to more() and to read()", async () => {
  const conn = new SlowConn();
  const ahead = new ReadAheadConn(conn, 64);
  conn.arrive("last");
  assert.equal(await ahead.more(), true);
  conn.arrive("end");
  assert.equal(await ahead.more(), false);
  assert.equal(await ahead.more(), false);
  assert.equal(await readOnce(ahead), "last");
  assert.equal(await readOnce(ahead), null);
  assert.equal(conn.reads, 2, "it was read up to its end, and no more");
});

Deno.test("ReadAheadConn doubles its buffer when it is full, up to the capacity", async () => {
  const conn = new FakeConn();
  const ahead = new ReadAheadConn(conn, 9000);
  conn.arrive("x".repeat(10_000));
  for (const [held, isFull] of [[4096, false], [8192, false], [9000, true]] as const) {
    assert.equal(await ahead.more(), true);
    assert.deepEqual([ahead.received.byteLength, ahead.isFull], [held, isFull]);
  }
  assert.equal((await readOnce(ahead, 10_000))!.length, 9000);
  assert.equal((await readOnce(ahead, 10_000))!.length, 1000);
});

Deno.test("ReadAheadConn reports a broken connection to more() and to read()", async () => {
  const conn = new FakeConn();
  const ahead = new ReadAheadConn(conn, 64);
  const look = ahead.more();
  conn.arrive(new Deno.errors.ConnectionReset("reset"));
  await assert.rejects(look, Deno.errors.ConnectionReset);
  await assert.rejects(readOnce(ahead), Deno.errors.ConnectionReset);
});

Deno.test("ReadAheadConn holds no more than its capacity", async () => {
  const conn = new FakeConn();
  const ahead = new ReadAheadConn(conn, 4);
  conn.arrive("too much");
  assert.equal(await ahead.more(), true);
  assert.equal(ahead.isFull, true);
  assert.equal(await readOnce(ahead), "too ");
  assert.equal(await readOnce(ahead), "much");
});

Deno.test("ReadAheadConn leaves no unhandled error when the connection breaks after more()", async () => {
  const fake = new FakeConn();
  using conn = new ReadAheadConn(fake, 64);
  void conn.more();
  fake.arrive(new Deno.errors.ConnectionReset("reset"));
  // A rejection without a handler would fail the test by then.
  await setImmediate();
  await assert.rejects(conn.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
});

Deno.test("ReadAheadConn grows up to its capacity, and passes later reads to the connection", async () => {
  const first = "a".repeat(4096);
  const second = "b".repeat(4000);
  const conn = new FakeConn();
  const ahead = new ReadAheadConn(conn, 9000);
  for (
    const [text, held] of [[first, first], [second, first + second], ["cd", first + second + "cd"]] as const
  ) {
    conn.arrive(text);
    while (ahead.received.byteLength < held.length) assert.equal(await ahead.more(), true);
    assert.equal(new TextDecoder().decode(ahead.received), held);
    assert.equal(ahead.isFull, false);
  }
  assert.equal(await readOnce(ahead, 9000), first + second + "cd");
  for (const text of ["later", "and later"]) {
    conn.arrive(text);
    assert.equal(await readOnce(ahead), text);
    assert.deepEqual([ahead.received.byteLength, ahead.isFull], [0, true]);
  }
  conn.arrive("end");
  assert.equal(await readOnce(ahead), null);
});
