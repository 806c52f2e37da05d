import assert from "node:assert/strict";
import { ClientEntries } from "../../../src/shared/client_entries.ts";

const ONE = { family: 6, high: 0x20010db8, low: 0xffffffff };
const TWO = { family: 6, high: 0x20010db8, low: 0 };
const THREE = { family: 4, high: 0x20010db8, low: 0xffffffff };

Deno.test("ClientEntries.find() distinguishes clients by every part of their key", () => {
  const entries = new ClientEntries(2, undefined);
  const keys = [ONE, TWO, THREE, { ...ONE, high: 0 }];
  const places = keys.map((key) => take(entries, key));
  assert.equal(new Set(places).size, 4);
  assert.deepEqual(keys.map((key) => entries.find(key)), places);
  assert.equal(entries.find({ family: 6, high: 0, low: 0 }), undefined);
});

Deno.test("ClientEntries.findFree() gives the place of a client with nothing open to another client", () => {
  const entries = new ClientEntries(8, undefined);
  const keys = Array.from({ length: 16 }, (_, low) => ({ family: 4, high: 0, low }));
  const places = keys.map((key) => take(entries, key));
  assert.equal(new Set(places).size, 16);
  for (const [index, place] of places.entries()) {
    assert.equal(entries.findFree(ONE, 0), undefined);
    entries.setOwn(place, 0);
    assert.equal(entries.findFree(ONE, 0), place);
    entries.assign(place, ONE);
    assert.deepEqual([ONE, ...keys].map((key) => entries.find(key)), [
      place,
      ...places.map((other) => other === place ? undefined : other),
    ]);
    assert.equal(entries.open(place), 0);
    assert.equal(entries.findFree(TWO, 0), place);
    assert.equal(take(entries, keys[index]!), place);
    assert.equal(entries.open(place), 1);
  }
});

Deno.test("ClientEntries.findFree() returns an entry whose rate has recovered, even after the clock was set back", () => {
  const entries = new ClientEntries(1, { rate: 1, burst: 5 });
  const [one, two] = [take(entries, ONE), take(entries, TWO)];
  entries.setOwn(one, 0);
  entries.setDue(one, 103);
  assert.equal(entries.findFree(THREE, 102.9), undefined);
  assert.equal(entries.findFree(THREE, 103), one);
  assert.equal(entries.due(one, 50), 55);
  assert.equal(entries.findFree(THREE, 54), undefined);
  assert.equal(entries.findFree(THREE, 55), one);
  entries.setOwn(two, 0);
  entries.setDue(two, 1000);
  entries.setDue(one, 1000);
  assert.equal(entries.findFree(THREE, 10), undefined);
  assert.notEqual(entries.findFree(THREE, 15), undefined);
});

Deno.test("ClientEntries seeds each table's hash, and shares the seed with its memory", () => {
  const keys = Array.from({ length: 20 }, (_, low) => ({ family: 4, high: 0, low }));
  const placesOf = (entries: ClientEntries) => keys.map((key) => entries.findFree(key, 0));
  const tables = [
    new ClientEntries(1000, undefined),
    new ClientEntries(1000, undefined),
  ];
  assert.notDeepEqual(placesOf(tables[0]!), placesOf(tables[1]!));
  assert.deepEqual(
    placesOf(new ClientEntries(1000, undefined, { memory: tables[0]!.memory })),
    placesOf(tables[0]!),
  );
});

function take(entries: ClientEntries, key: typeof ONE): number {
  const entry = entries.findFree(key, 0);
  assert.ok(entry !== undefined);
  entries.assign(entry, key);
  entries.setDue(entry, 0);
  entries.setOwn(entry, 1);
  return entry;
}
