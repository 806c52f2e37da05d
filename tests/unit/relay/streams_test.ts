/** The streams of a direction, over connections without sockets. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { emptyPool, pooledBytes } from "../../../src/net/buffers.ts";
import { RelayBuffer } from "../../../src/net/buffers.ts";
import { bulkTurns } from "../../../src/relay/bulk_turns.ts";
import { type Peer, ProxyError } from "../../../src/net/errors.ts";
import {
  ConnSource,
  ConnWriter,
  countingStream,
  type FlowEnd,
  type FlowObserver,
} from "../../../src/relay/streams.ts";
import { writableTo } from "../../../src/relay/sinks.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { EndlessConn } from "./endless_conn.ts";
import { BROKEN, RESET, SlowConn } from "./relay_fixture.ts";

const OBSERVER: FlowObserver = {
  stopped: () => undefined,
  onActivity: () => {},
  onEnd: () => {},
  onFailure: (error) => {
    throw error;
  },
  closesNext: () => false,
};

/** In microtasks. */
const LONG = 4;
const CHUNKS = 3000;

Deno.test("ConnSource has at most one pending read, however long reads and writes take", async () => {
  for (let readTakes = 1; readTakes < LONG; readTakes++) {
    for (let writeTakes = 0; writeTakes < LONG; writeTakes++) {
      const source = new CountingConn(readTakes);
      const sink = new CountingConn(writeTakes);
      const buffer = new RelayBuffer(1024);
      buffer.take();
      const counted = { bytes: 0, add: (bytes: number) => counted.bytes += bytes };
      bulkTurns.enter();
      await sourceOf({ conn: source, side: "client", buffer, observer: OBSERVER }, 1)
        .stream.pipeThrough(countingStream(counted))
        .pipeTo(writableTo(new ConnWriter({ conn: sink, side: "upstream", buffer, observer: OBSERVER })));
      bulkTurns.leave();
      const { most, chunks } = source;
      assert.deepEqual({ most, chunks, bytes: counted.bytes, written: sink.written }, {
        most: 1,
        chunks: CHUNKS,
        bytes: CHUNKS + 1,
        written: CHUNKS + 1,
      }, `reads take ${readTakes} microtasks, writes ${writeTakes}`);
    }
  }
});

Deno.test("ConnSource passes on its first bytes, then requested reads, then the end, and reports each", async () => {
  using _still = new FakeTime();
  using fixture = new SourceFixture("first");
  assert.equal(await fixture.read(), "first");
  fixture.buffer.written();
  assert.deepEqual([fixture.conn.reads, fixture.calls], [0, []], "no reader asked for more");
  for (const text of ["second", "third"]) {
    const read = fixture.read();
    fixture.conn.arrive(text);
    assert.equal(await read, text);
    assert.equal(fixture.buffer.isBusy, true);
    fixture.buffer.written();
  }
  const end = fixture.read();
  assert.deepEqual([fixture.conn.reads, pooledBytes()], [3, 0]);
  fixture.conn.arrive("end");
  assert.equal(await end, undefined);
  assert.deepEqual(fixture.calls, ["activity", "activity", "end of client"]);
  assert.equal(pooledBytes(), SIZE, "its buffer is free");
});

Deno.test("ConnSource.bytes counts its first bytes and those of each read", async () => {
  using fixture = new SourceFixture("first");
  await fixture.read();
  const counts = [fixture.source.bytes];
  for (const text of ["second", "third"]) {
    fixture.buffer.written();
    const read = fixture.read();
    fixture.conn.arrive(text);
    await read;
    counts.push(fixture.source.bytes);
  }
  assert.deepEqual(counts, [5, 11, 16]);
});

Deno.test("ConnSource does not read before its last chunk was written", async () => {
  using fixture = new SourceFixture("first");
  assert.equal(await fixture.read(), "first");
  const read = fixture.read();
  await setImmediate();
  assert.equal(fixture.conn.reads, 0);
  fixture.buffer.written();
  fixture.conn.arrive("second");
  assert.equal(await read, "second");
});

Deno.test("ConnSource that is asked twice while it waits for its turn reads once", async () => {
  using time = new FakeTime();
  using fixture = new SourceFixture("first");
  assert.equal(await fixture.read(), "first");
  fixture.buffer.written();
  bulkTurns.take(() => {});
  time.stall(10);
  const read = fixture.read();
  await settled();
  fixture.source.pull();
  assert.equal(fixture.conn.reads, 0);
  await time.advance(10);
  assert.equal(fixture.conn.reads, 1);
  fixture.conn.arrive("second");
  assert.equal(await read, "second");
});

Deno.test("ConnSource ends when its relay has failed, and neither reads nor passes on more", async () => {
  for (const [when, reads] of [["before", 0], ["while", 1]] as const) {
    using fixture = new SourceFixture("first");
    await fixture.read();
    fixture.buffer.written();
    if (when === "before") fixture.failure = KILLED;
    const read = fixture.read();
    fixture.failure = KILLED;
    fixture.conn.arrive("too late");
    assert.equal(await read, undefined);
    assert.equal(fixture.source.ending, "stopped");
    await setImmediate();
    assert.deepEqual(
      [fixture.conn.reads, fixture.calls, pooledBytes()],
      [reads, [], SIZE],
      `${when} it reads`,
    );
  }
});

