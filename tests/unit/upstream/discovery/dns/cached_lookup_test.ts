import assert from "node:assert/strict";
import { CachedLookup } from "../../../../../src/upstream/discovery/dns/cached_lookup.ts";

interface Lookup {
  readonly last: string | undefined;
  readonly at: number;
}

/** A name whose lookups the test answers. */
class Fixture {
  now = 1000;
  answer: { readonly value: string; readonly ttl: number | undefined } | Error = new Error("not yet");
  readonly lookUps: Lookup[] = [];
  readonly reports: string[] = [];
  readonly abort = new AbortController();
  readonly known = new CachedLookup<string>("db.test", {
    now: () => this.now,
    nextTurn: () => this.now + 7,
    onError: (name, error) => this.reports.push(`${name}: ${(error as Error).message}`),
    onForgotten: () => assert.fail("it is asked"),
    onAnswer: (name) => this.reports.push(`${name} answered`),
    signal: this.abort.signal,
  }, (last) => {
    this.lookUps.push({ last, at: this.now });
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  });

  async ask(answer: Fixture["answer"] = this.answer): Promise<void> {
    this.answer = answer;
    await this.known.ask();
  }
}

Deno.test("CachedLookup keeps an answer for its TTL, between 1 s and 5 min, or until the next look-up without one", async () => {
  const cases: [ttl: number | undefined, holds: number][] = [
    [30_000, 30_000],
    [0, 1000],
    [999, 1000],
    [1001, 1001],
    [299_999, 299_999],
    [300_001, 300_000],
    [Infinity, 300_000],
    [undefined, 7],
    [NaN, 7],
  ];
  for (const [ttl, holds] of cases) {
    const fixture = new Fixture();
    assert.deepEqual([fixture.known.value, fixture.known.due], [undefined, -Infinity]);
    await fixture.ask({ value: "one", ttl });
    assert.deepEqual([fixture.known.value, fixture.known.due], ["one", 1000 + holds]);
  }
});

Deno.test("CachedLookup does not ask before the answer is due", async () => {
  const fixture = new Fixture();
  await fixture.ask({ value: "one", ttl: 2000 });
  fixture.now = 2999;
  await fixture.ask({ value: "two", ttl: 2000 });
  assert.equal(fixture.known.value, "one");
  fixture.now = 3000;
  await fixture.ask();
  assert.equal(fixture.known.value, "two");
  assert.deepEqual(fixture.lookUps, [{ last: undefined, at: 1000 }, { last: "one", at: 3000 }]);
});

Deno.test("CachedLookup reports each answer and each failure, and keeps the last answer meanwhile", async () => {
  const fixture = new Fixture();
  await fixture.ask({ value: "one", ttl: undefined });
  assert.deepEqual(fixture.reports.splice(0), ["db.test answered"]);
  for (let round = 0; round < 2; round++) {
    for (let failure = 0; failure < 3; failure++) {
      fixture.now = fixture.known.due;
      await fixture.ask(new Error("refused"));
      assert.deepEqual([fixture.known.value, fixture.known.due], ["one", fixture.now + 7]);
    }
    assert.deepEqual(fixture.reports.splice(0), Array(3).fill("db.test: refused"));
    for (let success = 0; success < 2; success++) {
      fixture.now = fixture.known.due;
      await fixture.ask({ value: "one", ttl: undefined });
    }
    assert.deepEqual(fixture.reports.splice(0), Array(2).fill("db.test answered"));
  }
});

Deno.test("CachedLookup reports nothing after it is stopped", async () => {
  const fixture = new Fixture();
  fixture.abort.abort();
  await fixture.ask(new Error("aborted"));
  fixture.now = fixture.known.due;
  await fixture.ask({ value: "late", ttl: undefined });
  assert.deepEqual(fixture.reports, []);
});
