import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { type Conn, ConnWrapper } from "../../../src/net/socket/conn.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { Copy, type GivenUp } from "../../../src/relay/copy.ts";

Deno.test("Copy writes all bytes in order, whatever sizes they come in and are taken in", async () => {
  const sizes = fc.array(
    fc.record({ push: fc.nat(3000), take: fc.integer({ min: 1, max: 5000 }), now: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(sizes, fc.boolean(), async (steps, isLate) => {
      const { conn, copy, over } = fixture(64 * 1024 * 1024);
      if (!isLate) copy.begin(conn);
      const sent: number[] = [];
      for (const { push, take, now } of steps) {
        const bytes = Uint8Array.from({ length: push }, (_, at) => (sent.length + at) * 31);
        sent.push(...bytes);
        copy.push(bytes);
        bytes.fill(0);
        conn.accept(take);
        if (now) await setImmediate();
      }
      copy.complete();
      if (isLate) copy.begin(conn);
      conn.accept(Infinity);
      for (let turn = 0; turn < 10 && !conn.hasEnded; turn++) await setImmediate();
      assert.deepEqual(conn.written, sent);
      assert.deepEqual([conn.hasEnded, over], [true, []]);
      await setImmediate();
      conn.finish();
      await setImmediate();
      assert.deepEqual(over, [undefined]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("Copy.push() gives it up when more bytes wait than it may hold, those being written included", async () => {
  const { conn, copy, over } = fixture(100);
  copy.begin(conn);
  copy.push(new Uint8Array(60));
  copy.push(new Uint8Array(40));
  assert.deepEqual(over, []);
  copy.push(new Uint8Array(1));
  assert.deepEqual(over, ["behind"]);
  copy.push(new Uint8Array(1));
  copy.complete();
  conn.accept(Infinity);
  await setImmediate();
  assert.deepEqual([over, conn.written.length, conn.hasEnded], [["behind"], 60, false]);
});

Deno.test("Copy.push() has room again for what was written", async () => {
  const { conn, copy, over } = fixture(100);
  copy.begin(conn);
  conn.accept(Infinity);
  for (let count = 0; count < 50; count++) {
    copy.push(new Uint8Array(99));
    await setImmediate();
  }
  assert.deepEqual([over, conn.written.length], [[], 4950]);
});

Deno.test("Copy is given up when its connection fails, and drops what that answers", async () => {
  const { conn, copy, over } = fixture(100);
  copy.begin(conn);
  conn.answer(30);
  await setImmediate();
  assert.deepEqual([copy.answered, over], [30, []]);
  conn.fail(new Deno.errors.ConnectionReset("reset"));
  await setImmediate();
  assert.deepEqual(over.map((reason) => reason instanceof ProxyError && reason.code), ["connection_reset"]);
});

Deno.test("Copy gives nothing up that was delivered, however its connection ends", async () => {
  for (const how of ["failed", "ended"]) {
    const { conn, copy, over } = fixture(100);
    copy.begin(conn);
    copy.push(new Uint8Array(10));
    copy.complete();
    conn.accept(Infinity);
    await setImmediate();
    await setImmediate();
    if (how === "failed") conn.fail(new Deno.errors.ConnectionReset("reset"));
    else copy.end("behind");
    await setImmediate();
    assert.deepEqual([conn.written.length, conn.hasEnded, over], [10, true, [undefined]], how);
  }
});

Deno.test("Copy goes on writing to a peer that has finished sending", async () => {
  const { conn, copy, over } = fixture(100);
  copy.begin(conn);
  conn.finish();
  await setImmediate();
  conn.accept(Infinity);
  copy.push(new Uint8Array(5));
  copy.complete();
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.deepEqual([conn.written.length, conn.hasEnded, over], [5, true, [undefined]]);
});

function fixture(limit: number) {
  const over: (GivenUp | undefined)[] = [];
  let written = 0;
  const copy = new Copy(limit, {
    onWritten: (count) => written += count,
    onOver: (reason) => void over.push(reason),
  });
  return { conn: new Peer(), copy, over };
}

/** Takes as many bytes as the test says. */
class Peer extends ConnWrapper {
  readonly written: number[] = [];
  hasEnded = false;
  #allowed = 0;
  #write: { readonly bytes: Uint8Array; readonly done: (count: number) => void } | undefined;
  #read = Promise.withResolvers<number | null>();

  constructor() {
    super(undefined as unknown as Conn);
  }

  accept(count: number): void {
    this.#allowed += count;
    this.#settle();
  }

  answer(count: number): void {
    this.#read.resolve(count);
    this.#read = Promise.withResolvers();
  }

  finish(): void {
    this.#read.resolve(null);
  }

  fail(error: Error): void {
    this.#read.reject(error);
  }

  override read(): Promise<number | null> {
    return this.#read.promise;
  }

  override write(bytes: Uint8Array): Promise<number> {
    assert.equal(this.#write, undefined, "two writes at a time");
    return new Promise((done) => {
      this.#write = { bytes, done };
      this.#settle();
    });
  }

  override closeWrite(): Promise<void> {
    this.hasEnded = true;
    return Promise.resolve();
  }

  /** The kernel takes bytes when it likes, not when the write begins. */
  #settle(): void {
    const write = this.#write;
    const count = Math.min(this.#allowed, write?.bytes.byteLength ?? 0);
    if (count === 0) return;
    this.#allowed -= count;
    this.#write = undefined;
    this.written.push(...write!.bytes.subarray(0, count));
    write!.done(count);
  }
}
