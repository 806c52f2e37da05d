import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import { WarmConn } from "../../../../src/upstream/pool/warm_conn.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";

Deno.test("a warm connection is read from the moment it is opened", () => {
  const conn = new FakeConn();
  new WarmConn(conn, () => {});
  assert.equal(conn.isRead, true);
});

Deno.test("a greeting that came while it waited reaches the client first, in order", async () => {
  const conn = new FakeConn();
  const warm = new WarmConn(conn, () => {});
  conn.arrive("220 hello");
  await settled();
  conn.arrive(", friend");
  await settled();
  const client = (await warm.handOut())!;
  conn.arrive("250 more");
  assert.equal(await readOnce(client, 4), "220 ");
  assert.equal(await readAhead(client, "hello, friend250 more".length), "hello, friend250 more");
});

Deno.test("a warm connection without a greeting hands its pending read over", async () => {
  const conn = new FakeConn();
  const client = (await new WarmConn(conn, () => {}).handOut())!;
  const read = readOnce(client);
  conn.arrive("answer");
  assert.equal(await read, "answer");
  const next = readOnce(client);
  conn.arrive("end");
  assert.equal(await next, null);
});

Deno.test("the end and an error of a connection handed out go to its client", async () => {
  for (const end of ["end", new Deno.errors.ConnectionReset("reset")]) {
    let lost = 0;
    const conn = new FakeConn();
    const client = (await new WarmConn(conn, () => void (lost += 1)).handOut())!;
    conn.arrive(end);
    if (end === "end") assert.equal(await readOnce(client), null);
    else await assert.rejects(readOnce(client), Deno.errors.ConnectionReset);
    assert.equal(lost, 0);
  }
});

Deno.test("a waiting connection that ends is reported at once, and once", async () => {
  for (const greeting of ["", "220 hello"]) {
    for (const end of ["end", new Deno.errors.ConnectionReset("reset")]) {
      let lost = 0;
      const conn = new FakeConn();
      new WarmConn(conn, () => void (lost += 1));
      if (greeting !== "") conn.arrive(greeting);
      conn.arrive(end);
      await settled();
      assert.equal(lost, 1);
    }
  }
});

Deno.test("closing a waiting connection is not losing it", async () => {
  let lost = 0;
  const conn = new FakeConn();
  new WarmConn(conn, () => void (lost += 1)).close();
  await settled();
  assert.deepEqual([conn.isClosed, lost], [true, 0]);
});

Deno.test("a greeting larger than the room for it waits in the kernel and loses nothing", async () => {
  const conn = new FakeConn();
  const warm = new WarmConn(conn, () => {});
  const greeting = "0123456789".repeat(10_000);
  conn.arrive(greeting);
  await settled();
  assert.equal(conn.isRead, false);
  assert.equal(await readAhead((await warm.handOut())!, greeting.length), greeting);
});

Deno.test("one that ended while it waited is given to nobody", async () => {
  const conn = new FakeConn();
  const warm = new WarmConn(conn, () => {});
  conn.arrive("end");
  await settled();
  assert.equal(await warm.handOut(), undefined);
});

Deno.test("64 KiB of a greeting are held, and no byte more is read", async () => {
  const conn = new FakeConn();
  new WarmConn(conn, () => {});
  conn.arrive("x".repeat(64 * 1024 - 1));
  await settled();
  assert.equal(conn.isRead, true);
  conn.arrive("x");
  await settled();
  assert.equal(conn.isRead, false);
});

Deno.test("one that has greeted is handed out after two more turns, in which its end is noticed; others at once", async () => {
  for (const [greeting, turns] of [["", 0], ["x", 2], ["220 hello", 2]] as const) {
    const conn = new FakeConn();
    const warm = new WarmConn(conn, () => {});
    if (greeting !== "") conn.arrive(greeting);
    await settled();
    let isOut = false;
    const out = warm.handOut().then((given) => {
      isOut = true;
      return given;
    });
    let passed = 0;
    for (await settled(); !isOut; await settled()) {
      await new Promise((resolve) => setImmediate(resolve));
      passed += 1;
    }
    assert.equal(passed, turns);
    assert.equal(await out, warm);
  }
  const conn = new FakeConn();
  let lost = 0;
  const warm = new WarmConn(conn, () => void (lost += 1));
  conn.arrive("x");
  await settled();
  const out = warm.handOut();
  conn.arrive("end");
  assert.deepEqual([await out, lost], [undefined, 1]);
});

async function readAhead(conn: Conn, length: number): Promise<string> {
  let text = "";
  while (text.length < length) text += await readOnce(conn, 4096);
  return text;
}

/** Every promise that can settle without the world outside has. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
