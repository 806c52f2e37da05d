import assert from "node:assert/strict";
import { EntryNames } from "../../../../../src/upstream/discovery/dns/entry_names.ts";
import type {
  AddressRecords,
  Resolver,
  ServiceRecord,
} from "../../../../../src/upstream/discovery/dns/resolver.ts";

class Fixture implements Resolver {
  now = 0;
  readonly lookups: string[] = [];
  readonly failed: string[] = [];
  readonly forgotten: string[] = [];
  records: Record<string, AddressRecords> = {};
  found: readonly ServiceRecord[] | undefined;

  entry(name: string, dns: "a" | "srv", weight = 1): EntryNames {
    return new EntryNames({ name, port: 5432, weight, tier: 0 }, dns, {
      now: () => this.now,
      nextTurn: () => this.now + 10_000,
      onError: (failed) => this.failed.push(failed),
      onAnswer: () => {},
      onForgotten: (name) => this.forgotten.push(name),
      signal: new AbortController().signal,
    }, this);
  }

  addresses(name: string): Promise<AddressRecords> {
    this.lookups.push(name);
    const found = this.records[name];
    return found === undefined ? Promise.reject(new Error("none")) : Promise.resolve(found);
  }

  services(name: string): Promise<readonly ServiceRecord[]> {
    this.lookups.push(name);
    return this.found === undefined ? Promise.reject(new Error("none")) : Promise.resolve(this.found);
  }
}

function endpointsOf({ endpoints }: EntryNames): unknown[] {
  return endpoints.map(({ address: { hostname, port }, weight, rank }) => [hostname, port, weight, rank]);
}

const record = (target: string, priority: number, weight: number, port: number): ServiceRecord => ({
  target,
  priority,
  weight,
  port,
});

Deno.test("EntryNames keeps the addresses of a family without an answer", async () => {
  const fixture = new Fixture();
  const names = fixture.entry("db.test", "a", 3);
  assert.deepEqual([names.hasAsked, names.endpoints], [false, []]);
  fixture.records["db.test"] = { v4: undefined, v6: ["2001:db8::1"], ttl: 5000 };
  assert.equal(await names.ask(), 5000);
  assert.deepEqual([names.hasAsked, endpointsOf(names)], [true, [["2001:db8::1", 5432, 3, 0]]]);
  const steps: [AddressRecords["v4"], AddressRecords["v6"], string[]][] = [
    [["192.0.2.1"], undefined, ["192.0.2.1", "2001:db8::1"]],
    [undefined, [], ["192.0.2.1"]],
    [undefined, ["2001:db8::2"], ["192.0.2.1", "2001:db8::2"]],
  ];
  for (const [v4, v6, expected] of steps) {
    fixture.now += 10_000;
    fixture.records["db.test"] = { v4, v6, ttl: undefined };
    await names.ask();
    assert.deepEqual(names.endpoints.map(({ address }) => address.hostname), expected);
  }
  const only4 = fixture.entry("four.test", "a");
  fixture.records["four.test"] = { v4: ["192.0.2.9"], v6: undefined, ttl: undefined };
  await only4.ask();
  assert.deepEqual(endpointsOf(only4), [["192.0.2.9", 5432, 1, 0]]);
});

Deno.test("EntryNames keeps the known services when a look-up fails", async () => {
  const fixture = new Fixture();
  const names = fixture.entry("_db._tcp.test", "srv", 2);
  assert.equal(await names.ask(), 10_000);
  assert.deepEqual([names.hasAsked, names.endpoints, fixture.failed], [true, [], ["_db._tcp.test"]]);
  fixture.now = 10_000;
  fixture.found = [record("a.test", 20, 0, 1), record("b.test", 10, 5, 2), record("192.0.2.3", 20, 1, 3)];
  fixture.records["a.test"] = { v4: ["192.0.2.1"], v6: [], ttl: 4000 };
  fixture.records["b.test"] = { v4: ["192.0.2.2"], v6: [], ttl: 3000 };
  fixture.lookups.length = 0;
  assert.equal(await names.ask(), 13_000, "the first of all");
  assert.deepEqual(fixture.lookups, ["_db._tcp.test", "a.test", "b.test"], "an address needs no asking");
  const known = [["192.0.2.1", 1, 2, 1], ["192.0.2.2", 2, 10, 0], ["192.0.2.3", 3, 2, 1]];
  assert.deepEqual(endpointsOf(names), known);
  fixture.now = 20_000;
  fixture.found = undefined;
  await names.ask();
  assert.deepEqual(endpointsOf(names), known);
});

Deno.test("EntryNames keeps addresses of names that are still in the SRV records, and drops the others", async () => {
  const fixture = new Fixture();
  const names = fixture.entry("_db._tcp.test", "srv");
  fixture.found = [record("a.test", 0, 1, 1)];
  fixture.records["a.test"] = { v4: ["192.0.2.1"], v6: [], ttl: 60_000 };
  await names.ask();
  fixture.now = 10_000;
  fixture.found = [record("a.test", 0, 1, 1), record("b.test", 0, 1, 2)];
  fixture.lookups.length = 0;
  await names.ask();
  assert.deepEqual(fixture.lookups, ["_db._tcp.test", "b.test"]);
  assert.deepEqual(endpointsOf(names), [["192.0.2.1", 1, 1, 0]]);
  assert.deepEqual([fixture.failed, fixture.forgotten], [["b.test"], []]);
  fixture.now = 20_000;
  fixture.found = [record("a.test", 0, 1, 1)];
  await names.ask();
  assert.deepEqual([fixture.failed, fixture.forgotten], [["b.test"], ["b.test"]]);
});
