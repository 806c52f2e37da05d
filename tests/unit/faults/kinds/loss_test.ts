/** Faults that change or lose bytes: corrupt, packet_loss, replace. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { FaultType } from "../../../../src/faults/registry.ts";
import { settled } from "../../../support/fakes/fake_time.ts";
import { Random } from "../../../support/random.ts";
import { FaultRun } from "../fault_fixture.ts";

const CONNECTIONS = 500;

/** The positions of bytes that arrived changed. */
function flipsOf(sent: Uint8Array, received: Uint8Array): number[] {
  assert.equal(received.byteLength, sent.byteLength);
  return [...sent.keys()].filter((at) => sent[at] !== received[at]);
}

Deno.test("corrupt flips one bit in its share of bytes, within 3 standard deviations", async () => {
  const sent = new Uint8Array(1_000_000).map((_, at) => at);
  for (const rate of [0.0001, 0.01, 0.5]) {
    await using run = new FaultRun("corrupt", { rate }, { seed: 3 });
    for (let at = 0; at < sent.byteLength; at += 10_007) await run.write(sent.subarray(at, at + 10_007));
    await settled();
    const received = run.bytes;
    const flips = flipsOf(sent, received);
    const deviation = Math.sqrt(sent.byteLength * rate * (1 - rate));
    assert.ok(Math.abs(flips.length - sent.byteLength * rate) < 3 * deviation, `${flips.length} at ${rate}`);
    const bits = new Map<number, number>();
    for (const at of flips) {
      const bit = sent[at]! ^ received[at]!;
      bits.set(bit, (bits.get(bit) ?? 0) + 1);
    }
    assert.ok([...bits.keys()].every((bit) => [1, 2, 4, 8, 16, 32, 64, 128].includes(bit)));
    const expected = flips.length / 8;
    assert.ok([...bits.values()].every((count) => Math.abs(count - expected) < 4 * Math.sqrt(expected)));
  }
});

Deno.test("corrupt flips the same bits however the bytes arrive, and none in the caller's buffer", async () => {
  const sent = new Uint8Array(10_000);
  const results: Uint8Array[] = [];
  for (const size of [1, 700, 10_000]) {
    await using run = new FaultRun("corrupt", { rate: 0.05 });
    for (let at = 0; at < sent.byteLength; at += size) await run.write(sent.subarray(at, at + size));
    await settled();
    results.push(run.bytes);
  }
  assert.ok(results[0]!.some((byte) => byte !== 0));
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
  assert.ok(sent.every((byte) => byte === 0));
});

Deno.test("corrupt at 0 changes nothing, at 1 every byte", async () => {
  const sent = new Uint8Array(1000);
  for (const rate of [0, 1]) {
    await using run = new FaultRun("corrupt", { rate });
    await run.write(sent);
    await settled();
    assert.equal(flipsOf(sent, run.bytes).length, 1000 * rate);
  }
});

/** The numbers of the chunks that arrived, of `count` chunks. */
async function arrivals(values: object, count: number, seed = 1): Promise<boolean[]> {
  await using run = new FaultRun("packet_loss", values, { seed });
  for (let index = 0; index < count; index++) {
    await run.write(new Uint8Array(new Uint32Array([index]).buffer));
  }
  await settled();
  const came = new Set(new Uint32Array(run.bytes.buffer));
  return Array.from({ length: count }, (_, index) => came.has(index));
}

Deno.test("packet_loss drops its share of chunks", async () => {
  const count = 20_000;
  const lost = (await arrivals({ lossRate: 0.2 }, count)).filter((came) => !came).length;
  assert.ok(Math.abs(lost - 0.2 * count) < 3 * Math.sqrt(count * 0.2 * 0.8), `${lost}`);
  assert.ok((await arrivals({ lossRate: 0 }, 100)).every((came) => came));
  assert.ok((await arrivals({ lossRate: 1 }, 100)).every((came) => !came));
});

