import assert from "node:assert/strict";
import { firstDifference, patternAt } from "../../support/bytes/pattern.ts";
import { Random } from "../../support/random.ts";
import { decodeOrder, encodeOrder, Intake, LostError, sendPattern, WrongBytesError } from "./talk.ts";
import type { Wire } from "./wire.ts";

/** A wire that reads these chunks, and records what is written. */
class PaperWire implements Wire {
  readonly written: number[] = [];
  readonly #chunks: Uint8Array[];

  constructor(...chunks: Uint8Array[]) {
    this.#chunks = chunks;
  }

  read(): Promise<Uint8Array | null> {
    return Promise.resolve(this.#chunks.shift() ?? null);
  }

  write(bytes: Uint8Array): Promise<void> {
    this.written.push(...bytes);
    return Promise.resolve();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  reset(): void {}

  close(): void {}
}

async function patternOf(seed: number, size: number): Promise<Uint8Array> {
  const wire = new PaperWire();
  await sendPattern(wire, seed, size);
  return new Uint8Array(wire.written);
}

Deno.test("the same seed gives the same numbers, within what was asked for", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from(
      { length: 200 },
      () => [random.integer(3, 5), random.size(10, 1000), random.pick("abc".split(""))],
    );
  };
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
  assert.deepEqual([...new Set(draw(3).map(([integer]) => integer))].sort(), [3, 4, 5]);
  assert.ok(draw(4).every(([, size]) => Number(size) >= 10 && Number(size) <= 1000));
  const weighted = [{ name: "never", weight: 0 }, { name: "always", weight: 1 }];
  const random = new Random(5);
  for (let time = 0; time < 50; time++) assert.equal(random.pickWeighted(weighted).name, "always");
});

Deno.test("a pattern is known at every place, and a byte that is wrong, missing or too much is found", async () => {
  const size = 200_000;
  const bytes = await patternOf(12, size);
  assert.equal(bytes.byteLength, size);
  assert.equal(firstDifference(bytes, 12, 0), undefined);
  assert.equal(firstDifference(bytes.subarray(70_001), 12, 70_001), undefined);
  assert.deepEqual([...patternAt(12, 70_001, 3)], [...bytes.subarray(70_001, 70_004)]);
  const wrong = bytes.slice();
  wrong[150_000]! ^= 1;
  assert.equal(firstDifference(wrong, 12, 0), 150_000);
  // Bytes that differ from the expected ones: those of another seed, or of a later position.
  assert.notEqual(firstDifference(bytes, 13, 0), undefined);
  assert.notEqual(firstDifference(bytes.subarray(65_536), 12, 0), undefined);
});

Deno.test("a line, a pattern and the end are read, in whatever pieces they arrive", async () => {
  const order = { visit: 5, verb: "ASK", seed: 9, size: 1000 } as const;
  const all = new Uint8Array([...encodeOrder(order), ...await patternOf(9, 1000), ...encodeOrder(order)]);
  for (const piece of [1, 7, 999, all.byteLength]) {
    const chunks = Array.from(
      { length: Math.ceil(all.byteLength / piece) },
      (_, index) => all.slice(index * piece, (index + 1) * piece),
    );
    const intake = new Intake(new PaperWire(...chunks));
    assert.deepEqual(decodeOrder((await intake.line())!), order);
    await intake.pattern(9, 1000);
    assert.deepEqual(decodeOrder((await intake.line())!), order);
    assert.equal(await intake.line(), null);
    assert.equal(intake.received, all.byteLength);
  }
});

Deno.test("an early end is a loss; other bytes and surplus bytes are wrong", async () => {
  const bytes = await patternOf(3, 100);
  await assert.rejects(new Intake(new PaperWire(bytes)).pattern(3, 101), LostError);
  await assert.rejects(new Intake(new PaperWire(bytes)).pattern(4, 100), WrongBytesError);
  await assert.rejects(new Intake(new PaperWire(bytes)).bytes(101), LostError);
  await assert.rejects(new Intake(new PaperWire(new TextEncoder().encode("1 ASK"))).line(), LostError);
  await assert.rejects(new Intake(new PaperWire(bytes)).line(), WrongBytesError);
  const more = new Intake(new PaperWire(bytes));
  await more.pattern(3, 99);
  await assert.rejects(more.end(), /1 bytes more/);
  assert.throws(() => decodeOrder("1 STEAL 2 3"), WrongBytesError);
});
