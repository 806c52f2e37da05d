/** The end, failure and close of the stream below node:tls. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ConnDuplex } from "../../../../src/net/tls/duplex.ts";
import { FakeConn } from "../../../support/fakes/fake_conn.ts";

/** A connection whose writes the test completes. */
class SlowConn extends FakeConn {
  readonly #writing: PromiseWithResolvers<void>[] = [];

  override async write(bytes: Uint8Array): Promise<number> {
    const writing = Promise.withResolvers<void>();
    this.#writing.push(writing);
    await writing.promise;
    return await super.write(bytes);
  }

  /** Completes the oldest write, or fails it. */
  async take(error?: Error): Promise<void> {
    const writing = this.#writing.shift()!;
    if (error === undefined) writing.resolve();
    else writing.reject(error);
    await setImmediate();
  }
}

Deno.test("ConnDuplex does not overwrite queued bytes with later ones", async () => {
  const conn = new FakeConn();
  const duplex = new ConnDuplex(conn);
  for (const text of ["a", "b"]) {
    duplex.read(0);
    conn.arrive(text);
    await setImmediate();
  }
  assert.equal(duplex.readableLength, 2);
  assert.equal(`${duplex.read()}${duplex.read()}`, "ab");
  duplex.destroy();
});

Deno.test("ConnDuplex.hold() stops reading, and release() continues", async () => {
  const conn = new FakeConn();
  const duplex = new ConnDuplex(conn);
  const chunks: string[] = [];
  duplex.hold();
  duplex.on("data", (chunk) => void chunks.push(String(chunk)));
  await setImmediate();
  assert.equal(conn.isRead, false);
  duplex.release(100);
  assert.equal(conn.isRead, true);
  duplex.release(100);
  duplex.hold();
  conn.arrive("one");
  await setImmediate();
  assert.deepEqual([chunks, conn.isRead], [["one"], false], "what was under way has come");
  duplex.release(100);
  conn.arrive("two");
  await setImmediate();
  assert.deepEqual(chunks, ["one", "two"]);
  duplex.destroy();
});

Deno.test("ConnDuplex reads nothing until bytes are requested", () => {
  const conn = new FakeConn();
  const duplex = new ConnDuplex(conn);
  duplex.release(100);
  assert.equal(conn.isRead, false);
  duplex.read(0);
  assert.equal(conn.isRead, true);
  duplex.destroy();
});

Deno.test("ConnDuplex reads only into its queue if nothing takes its bytes", async () => {
  const conn = new FakeConn();
  const duplex = new ConnDuplex(conn);
  conn.arrive("x".repeat(1024 * 1024));
  duplex.read(0);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  assert.ok(duplex.readableLength < 2 * 64 * 1024, `${duplex.readableLength} bytes`);
  assert.equal(conn.isRead, false);
  duplex.destroy();
});

Deno.test("ConnDuplex.whenOver() reports the end a turn later, and what breaks", async () => {
  const [ending, breaking, closing] = [new FakeConn(), new FakeConn(), new FakeConn()];
  const calls: [string, Error | undefined][] = [];
  const duplexes = Object.entries({ ending, breaking, closing }).map(([name, conn]) => {
    const duplex = new ConnDuplex(conn);
    duplex.whenOver((cause) => void calls.push([name, cause]));
    duplex.resume();
    return duplex;
  });
  const cause = new Deno.errors.ConnectionReset("reset");
  const isAhead = new Promise<number>((resolve) => duplexes[0]!.once("end", () => resolve(calls.length)));
  ending.arrive("end");
  assert.equal(await isAhead, 0, "what comes with a FIN is heard first");
  await setImmediate();
  await setImmediate();
  assert.deepEqual(calls, [["ending", undefined]]);
  breaking.arrive(cause);
  await setImmediate();
  assert.deepEqual(calls[1], ["breaking", cause]);
  assert.equal(breaking.isClosed, true);
  calls.length = 0;
  duplexes[2]!.destroy();
  await setImmediate();
  assert.deepEqual(calls, [["closing", undefined]]);
  duplexes[0]!.destroy();
});

Deno.test("ConnDuplex.flushed() resolves once all was written, however many writes that takes", async () => {
  const conn = new SlowConn();
  const duplex = new ConnDuplex(conn);
  let isFlushed = false;
  duplex.write("1");
  duplex.write("2");
  const flushed = duplex.flushed().then(() => isFlushed = true);
  await conn.take();
  assert.equal(isFlushed, false);
  await conn.take();
  await flushed;
  assert.equal(conn.written, "12");
  await duplex.flushed();
  duplex.destroy();
});

Deno.test("ConnDuplex.flushed() resolves when a write has failed", async () => {
  const conn = new SlowConn();
  const duplex = new ConnDuplex(conn);
  const failure = new Deno.errors.BrokenPipe("broken");
  const error = new Promise((resolve) => duplex.once("error", resolve));
  duplex.write("one");
  duplex.write("two");
  const flushed = duplex.flushed();
  await conn.take(failure);
  await flushed;
  assert.equal(await error, failure);
  assert.equal(conn.isClosed, true);
});

Deno.test("ConnDuplex.destroy() closes when what was handed over is written", async () => {
  const conn = new SlowConn();
  const duplex = new ConnDuplex(conn);
  duplex.write("close_notify");
  assert.equal(duplex.destroy(), duplex);
  duplex.destroy();
  await setImmediate();
  assert.deepEqual([duplex.destroyed, conn.isClosed], [false, false]);
  await conn.take();
  assert.deepEqual([duplex.destroyed, conn.isClosed, conn.written], [true, true, "close_notify"]);
});

Deno.test("ConnDuplex.destroy() closes at once where nothing is to be written, or with an error", async () => {
  const idle = new FakeConn();
  new ConnDuplex(idle).destroy();
  assert.equal(idle.isClosed, true);
  const busy = new SlowConn();
  const duplex = new ConnDuplex(busy);
  const failure = new Error("broken");
  const error = new Promise((resolve) => duplex.once("error", resolve));
  duplex.write("x");
  duplex.destroy(failure);
  assert.equal(busy.isClosed, true);
  assert.equal(await error, failure);
  await busy.take(new Error("closed"));
});

Deno.test("ConnDuplex drops bytes that arrive after it was destroyed", async () => {
  const conn = new FakeConn();
  const duplex = new ConnDuplex(conn);
  const chunks: unknown[] = [];
  duplex.on("data", (chunk) => void chunks.push(chunk));
  await setImmediate();
  conn.arrive("late");
  duplex.destroy();
  await setImmediate();
  assert.deepEqual(chunks, []);
});

for (const outcome of ["resolves", "rejects"]) {
  Deno.test(`ConnDuplex.end() sends a FIN after what was written, and finishes where that ${outcome}`, async () => {
    const conn = new SlowConn();
    const order: string[] = [];
    conn.closeWrite = () => {
      order.push(`FIN after "${conn.written}"`);
      return outcome === "resolves" ? Promise.resolve() : Promise.reject(new Error("not connected"));
    };
    const duplex = new ConnDuplex(conn);
    const finished = new Promise((resolve) => duplex.once("finish", resolve));
    duplex.end("last");
    await conn.take();
    await finished;
    assert.deepEqual(order, ['FIN after "last"']);
    assert.equal(conn.isClosed, false, "and reading goes on");
    duplex.destroy();
  });
}
