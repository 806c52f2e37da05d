import assert from "node:assert/strict";
import { LineQueue } from "../../../../src/observe/log/line_queue.ts";

const describeDrops = (dropped: number) => `${dropped} dropped`;

Deno.test("LineQueue writes lines in order", async () => {
  const writer = new Writer();
  const queue = new LineQueue({ write: writer.write, describeDrops });
  for (let number = 0; number < 10_000; number++) queue.push(`line ${number}`);
  await queue.flush();
  assert.equal(writer.text, Array.from({ length: 10_000 }, (_, number) => `line ${number}\n`).join(""));
});

Deno.test("LineQueue writes lines pushed together in one write, and large amounts in several", async () => {
  const writer = new Writer();
  const queue = new LineQueue({ write: writer.write, describeDrops });
  for (const line of ["a", "b", "c"]) queue.push(line);
  await queue.flush();
  assert.deepEqual(writer.writes, ["a\nb\nc\n"]);
  for (let number = 0; number < 400; number++) queue.push("x".repeat(1023));
  await queue.flush();
  const sizes = writer.writes.slice(1).map((text) => text.length);
  assert.ok(sizes.length > 1 && sizes.length <= 10, `${sizes.length} writes`);
  assert.equal(sizes.reduce((sum, size) => sum + size), 400 * 1024);
});

Deno.test("LineQueue continues after a partial write, even in the middle of a character", async () => {
  const received: number[] = [];
  const queue = new LineQueue({
    write: (bytes) => {
      const count = Math.min(3, bytes.byteLength);
      received.push(...bytes.subarray(0, count));
      return Promise.resolve(count);
    },
    describeDrops,
  });
  queue.push("grüße ✓ und mehr");
  queue.push("second");
  await queue.flush();
  assert.equal(new TextDecoder().decode(new Uint8Array(received)), "grüße ✓ und mehr\nsecond\n");
});

Deno.test("LineQueue drops lines that do not fit and reports how many, once", async () => {
  const writer = new Writer();
  const queue = new LineQueue({ write: writer.write, describeDrops });
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
  assert.equal(queue.dropped, 200 - kept);

  // There is room again, and no drops are left to report.
  queue.push("after");
  await queue.flush();
  assert.equal(writer.writes.at(-1), "after\n");
});

Deno.test("LineQueue holds as much after drops as before", async () => {
  const writer = new Writer();
  const queue = new LineQueue({ write: writer.write, describeDrops });
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
  const queue = new LineQueue({ write: () => new Promise(() => {}), describeDrops });
  queue.push("stuck");
  const started = performance.now();
  await queue.flush();
  const waited = performance.now() - started;
  assert.ok(waited >= 900 && waited < 5000, `waited ${waited} ms`);
});

Deno.test("LineQueue.flush() resolves at once when nothing waits", async () => {
  const writer = new Writer();
  const queue = new LineQueue({ write: writer.write, describeDrops });
  await queue.flush();
  assert.deepEqual(writer.writes, []);
});

Deno.test("LineQueue keeps lines while the writer throws, and reports the failure once and the recovery", async () => {
  const writer = new Writer();
  const reports: string[] = [];
  let attempts = 0;
  let isBroken = true;
  const queue = new LineQueue({
    write: (bytes) => {
      attempts += 1;
      return isBroken ? Promise.reject(new Error(`no ${attempts}`)) : writer.write(bytes);
    },
    describeDrops,
    onFailing: (error) => reports.push((error as Error).message),
    onWorking: (dropped) => reports.push(`works, ${dropped} dropped`),
  });
  queue.push("kept");
  await queue.flush();
  for (let number = 0; number < 1000; number++) {
    queue.push(`kept too ${number}`);
    if (number % 100 === 0) await Promise.resolve();
  }
  assert.equal(attempts, 1, "it tries again after a second, not with every line");
  await queue.flush();
  assert.deepEqual([attempts, reports], [2, ["no 1"]]);

  isBroken = false;
  await queue.flush();
  assert.deepEqual(reports, ["no 1", "works, 0 dropped"]);
  const lines = Array.from({ length: 1000 }, (_, number) => `kept too ${number}\n`);
  assert.equal(writer.text, ["kept\n", ...lines].join(""));
});

