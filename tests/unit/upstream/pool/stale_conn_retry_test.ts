import assert from "node:assert/strict";
import { StaleConnRetry } from "../../../../src/upstream/pool/stale_conn_retry.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { settled } from "../../../support/fakes/fake_time.ts";

const ENDS = ["end", new Deno.errors.ConnectionReset("reset")];

Deno.test("StaleConnRetry redials an unused dead connection", async () => {
  for (const end of ENDS) {
    const [dead, fresh] = [new FakeConn(), new FakeConn()];
    const conn = new StaleConnRetry(dead, () => Promise.resolve(fresh));
    const read = readOnce(conn);
    dead.arrive(end);
    fresh.arrive("hello");
    assert.equal(await read, "hello");
    assert.deepEqual([dead.isClosed, fresh.isClosed], [true, false]);
    await conn.write(new TextEncoder().encode("request"));
    assert.deepEqual([dead.written, fresh.written], ["", "request"]);
  }
});

Deno.test("StaleConnRetry sends what the client wrote during the redial to the new connection", async () => {
  const [dead, fresh] = [new FakeConn(), new FakeConn()];
  const dialled = Promise.withResolvers<FakeConn>();
  const conn = new StaleConnRetry(dead, () => dialled.promise);
  const read = readOnce(conn);
  dead.arrive("end");
  await new Promise((resolve) => setTimeout(resolve));
  const write = conn.write(new TextEncoder().encode("request"));
  const finish = conn.closeWrite();
  dialled.resolve(fresh);
  fresh.arrive("answer");
  assert.equal(await read, "answer");
  await Promise.all([write, finish]);
  assert.deepEqual([fresh.written, fresh.isFinished, dead.written], ["request", true, ""]);
});

Deno.test("StaleConnRetry does not redial after any byte", async () => {
  const redial = () => Promise.reject(new Error("must not dial"));
  for (const end of ENDS) {
    const answered = new FakeConn();
    const first = new StaleConnRetry(answered, redial);
    answered.arrive("hello");
    assert.equal(await readOnce(first), "hello");
    answered.arrive(end);
    await assertEnds(first, end);

    const asked = new FakeConn();
    const second = new StaleConnRetry(asked, redial);
    await second.write(new TextEncoder().encode("request"));
    asked.arrive(end);
    await assertEnds(second, end);

    const finished = new FakeConn();
    const third = new StaleConnRetry(finished, redial);
    await third.closeWrite();
    finished.arrive(end);
    await assertEnds(third, end);
  }
});

Deno.test("StaleConnRetry redials once", async () => {
  const [dead, fresh] = [new FakeConn(), new FakeConn()];
  const conn = new StaleConnRetry(dead, () => Promise.resolve(fresh));
  dead.arrive("end");
  fresh.arrive("end");
  assert.equal(await readOnce(conn), null);
});

Deno.test("StaleConnRetry rejects the read with the error of the redial", async () => {
  const dead = new FakeConn();
  const conn = new StaleConnRetry(dead, () => Promise.reject(new Deno.errors.ConnectionRefused("no")));
  dead.arrive("end");
  await assert.rejects(readOnce(conn), Deno.errors.ConnectionRefused);
});

Deno.test("StaleConnRetry.close() during the redial closes the new connection", async () => {
  const [dead, fresh] = [new FakeConn(), new FakeConn()];
  const dialled = Promise.withResolvers<FakeConn>();
  const conn = new StaleConnRetry(dead, () => dialled.promise);
  const read = readOnce(conn);
  dead.arrive("end");
  await new Promise((resolve) => setTimeout(resolve));
  conn.close();
  dialled.resolve(fresh);
  await assert.rejects(read);
  assert.equal(fresh.isClosed, true);
});

Deno.test("StaleConnRetry passes reads, writes, ends and their errors on", async () => {
  const inner = new FakeConn();
  const conn = new StaleConnRetry(inner, () => Promise.reject(new Error("must not dial")));
  assert.equal(await conn.write(new TextEncoder().encode("request")), 7);
  const broken = new Deno.errors.BrokenPipe("broken");
  inner.closeWrite = () => Promise.reject(broken);
  await assert.rejects(conn.closeWrite(), broken);
});

Deno.test("StaleConnRetry does not redial after close() or reset()", async () => {
  for (const how of ["close", "reset"] as const) {
    for (const end of ENDS) {
      let dials = 0;
      const inner = new EndsItsReads(end);
      const conn = new StaleConnRetry(inner, () => {
        dials += 1;
        return Promise.resolve(new FakeConn());
      });
      const read = assertEnds(conn, end);
      conn[how]();
      await read;
      assert.deepEqual([dials, inner.isClosed, inner.isReset], [0, true, how === "reset"]);
    }
  }
});

Deno.test("StaleConnRetry.reset() during the redial closes the new connection", async () => {
  const [dead, fresh] = [new FakeConn(), new FakeConn()];
  const dialled = Promise.withResolvers<FakeConn>();
  const conn = new StaleConnRetry(dead, () => dialled.promise);
  const read = assert.rejects(readOnce(conn));
  dead.arrive("end");
  await settled();
  conn.reset();
  dialled.resolve(fresh);
  await read;
  assert.equal(fresh.isClosed, true);
});

/** A connection whose pending read ends in this way when it is closed. */
class EndsItsReads extends FakeConn {
  readonly #end: string | Error;

  constructor(end: string | Error) {
    super();
    this.#end = end;
  }

  override close(): void {
    this.arrive(this.#end);
    super.close();
  }
}

async function assertEnds(conn: StaleConnRetry, end: string | Error): Promise<void> {
  if (typeof end === "string") assert.equal(await readOnce(conn), null);
  else await assert.rejects(readOnce(conn), end);
}
