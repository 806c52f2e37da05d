import assert from "node:assert/strict";
import { hash, MaglevTable } from "../../../../src/upstream/balance/maglev.ts";
import type { Candidate } from "../../../../src/upstream/balance/policy.ts";
import { sourceHash } from "../../../../src/upstream/balance/source_hash.ts";

const endpoints = Array.from({ length: 50 }, (_, id): Candidate => ({
  id,
  key: `192.0.2.${id}:5432`,
  weight: 1,
  part: 1,
  active: 0,
}));
const table = new MaglevTable(endpoints);
const CLIENTS = Array.from({ length: 20 }, (_, index) => `198.51.100.${index}`);

function chosen(client: string, isAllowed: (id: number) => boolean, list = endpoints) {
  return sourceHash()({ endpoints: list, client, isAllowed: ({ id }: Candidate) => isAllowed(id) })?.id;
}

Deno.test("sourceHash takes the client's slot, and the next attempt's slot if that endpoint is excluded", () => {
  for (const client of CLIENTS) {
    const attempts = Array.from({ length: 16 }, (_, attempt) => table.find(client, attempt));
    assert.equal(chosen(client, () => true), attempts[0]);
    const others = attempts.filter((id) => id !== attempts[0]);
    assert.equal(chosen(client, (id) => id !== attempts[0]), others[0]);
    assert.equal(chosen(client, (id) => id === attempts[15]), attempts[15]);
  }
});

Deno.test("sourceHash falls back after 16 attempts to an endpoint that does not depend on the order", () => {
  const reversed = [...endpoints].reverse();
  const found = new Set<number | undefined>();
  for (const client of CLIENTS) {
    const seen = new Set(Array.from({ length: 16 }, (_, attempt) => table.find(client, attempt)));
    const left = endpoints.map(({ id }) => id).filter((id) => !seen.has(id)).slice(0, 4);
    const id = chosen(client, (each) => left.includes(each));
    const scores = left.map((each) => hash(endpoints[each]!.key, hash(client, 16)));
    assert.equal(id, left[scores.indexOf(Math.max(...scores))]);
    assert.equal(chosen(client, (each) => left.includes(each), reversed), id);
    assert.equal(chosen(client, (each) => each === left[3]), left[3]);
    found.add(left.indexOf(id!));
  }
  assert.equal(found.size, 4, "clients are spread");
});

Deno.test("sourceHash returns none for an empty list, or if none is allowed", () => {
  assert.equal(chosen("198.51.100.1", () => true, []), undefined);
  assert.equal(chosen("198.51.100.1", () => false), undefined);
});

Deno.test("sourceHash builds its table once per list of endpoints", () => {
  let reads = 0;
  const list = endpoints.slice(0, 2).map((each) => ({
    ...each,
    get weight() {
      reads += 1;
      return 1;
    },
  }));
  const policy = sourceHash();
  const choose = (of: readonly Candidate[]) => policy({ endpoints: of, client: "", isAllowed: () => true });
  choose(list);
  const once = reads;
  choose(list);
  assert.equal(reads, once);
  choose([...list]);
  assert.equal(reads, 2 * once);
});
