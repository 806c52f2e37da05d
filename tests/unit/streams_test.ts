/** The streams of a direction, over connections without sockets. */

import assert from "node:assert/strict";
import { RelayBuffer } from "../../src/net/buffers.ts";
import { bulkTurns } from "../../src/net/bulk_turns.ts";
import {
  ConnWriter,
  countingStream,
  type FlowObserver,
  readableFrom,
  writableTo,
} from "../../src/net/streams.ts";
import { EndlessConn } from "./endless_conn.ts";

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

Deno.test("at most one read is under way, however long reads and writes take", async () => {
  for (let readTakes = 1; readTakes < LONG; readTakes++) {
    for (let writeTakes = 0; writeTakes < LONG; writeTakes++) {
      const source = new CountingConn(readTakes);
      const sink = new CountingConn(writeTakes);
      const buffer = new RelayBuffer(1024);
      buffer.take();
      const counted = { bytes: 0, add: (bytes: number) => counted.bytes += bytes };
      bulkTurns.enter();
      await readableFrom({ conn: source, side: "client", buffer, observer: OBSERVER }, 1)
        .pipeThrough(countingStream(counted))
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

/** Reads so many chunks of one byte each, each read and write after so many microtasks. */
class CountingConn extends EndlessConn {
  chunks = 0;
  written = 0;
  /** Reads under way at the same time. */
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
