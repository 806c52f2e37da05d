/** Faults that lose nothing: every byte arrives in order, whatever the chunks and whenever a fault begins and ends. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { FaultType } from "../../../src/faults/registry.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { LOSSLESS } from "../../support/fakes/lossless_faults.ts";
import { FaultRun } from "./fault_fixture.ts";

const optional = (arbitrary: fc.Arbitrary<number>) => fc.option(arbitrary, { nil: undefined });

const trigger = fc.record({
  afterBytes: optional(fc.nat(3000)),
  after: optional(fc.nat(80)),
  match: fc.option(fc.uint8Array({ min: 0, max: 1, minLength: 1, maxLength: 3 } as never), {
    nil: undefined,
  }),
  for: optional(fc.integer({ min: 1, max: 60 })),
});

for (const { type, values } of LOSSLESS) {
  Deno.test(`${type} ${JSON.stringify(values)} loses nothing, whenever it begins and is removed`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ min: 0, max: 2, minLength: 1, maxLength: 2000 } as never), {
          maxLength: 12,
        }),
        trigger,
        fc.array(fc.nat(3), { minLength: 12, maxLength: 12 }),
        fc.nat(20),
        (chunks, trigger, pauses, removedAt) => loses({ type, values, chunks, trigger, pauses, removedAt }),
      ),
      { numRuns: 60 },
    );
  });
}

interface Case {
  readonly type: FaultType;
  readonly values: object;
  readonly chunks: readonly Uint8Array[];
  readonly trigger: object;
  /** Before each chunk, in steps of 10 ms. */
  readonly pauses: readonly number[];
  /** Before which chunk the fault is removed; at the end if there are fewer. */
  readonly removedAt: number;
}

async function loses({ type, values, chunks, trigger, pauses, removedAt }: Case): Promise<void> {
  using time = new FakeTime();
  await using run = new FaultRun(type, values, { trigger });
  const sent = createHash("sha256");
  for (const [index, chunk] of chunks.entries()) {
    if (index === removedAt) await run.stop();
    sent.update(chunk);
    void run.write(chunk);
    await time.advance(10 * pauses[index]!);
  }
  void run.end();
  await time.advance(50);
  await run.stop();
  await settled();
  assert.equal(run.isEnded, true);
  assert.equal(createHash("sha256").update(run.bytes).digest("hex"), sent.digest("hex"));
  assert.equal(run.closes + run.resets, 0);
}
