import assert from "node:assert/strict";
import { once } from "node:events";
import { setImmediate } from "node:timers";
import { RelayBuffer } from "../../../../src/net/buffers.ts";
import { ConnDuplex } from "../../../../src/net/tls/duplex.ts";
import { EndlessConn } from "../../relay/endless_conn.ts";

const KIB = 1024;

/** Fills every read, for this many reads. */
class Plenty extends EndlessConn {
  readonly sizes: number[] = [];
  isOver = false;
  readonly #most: number;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  override read(buffer: Uint8Array): Promise<number | null> {
    this.finishes = this.isOver || this.sizes.length === this.#most;
    if (!this.finishes) this.sizes.push(buffer.byteLength);
    return super.read(buffer);
  }
}

/** Reads everything for a reader with room for this many bytes; returns the sizes of reads, and of the pieces. */
async function readAll(reads: number, room: number | undefined) {
  const conn = new Plenty(reads);
  const duplex = new ConnDuplex(conn);
  if (room !== undefined) duplex.release(room);
  const pieces: number[] = [];
  duplex.on("data", (piece: Uint8Array) => void pieces.push(piece.byteLength));
  await new Promise((resolve) => duplex.once("end", resolve));
  duplex.destroy();
  return { sizes: conn.sizes, pieces };
}

Deno.test("ConnDuplex reads bulk into buffers that grow to 1 MiB, and passes it to node:tls in pieces", async () => {
  const { sizes, pieces } = await readAll(5, 16 * 1024 * KIB);
  assert.deepEqual(sizes, [2, 16, 128, 1024, 1024].map((size) => size * KIB));
  assert.deepEqual(pieces.slice(0, 5), [2, 16, 64, 64, 64].map((size) => size * KIB));
  assert.ok(pieces.every((size) => size <= 64 * KIB));
  assert.equal(pieces.reduce((sum, size) => sum + size, 0), sizes.reduce((sum, size) => sum + size, 0));
});

for (
  const [reader, room, most] of [
    ["a reader with 256 KiB of room", 256, 256],
    ["a reader with hardly any room, which is a few records", 2, 64],
    ["no reader yet, as in a handshake", undefined, 64],
  ] as const
) {
  Deno.test(`ConnDuplex reads at most ${most} KiB at a time for ${reader}`, async () => {
    const { sizes } = await readAll(8, room === undefined ? undefined : room * KIB);
    assert.equal(Math.max(...sizes), most * KIB);
  });
}

/** How a stream of bulk ends: the action, and the event of its end. */
const ENDS: [how: string, end: (conn: Plenty, duplex: ConnDuplex) => Promise<unknown>][] = [
  ["is destroyed while nothing is read", async (_conn, duplex) => {
    duplex.hold();
    await new Promise((resolve) => setImmediate(resolve)); // what was being read has come
    duplex.destroy();
  }],
  ["has ended", (conn, duplex) => {
    conn.isOver = true;
    return once(duplex, "end");
  }],
  ["has broken", (conn, duplex) => {
    conn.read = () => Promise.reject(new Error("broken"));
    return new Promise((resolve) => duplex.once("error", resolve));
  }],
];

for (const [how, end] of ENDS) {
  Deno.test(`ConnDuplex that ${how} leaves its large buffer to others`, async () => {
    const all = 64; // MiB of a thread in large buffers
    for (let count = 0; count < all; count++) {
      const conn = new Plenty(Infinity);
      const duplex = new ConnDuplex(conn);
      duplex.release(1024 * KIB);
      await new Promise<void>((resolve) => {
        duplex.on("data", () => {
          if (conn.sizes.at(-1) === 1024 * KIB) resolve();
        });
      });
      await end(conn, duplex);
      duplex.destroy();
    }
    const buffer = new RelayBuffer(1024 * KIB);
    while (buffer.take().byteLength < 1024 * KIB) {
      const { byteLength } = buffer.take();
      assert.notEqual(byteLength, 256 * KIB, "no large buffer is left");
      buffer.filled(byteLength);
      buffer.written();
    }
    buffer.unused();
  });
}

Deno.test("ConnDuplex passes pieces unchanged to a stream that requests more meanwhile", async () => {
  const conn = new Numbered(6);
  const duplex = new ConnDuplex(conn);
  duplex.release(1024 * KIB);
  const numbers = new Set<string>();
  let total = 0;
  duplex.on("data", (piece: Uint8Array) => {
    total += piece.byteLength;
    numbers.add(`${total}: ${[...new Set(piece)]}`);
    duplex.hold();
    duplex.read(0);
    duplex.release(1024 * KIB);
  });
  await new Promise((resolve) => duplex.once("end", resolve));
  duplex.destroy();
  const expected: string[] = [];
  let sum = 0;
  conn.sizes.forEach((size, read) => {
    for (let start = 0; start < size; start += 64 * KIB) {
      sum += Math.min(size - start, 64 * KIB);
      expected.push(`${sum}: ${read + 1}`);
    }
  });
  assert.deepEqual([...numbers], expected);
});

/** Fills each read with its number, as soon as it is called. */
class Numbered extends Plenty {
  override read(buffer: Uint8Array): Promise<number | null> {
    const read = super.read(buffer);
    buffer.fill(this.sizes.length);
    return read;
  }
}
