import assert from "node:assert/strict";
import { emptyPool, pooledBytes } from "../../../src/net/buffers.ts";
import { RelayBuffer } from "../../../src/net/buffers.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

Deno.test("RelayBuffer grows while reads fill it, up to its largest size", () => {
  const buffer = new RelayBuffer(MIB);
  const sizes = [1, 2, 3, 4, 5].map(() => fill(buffer));
  assert.deepEqual(sizes, [2 * KIB, 16 * KIB, 128 * KIB, MIB, MIB]);
  buffer.unused();
});

Deno.test("RelayBuffer grows after a read that almost fills it, because TLS leaves the last bytes empty", () => {
  const buffer = new RelayBuffer(MIB);
  grow(buffer, 128 * KIB);
  use(buffer, 119 * KIB);
  assert.equal(buffer.take().byteLength, 128 * KIB);
  use(buffer, 120 * KIB);
  assert.equal(buffer.take().byteLength, MIB);
  buffer.unused();
});

Deno.test("RelayBuffer does not alternate between growing and shrinking with reads of one length", () => {
  for (const length of [1919, 1920, 2047, 2048, 15 * KIB, 16 * KIB - 1, 120 * KIB, 127 * KIB]) {
    const buffer = new RelayBuffer(MIB);
    grow(buffer, 128 * KIB);
    for (let read = 0; read < 20; read++) use(buffer, Math.min(length, buffer.take().byteLength));
    const sizes = Array.from({ length: 20 }, () => {
      const size = buffer.take().byteLength;
      use(buffer, length);
      return size;
    });
    assert.equal(new Set(sizes).size, 1, `${length}: ${sizes}`);
    buffer.unused();
  }
});

Deno.test("RelayBuffer is no larger than the caller of take() can use", () => {
  const buffer = new RelayBuffer(MIB);
  grow(buffer, MIB);
  assert.deepEqual([64 * KIB, 256 * KIB, undefined].map((most) => buffer.take(most).byteLength / KIB), [
    64,
    64,
    64,
  ]);
  grow(buffer, MIB);
  buffer.unused();
});

Deno.test("RelayBuffer shrinks after four reads in a row that leave most of it empty", () => {
  const buffer = new RelayBuffer(128 * KIB);
  grow(buffer, 128 * KIB);
  for (let read = 0; read < 3; read++) use(buffer, 100);
  use(buffer, 64 * KIB);
  for (let read = 0; read < 4; read++) {
    assert.equal(buffer.take().byteLength, 128 * KIB);
    use(buffer, 100);
  }
  assert.equal(buffer.take().byteLength, 16 * KIB);
  buffer.unused();
});

Deno.test("RelayBuffer with a small largest size neither shrinks nor grows", () => {
  // The bytes of 50 ms at 1 kB/s: a chunk of 2 KiB would delay later bytes by two seconds.
  for (const largest of [1, 50, 2 * KIB]) {
    const buffer = new RelayBuffer(largest);
    for (const count of [1, 1, 1, 1, 1, largest, largest]) {
      assert.equal(buffer.take().byteLength, largest);
      use(buffer, count);
    }
    buffer.unused();
  }
});

Deno.test("RelayBuffer waits until its bytes are written before the next read", () => {
  const buffer = new RelayBuffer(MIB);
  let reads = 0;
  const read = () => void reads++;
  assert.equal(buffer.isBusy, false);
  buffer.whenWritten(read);
  assert.equal(reads, 1, "at once while nothing is to be written");
  const taken = buffer.take();
  assert.equal(buffer.take(), taken);
  assert.equal(buffer.filled(taken.byteLength), taken, "a full one needs no view");
  assert.equal(buffer.isBusy, true);
  buffer.whenWritten(read);
  assert.equal(reads, 1);
  buffer.written();
  assert.deepEqual([reads, buffer.isBusy], [2, false]);
  use(buffer, 10);
  assert.equal(reads, 2, "only once");
  buffer.take();
  buffer.filled(10);
  buffer.abandoned();
  assert.equal(buffer.isBusy, false);
  const { byteLength } = buffer.take();
  buffer.unused();
  assert.equal(buffer.take().byteLength, byteLength);
  buffer.unused();
});

Deno.test("RelayBuffer reads messages of one length into the same buffer, with one view", () => {
  const buffer = new RelayBuffer(MIB);
  const message = (length: number) => {
    buffer.take();
    const view = buffer.filled(length);
    buffer.written();
    return view;
  };
  const first = message(10);
  assert.equal(message(10), first);
  assert.equal(message(10).byteLength, 10);
  assert.equal(message(20).byteLength, 20);
  assert.equal(message(10).byteLength, 10);
  buffer.unused();
});