Deno.test("LineQueue retries a writer that threw after a second, unless it is closed", async () => {
  const tries: number[] = [];
  const closed = new LineQueue({
    write: () => Promise.reject(new Error(`no ${tries.push(performance.now())}`)),
    describeDrops,
  });
  closed.push("a");
  await closed.flush();
  await closed.close();
  assert.equal(tries.length, 2);

  const { promise: worksAgain, resolve } = Promise.withResolvers<number>();
  let attempts = 0;
  const queue = new LineQueue({
    write: (bytes) => {
      attempts += 1;
      return attempts === 1 ? Promise.reject(new Error("no")) : Promise.resolve(bytes.byteLength);
    },
    describeDrops,
    onWorking: resolve,
  });
  queue.push("a");
  const pushedAt = performance.now();
  // The timer of the next retry does not keep a program alive, so something else has to.
  const alive = setTimeout(() => {}, 60_000);
  await worksAgain;
  clearTimeout(alive);
  const waited = performance.now() - pushedAt;
  assert.ok(waited >= 990 && waited < 10_000, `waited ${waited} ms`);
  assert.equal(tries.length, 2);
  await queue.close();
});

Deno.test("LineQueue counts lines that do not fit while the writer throws, and reports them in the lines", async () => {
  const writer = new Writer();
  let isBroken = true;
  let droppedWhenWorking = 0;
  const queue = new LineQueue({
    write: (bytes) => isBroken ? Promise.reject(new Error("full")) : writer.write(bytes),
    describeDrops,
    onWorking: (dropped) => droppedWhenWorking = dropped,
  });
  for (let number = 0; number < 100; number++) queue.push(`${number} `.padEnd(64 * 1024, "x"));
  await queue.flush();
  isBroken = false;
  await queue.close();
  const numbers = writer.text.trimEnd().split("\n").map((line) => line.split(" ")[0]);
  assert.ok(queue.dropped > 20 && queue.dropped < 60, `${queue.dropped} dropped`);
  assert.equal(droppedWhenWorking, queue.dropped);
  assert.deepEqual(numbers, [...Array(100 - queue.dropped).keys().map(String), String(queue.dropped)]);
  assert.ok(writer.text.endsWith(`\n${queue.dropped} dropped\n`));
});

Deno.test("LineQueue.replaceWriter() gives the old writer all earlier lines and the new one all later lines", async () => {
  const writers = [new Writer()];
  const queue = new LineQueue({ write: writers[0]!.write, describeDrops });
  writers[0]!.block();
  for (let round = 0; round < 20; round++) {
    const next = new Writer();
    next.block();
    for (let number = 0; number < 300; number++) queue.push(`${round} ${number} `.padEnd(1000, "x"));
    const replaced = queue.replaceWriter(next.write);
    queue.push(`after ${round}`);
    writers.at(-1)!.unblock();
    await replaced;
    writers.push(next);
  }
  writers.at(-1)!.unblock();
  await queue.flush();
  for (const [round, writer] of writers.entries()) {
    const before = round === 0 ? [] : [`after ${round - 1}`];
    const lines = round === 20 ? [] : Array.from({ length: 300 }, (_, number) => `${round} ${number}`);
    assert.deepEqual(
      writer.text.split("\n").map((line) => line.replace(/ x+$/, "")),
      [...before, ...lines, ""],
    );
  }
});

Deno.test("LineQueue.replaceWriter() needs no lines to wait", async () => {
  const [old, next] = [new Writer(), new Writer()];
  const queue = new LineQueue({ write: old.write, describeDrops });
  await queue.replaceWriter(next.write);
  queue.push("a");
  await queue.flush();
  assert.deepEqual([old.text, next.text], ["", "a\n"]);
});

