/** Lookups that wait for others, and what becomes of them when their clients have gone. */

import assert from "node:assert/strict";
import { type FindAddresses, NameLookup } from "../../../../src/net/socket/lookup.ts";

const GOING_ON = new AbortController().signal;

Deno.test("NameLookup does not look up a name for which no caller waits any more", async () => {
  const resolver = new FakeResolver();
  const names = new NameLookup({ find: resolver.find, most: 1 });
  const running = names.addresses("a", GOING_ON);
  const stop = new AbortController();
  const reason = new Error("too long");
  const gone = ["b", "c", "c", "d"].map((name) => names.addresses(name, stop.signal));
  const staying = names.addresses("d", GOING_ON);
  stop.abort(reason);
  for (const each of gone) await assert.rejects(each, reason);
  // It is waited for anew, at the end.
  const again = names.addresses("c", GOING_ON);
  resolver.answer("a", ["10.0.0.1"]);
  await running;
  await turn();
  assert.deepEqual(resolver.lookups, ["a", "d"]);
  resolver.answer("d", ["10.0.0.4"]);
  assert.deepEqual(await staying, ["10.0.0.4"]);
  await turn();
  assert.deepEqual(resolver.lookups, ["a", "d", "c"]);
  // A lookup that runs goes on, and others share it.
  const late = new AbortController();
  const shared = names.addresses("c", late.signal);
  late.abort(reason);
  await assert.rejects(shared, reason);
  resolver.answer("c", ["10.0.0.3"]);
  assert.deepEqual(await again, ["10.0.0.3"]);
  assert.equal(names.fallbacks, 0);
});

Deno.test("NameLookup lets 1024 lookups wait, and refuses more at once", async () => {
  const resolver = new FakeResolver();
  const names = new NameLookup({ find: resolver.find, most: 1 });
  const stop = new AbortController();
  const reason = new Error("too long");
  const all = Array.from({ length: 1025 }, (_, index) => names.addresses(`n${index}`, stop.signal));
  await assert.rejects(names.addresses("more", GOING_ON), {
    code: "name_not_resolved",
    message: "1024 lookups are waiting already",
  });
  stop.abort(reason);
  for (const each of all) await assert.rejects(each, reason);
  const next = names.addresses("more", GOING_ON);
  resolver.answer("n0", ["10.0.0.1"]);
  await turn();
  assert.deepEqual(resolver.lookups, ["n0", "more"]);
  resolver.answer("more", ["10.0.0.2"]);
  assert.deepEqual(await next, ["10.0.0.2"]);
});

/** A resolver whose answers the test gives. */
class FakeResolver {
  readonly lookups: string[] = [];
  readonly #pending = new Map<string, PromiseWithResolvers<string[]>>();

  readonly find: FindAddresses = (name) => {
    this.lookups.push(name);
    const answer = Promise.withResolvers<string[]>();
    this.#pending.set(name, answer);
    return answer.promise;
  };

  answer(name: string, addresses: string[]): void {
    this.#pending.get(name)!.resolve(addresses);
  }
}

/** Afterwards, everything that waits for nothing has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