Deno.test("RelayBuffer returns a buffer that it has outgrown to the pool", () => {
  emptyPool();
  const buffer = new RelayBuffer(MIB);
  for (const free of [0, 2, 2 + 16, 2 + 16 + 128, 2 + 16 + 128]) {
    buffer.take();
    assert.equal(pooledBytes() / KIB, free);
    fill(buffer);
  }
  buffer.unused();
  emptyPool();
});

Deno.test("RelayBuffer has no buffer after it was abandoned or is unused", () => {
  emptyPool();
  const buffer = new RelayBuffer(KIB);
  const abandoned = buffer.take();
  buffer.filled(10);
  buffer.abandoned();
  const free = buffer.take();
  assert.notEqual(free, abandoned);
  buffer.unused();
  const other = new RelayBuffer(KIB);
  assert.equal(other.take(), free);
  assert.notEqual(buffer.take(), free);
  for (const each of [buffer, other]) each.unused();
  emptyPool();
});

Deno.test("RelayBuffer counts small reads anew after a full one, and after it has shrunk", () => {
  const buffer = new RelayBuffer(128 * KIB);
  grow(buffer, 128 * KIB);
  const read = (count: number, times: number) => {
    for (let read = 0; read < times; read++) use(buffer, count);
    return buffer.take().byteLength;
  };
  assert.equal(read(100, 3), 128 * KIB);
  assert.equal(read(128 * KIB, 1), 128 * KIB);
  assert.equal(read(100, 3), 128 * KIB);
  assert.equal(read(100, 1), 16 * KIB);
  assert.equal(read(100, 3), 16 * KIB);
  assert.equal(read(100, 1), 2 * KIB);
  assert.equal(read(10, 8), 2 * KIB);
  buffer.unused();
});

for (const end of ["unused", "abandoned"] as const) {
  Deno.test(`RelayBuffer gets up to 64 MiB of large buffers in a thread, then 256 KiB each, until some are ${end}`, () => {
    const large = Array.from({ length: 64 }, () => new RelayBuffer(MIB));
    for (const buffer of large) grow(buffer, MIB);
    const late = new RelayBuffer(16 * MIB);
    const sizes = [1, 2, 3, 4, 5].map(() => fill(late));
    assert.deepEqual(sizes, [2 * KIB, 16 * KIB, 128 * KIB, 256 * KIB, 256 * KIB]);
    for (const buffer of large.slice(0, 16)) buffer[end]();
    assert.equal(fill(late), 2 * MIB, "it grows once there is room");
    late.unused();
    for (const buffer of large.slice(16)) buffer[end]();
    const again = Array.from({ length: 4 }, () => new RelayBuffer(16 * MIB));
    for (const buffer of again) grow(buffer, 16 * MIB);
    for (const buffer of again) buffer.unused();
  });
}

Deno.test("the pool keeps free buffers of a few sizes, those in use first", () => {
  emptyPool();
  const used = new RelayBuffer(100 * KIB);
  // As TLS does, which takes as much as it has room for.
  for (let size = 65 * KIB; size < 565 * KIB; size += KIB) {
    const odd = new RelayBuffer(size);
    grow(odd, size);
    odd.unused();
    grow(used, 100 * KIB);
    used.unused();
    assert.ok(pooledBytes() <= 16 * MIB, `${pooledBytes()} bytes after ${size}`);
  }
  const before = pooledBytes();
  const again = new RelayBuffer(100 * KIB);
  grow(again, 100 * KIB);
  assert.equal(before - pooledBytes(), 100 * KIB, "it is taken from the pool");
  again.abandoned();
  emptyPool();
  assert.equal(pooledBytes(), 0);
});

/** Reads and writes as much as the buffer takes; returns how much that was. */
function fill(buffer: RelayBuffer): number {
  const size = buffer.take().byteLength;
  use(buffer, size);
  return size;
}

function use(buffer: RelayBuffer, count: number): void {
  buffer.take();
  assert.equal(buffer.filled(count).byteLength, count);
  buffer.written();
}

/** Fills the buffer until it has `size` bytes, and keeps it so. */
function grow(buffer: RelayBuffer, size: number): void {
  for (let fills = 0; buffer.take().byteLength < size; fills++) {
    assert.ok(fills < 10, "it does not grow");
    fill(buffer);
  }
}
