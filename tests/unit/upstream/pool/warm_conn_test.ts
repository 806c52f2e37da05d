import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import { WarmConn } from "../../../../src/upstream/pool/warm_conn.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";

Deno.test("WarmConn reads from the moment it is opened", () => {
  const conn = new FakeConn();
  new WarmConn(conn, () => {});
  assert.equal(conn.isRead, true);
});

Deno.test("WarmConn delivers a greeting that came while idle first, in order", async () => {
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

Deno.test("WarmConn without a greeting hands its pending read over", async () => {
  const conn = new FakeConn();
  const client = (await new WarmConn(conn, () => {}).handOut())!;
  const read = readOnce(client);
  conn.arrive("answer");
  assert.equal(await read, "answer");
  const next = readOnce(client);
  conn.arrive("end");
  assert.equal(await next, null);
});

Deno.test("WarmConn passes end and error to its client once handed out", async () => {
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

Deno.test("WarmConn reports its end while idle at once, and once", async () => {
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

Deno.test("WarmConn closed while idle is not lost", async () => {
  let lost = 0;
  const conn = new FakeConn();
  new WarmConn(conn, () => void (lost += 1)).close();
  await settled();
  assert.deepEqual([conn.isClosed, lost], [true, 0]);
});

Deno.test("WarmConn leaves the rest of a large greeting in the kernel", async () => {
  const conn = new FakeConn();
  const warm = new WarmConn(conn, () => {});
  const greeting = "0123456789".repeat(10_000);
  conn.arrive(greeting);
  await settled();
  assert.equal(conn.isRead, false);
  assert.equal(await readAhead((await warm.handOut())!, greeting.length), greeting);
});

Deno.test("WarmConn that ended while idle is never handed out", async () => {
  const conn = new FakeConn();
  const warm = new WarmConn(conn, () => {});
  conn.arrive("end");
  await settled();
  assert.equal(await warm.handOut(), undefined);
});

Deno.test("WarmConn holds 64 KiB of a greeting, and reads no more", async () => {
  const conn = new FakeConn();
  new WarmConn(conn, () => {});
  conn.arrive("x".repeat(64 * 1024 - 1));
  await settled();
  assert.equal(conn.isRead, true);
  conn.arrive("x");
  await settled();
  assert.equal(conn.isRead, false);
});

Deno.test("WarmConn with a greeting is handed out after two more turns, others at once", async () => {
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

/** Resolves when every promise that waits for no I/O has settled. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
