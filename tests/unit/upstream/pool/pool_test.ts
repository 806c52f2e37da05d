import assert from "node:assert/strict";
import { poolFiguresOf } from "../../../../src/upstream/pool/pool.ts";
import { upstreamRow } from "../../../support/fakes/upstream_parts.ts";

Deno.test("poolFiguresOf() counts as idle what was put in and not taken out", () => {
  const row = upstreamRow();
  const counts = {
    poolShelved: 9,
    poolUnshelved: 4,
    poolHits: 1,
    poolMisses: 2,
    poolExpired: 3,
    poolLost: 6,
  } as const;
  for (const [name, count] of Object.entries(counts)) row.cells[name as keyof typeof counts].add(count);
  assert.deepEqual(poolFiguresOf(row), { idle: 5, hits: 1, misses: 2, expired: 3, lost: 6 });
});