Deno.test("ConnSource reports a broken connection before its stream ends", async () => {
  using fixture = new SourceFixture("first");
  await fixture.read();
  fixture.buffer.written();
  const read = fixture.read().then((end) => fixture.calls.push(`stream: ${end} ${fixture.source.ending}`));
  fixture.conn.arrive(RESET);
  await read;
  assert.deepEqual(fixture.calls, ["connection_reset of client", "stream: undefined stopped"]);
  assert.equal(pooledBytes(), SIZE);
});

Deno.test("ConnWriter writes everything in as many pieces as it takes, then says so once", async () => {
  using fixture = new SourceFixture("0123456789");
  fixture.conn.takes = 4;
  const done: unknown[] = [];
  fixture.writer.send(fixture.buffer.filled(10), {
    onWritten: () => done.push("done"),
    fail: (error) => done.push(error),
  });
  assert.deepEqual([done, fixture.buffer.isBusy], [[], true]);
  await setImmediate();
  assert.deepEqual([fixture.conn.written, fixture.conn.writes], ["0123456789", 3]);
  assert.deepEqual([done, fixture.buffer.isBusy], [["done"], false]);
});

Deno.test("ConnWriter fails with the side that it writes to, and does not reuse its buffer", async () => {
  using fixture = new SourceFixture("0123456789");
  fixture.conn.breaks = BROKEN;
  const failed = Promise.withResolvers<ProxyError>();
  fixture.writer.send(fixture.buffer.filled(10), {
    onWritten: () => assert.fail("written"),
    fail: failed.resolve,
  });
  const { code, side } = await failed.promise;
  assert.deepEqual({ code, side }, { code: "broken_pipe", side: "upstream" });
  assert.equal(fixture.buffer.isBusy, false);
  fixture.buffer.unused();
  assert.equal(pooledBytes(), 0);
});

Deno.test("ConnWriter sends a FIN, but where the connection is closed next and has nothing else to say", async () => {
  for (
    const [closesNext, sendsCloseNotify, isFinished] of [
      [false, false, true],
      [false, true, true],
      [true, false, false],
      [true, true, true],
    ] as const
  ) {
    using fixture = new SourceFixture("first");
    fixture.closes = closesNext;
    fixture.conn.sendsCloseNotify = sendsCloseNotify;
    await finish(fixture.writer);
    assert.equal(fixture.conn.isFinished, isFinished, `${closesNext} ${sendsCloseNotify}`);
  }
  using fixture = new SourceFixture("first");
  fixture.conn.closeWrite = () => Promise.reject(RESET);
  await assert.rejects(finish(fixture.writer), {
    code: "connection_reset",
    side: "upstream",
  });
});

function finish(writer: ConnWriter): Promise<void> {
  return new Promise((onFinished, fail) => writer.finish({ onFinished, fail }));
}

/** A source whose reads nothing else handles. */
function sourceOf(end: FlowEnd, first: number): ConnSource {
  const source: ConnSource = new ConnSource({
    ...end,
    onRead: (count) => source.onRead(count),
    onReadError: (cause) => source.onReadError(cause),
  }, { first });
  return source;
}

/** The size of the smallest buffer, in bytes. */
const SIZE = 2048;
const KILLED = new ProxyError("killed", "proxy");

/** A connection with its buffer, which already holds the first bytes, and the calls to its relay. */
class SourceFixture implements FlowObserver, Disposable {
  readonly conn = new SlowConn();
  readonly buffer = new RelayBuffer(SIZE);
  readonly writer: ConnWriter;
  readonly calls: string[] = [];
  failure: ProxyError | undefined;
  closes = false;
  readonly source: ConnSource;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(first: string) {
    emptyPool();
    const bytes = new TextEncoder().encode(first);
    this.buffer.take().set(bytes);
    const end = { conn: this.conn, buffer: this.buffer, observer: this };
    this.source = sourceOf({ ...end, side: "client" }, bytes.byteLength);
    this.#reader = this.source.stream.getReader();
    this.writer = new ConnWriter({ ...end, side: "upstream" });
    bulkTurns.enter();
  }

  /** The next chunk; undefined at the end. */
  async read(): Promise<string | undefined> {
    const { done, value } = await this.#reader.read();
    return done ? undefined : new TextDecoder().decode(value);
  }

  stopped(): ProxyError | undefined {
    return this.failure;
  }

  onActivity(): void {
    this.calls.push("activity");
  }

  onEnd(side: Peer): void {
    this.calls.push(`end of ${side}`);
  }

  onFailure({ code, side }: ProxyError): void {
    this.calls.push(`${code} of ${side}`);
  }

  closesNext(): boolean {
    return this.closes;
  }

  [Symbol.dispose](): void {
    bulkTurns.leave();
    emptyPool();
  }
}

/** Reads this many chunks of one byte each, each read and write after so many microtasks. */
class CountingConn extends EndlessConn {
  chunks = 0;
  written = 0;
  /** Pending reads at the same time. */
  most = 0;
  #underWay = 0;
  readonly #takes: number;

  constructor(takes: number) {
    super();
    this.#takes = takes;
  }

  override read(): Promise<number | null> {
    this.most = Math.max(this.most, ++this.#underWay);
    return this.#after(() => {
      this.#underWay -= 1;
      if (this.chunks === CHUNKS) return null;
      this.chunks += 1;
      return 1;
    });
  }

  override write(bytes: Uint8Array): Promise<number> {
    this.written += bytes.byteLength;
    return this.#takes === 0 ? Promise.resolve(bytes.byteLength) : this.#after(() => bytes.byteLength);
  }

  #after<Value>(value: () => Value): Promise<Value> {
    let passed = Promise.resolve();
    for (let count = 1; count < this.#takes; count++) passed = passed.then(() => {});
    return passed.then(value);
  }
}