Deno.test("LineQueue.replaceWriter() replaces a writer that fails, and writes a line that it cut off again", async () => {
  const lines = ["first", "second", "third"];
  const text = `${lines.join("\n")}\n`;
  for (let taken = 0; taken < text.length; taken++) {
    let left = taken;
    let old = "";
    const next = new Writer();
    const queue = new LineQueue({
      write: (bytes) => {
        if (left === 0) return Promise.reject(new Error("full"));
        // Two bytes at a time, as from an almost full pipe.
        const part = bytes.subarray(0, Math.min(2, left));
        old += new TextDecoder().decode(part);
        left -= part.byteLength;
        return Promise.resolve(part.byteLength);
      },
      describeDrops,
    });
    for (const line of lines) queue.push(line);
    await queue.flush();
    await queue.replaceWriter(next.write);
    await queue.flush();
    assert.equal(old, text.slice(0, taken));
    const whole = old.slice(0, old.lastIndexOf("\n") + 1);
    assert.equal(whole + next.text, text, `after ${taken} bytes`);
  }
});

Deno.test("LineQueue.close() returns how many lines were not written whole, including those never tried", async () => {
  const text = "first\nsecond\nthird\n";
  for (const [taken, lost] of [[0, 4], [5, 4], [6, 3], [12, 3], [13, 2], [text.length, 1]] as const) {
    let left: number = taken;
    const queue = new LineQueue({
      write: (bytes) => {
        const count = Math.min(left, bytes.byteLength);
        left -= count;
        return count === 0 ? Promise.reject(new Error("full")) : Promise.resolve(count);
      },
      describeDrops,
    });
    for (const line of text.trimEnd().split("\n")) queue.push(line);
    await queue.flush();
    queue.push("fourth");
    assert.equal(await queue.close(), lost, `after ${taken} bytes`);
  }
  const writer = new Writer();
  const queue = new LineQueue({ write: writer.write, describeDrops });
  queue.push("a");
  assert.equal(await queue.close(), 0);
});

/** Records the writes, at once or when it is unblocked. */
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

Deno.test("LineQueue.replaceWriter() replaces a writer that hangs after a time, and loses no line", async () => {
  const written: string[] = [];
  const called = Promise.withResolvers<void>();
  const failures: unknown[] = [];
  const queue = new LineQueue({
    write: () => {
      called.resolve();
      return new Promise<never>(() => {});
    },
    describeDrops,
    onFailing: (error) => failures.push((error as Error).message),
    handoverTimeout: 20,
  });
  queue.push("one");
  await called.promise;
  const replaced = queue.replaceWriter((bytes) => {
    written.push(new TextDecoder().decode(bytes));
    return Promise.resolve(bytes.byteLength);
  });
  queue.push("two");
  assert.equal(await replaced, true);
  await queue.flush();
  assert.equal(written.join(""), "one\ntwo\n");
  assert.deepEqual(failures, ["a write has not returned for 0.02 s"]);
});

Deno.test("LineQueue.close() ends the wait for a successor of a writer that hangs", async () => {
  const queue = new LineQueue({ write: () => new Promise<never>(() => {}), describeDrops });
  queue.push("one");
  const replaced = queue.replaceWriter(() => Promise.reject(new Error("never called")));
  assert.equal(await queue.close(), 1);
  assert.equal(await replaced, false);
});

Deno.test("LineQueue.close() ends the retries of a full pipe, so that its file may be closed", async () => {
  const failures: unknown[] = [];
  const queue = new LineQueue({
    write: () => Promise.reject(new Deno.errors.WouldBlock("full")),
    describeDrops,
    onFailing: (error) => failures.push(error),
  });
  queue.push("one");
  assert.equal(await queue.close(), 1);
  // Another retry would leave a timer, which Deno reports.
  assert.deepEqual(failures, []);
});