Deno.test("packet_loss drops the chunk after a dropped one with the correlation added", async () => {
  const count = 20_000;
  const came = await arrivals({ lossRate: 0.1, correlation: 0.5 }, count);
  const shareBehind = (isLost: boolean) => {
    const behind = came.filter((_, index) => index > 0 && came[index - 1] === !isLost);
    return behind.filter((each) => !each).length / behind.length;
  };
  assert.ok(Math.abs(shareBehind(true) - 0.6) < 0.03, `${shareBehind(true)} behind a dropped one`);
  assert.ok(Math.abs(shareBehind(false) - 0.1) < 0.01, `${shareBehind(false)} behind another`);
});

const RANDOM: readonly { readonly type: FaultType; readonly values: object }[] = [
  { type: "corrupt", values: { rate: 0.05 } },
  { type: "packet_loss", values: { lossRate: 0.4 } },
  { type: "slicer", values: { averageSize: 20, sizeVariation: 10 } },
];

for (const { type, values } of RANDOM) {
  Deno.test(`${type} does the same to 500 connections for the same seed, and something else for another`, async () => {
    const resultOf = async (seed: number, number: number) => {
      await using run = new FaultRun(type, values, { seed, number });
      for (let index = 0; index < 10; index++) await run.write(`message ${index} of this connection`);
      await settled();
      return `${run.sizes} ${run.bytes}`;
    };
    const resultsOf = async (seed: number) => {
      const results: string[] = [];
      for (let number = 1; number <= CONNECTIONS; number++) results.push(await resultOf(seed, number));
      return results;
    };
    const results = await resultsOf(1);
    assert.deepEqual(await resultsOf(1), results);
    const others = await resultsOf(2);
    const same = results.filter((result, index) => result === others[index]).length;
    assert.ok(same < 0.05 * CONNECTIONS, `${same} are the same`);
    assert.ok(new Set(results).size > 0.7 * CONNECTIONS, "connections differ from each other");
  });
}

Deno.test("replace replaces bytes across chunks, and holds only what may be their beginning", async () => {
  await using run = new FaultRun("replace", {
    find: new TextEncoder().encode("secret"),
    replacement: new TextEncoder().encode("******"),
  });
  await run.write("a sec");
  await settled();
  assert.equal(run.text, "a ");
  await run.write("t, a secret; se");
  await settled();
  assert.equal(run.text, "a sect, a ******; ");
  await run.write("cretsecret");
  await settled();
  assert.equal(run.text, "a sect, a ******; ************");
  await run.write("secr");
  await settled();
  await run.end();
  await settled();
  assert.equal(run.text, "a sect, a ******; ************secr");
});

Deno.test("replace without a replacement takes the bytes out", async () => {
  await using run = new FaultRun("replace", { find: new Uint8Array([0, 0]) });
  await run.write(new Uint8Array([0, 0, 1, 0, 2, 0]));
  await run.write(new Uint8Array([0, 0, 3]));
  await settled();
  assert.deepEqual([...run.bytes], [1, 0, 2, 0, 3]);
});

Deno.test("replace does what String.replaceAll() does, however the bytes arrive", async () => {
  const random = new Random(11);
  const draw = (length: number) => Array.from({ length }, () => random.pick(["a", "b"])).join("");
  for (let round = 0; round < 300; round++) {
    const [find, replacement, text] = [draw(random.integer(1, 5)), draw(random.integer(0, 3)), draw(60)];
    await using run = new FaultRun("replace", {
      find: Buffer.from(find),
      replacement: Buffer.from(replacement),
    });
    for (let at = 0; at < text.length;) {
      const chunk = text.slice(at, at + random.integer(1, 9));
      await run.write(chunk);
      at += chunk.length;
    }
    await run.end();
    await run.ended;
    assert.equal(run.text, text.replaceAll(find, replacement), `${find} by ${replacement} in ${text}`);
    assert.ok(run.sizes.every((size) => size > 0));
  }
});
