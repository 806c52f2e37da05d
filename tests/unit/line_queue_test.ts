import assert from "node:assert/strict";
import { LineQueue } from "../../src/observe/line_queue.ts";

const describeDrops = (dropped: number) => `${dropped} dropped`;

Deno.test("LineQueue writes lines in order", async () => {
  const writer = new Writer();
  const queue = new LineQueue(writer.write, describeDrops);
  for (let number = 0; number < 10_000; number++) queue.push(`line ${number}`);
  await queue.flush();
  assert.equal(writer.text, Array.from({ length: 10_000 }, (_, number) => `line ${number}\n`).join(""));
});

Deno.test("LineQueue writes lines pushed together in one write, and large amounts in several", async () => {
  const writer = new Writer();
  const queue = new LineQueue(writer.write, describeDrops);
  for (const line of ["a", "b", "c"]) queue.push(line);
  await queue.flush();
  assert.deepEqual(writer.writes, ["a\nb\nc\n"]);
  for (let number = 0; number < 400; number++) queue.push("x".repeat(1023));
  await queue.flush();
  const sizes = writer.writes.slice(1).map((text) => text.length);
  assert.ok(sizes.length > 1 && sizes.length <= 10, `${sizes.length} writes`);
  assert.equal(sizes.reduce((sum, size) => sum + size), 400 * 1024);
});

Deno.test("LineQueue goes on where a partial write ended, in the middle of a character too", async () => {
  const received: number[] = [];
  const queue = new LineQueue((bytes) => {
    const count = Math.min(3, bytes.byteLength);
    received.push(...bytes.subarray(0, count));
    return Promise.resolve(count);
  }, describeDrops);
  queue.push("grüße ✓ und mehr");
  queue.push("second");
  await queue.flush();
  assert.equal(new TextDecoder().decode(new Uint8Array(received)), "grüße ✓ und mehr\nsecond\n");
});

Deno.test("LineQueue drops what does not fit and says how many, once", async () => {
  const writer = new Writer();
  const queue = new LineQueue(writer.write, describeDrops);
  writer.block();
  const line = (number: number) => `${number} `.padEnd(64 * 1024, "x");
  for (let number = 0; number < 200; number++) queue.push(line(number));
  writer.unblock();
  await queue.flush();
  const lines = writer.text.trimEnd().split("\n");
  const kept = lines.length - 1;
  assert.ok(kept >= 32 && kept < 100, `${kept} lines of 64 KiB were kept`);
  assert.deepEqual(lines.slice(0, -1), Array.from({ length: kept }, (_, number) => line(number)));
  assert.equal(lines.at(-1), `${200 - kept} dropped`);

  // There is room again, and nothing left to say about drops.
  queue.push("after");
  await queue.flush();
  assert.equal(writer.writes.at(-1), "after\n");
});

Deno.test("LineQueue holds as much after drops as before", async () => {
  const writer = new Writer();
  const queue = new LineQueue(writer.write, describeDrops);
  const fill = async () => {
    writer.block();
    for (let number = 0; number < 100; number++) queue.push("x".repeat(64 * 1024));
    const before = writer.writes.length;
    writer.unblock();
    await queue.flush();
    return writer.writes.slice(before).join("").split("\n").length;
  };
  const first = await fill();
  for (let round = 0; round < 5; round++) assert.equal(await fill(), first);
});

Deno.test("LineQueue.flush() does not wait for a writer that never finishes", async () => {
  const queue = new LineQueue(() => new Promise(() => {}), describeDrops);
  queue.push("stuck");
  const started = performance.now();
  await queue.flush();
  const waited = performance.now() - started;
  assert.ok(waited >= 900 && waited < 5000, `waited ${waited} ms`);
});

Deno.test("LineQueue.flush() resolves at once when nothing waits", async () => {
  const writer = new Writer();
  const queue = new LineQueue(writer.write, describeDrops);
  await queue.flush();
  assert.deepEqual(writer.writes, []);
});

Deno.test("LineQueue survives a writer that throws, writes again when it can and says how many are lost", async () => {
  const writer = new Writer();
  let broken = true;
  const queue = new LineQueue(
    (bytes) => broken ? Promise.reject(new Deno.errors.BrokenPipe("gone")) : writer.write(bytes),
    describeDrops,
  );
  queue.push("lost");
  queue.push("lost too");
  await queue.flush();
  broken = false;
  queue.push("written");
  await queue.flush();
  assert.deepEqual(writer.text.trimEnd().split("\n").sort(), ["2 dropped", "written"]);
});

/** Keeps what is written, at once or when it is unblocked. */
class Writer {
  readonly writes: string[] = [];
  #gate = Promise.resolve();
  #open = () => {};

  readonly write = async (bytes: Uint8Array): Promise<number> => {
    await this.#gate;
    this.writes.push(new TextDecoder().decode(bytes));
    return bytes.byteLength;
  };

  get text(): string {
    return this.writes.join("");
  }

  block(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  unblock(): void {
    this.#open();
  }
}
