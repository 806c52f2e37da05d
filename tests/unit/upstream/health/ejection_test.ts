import assert from "node:assert/strict";
import fc from "fast-check";
import { Ejection } from "../../../../src/upstream/health/ejection.ts";

const OPTIONS = { failures: 3, window: 1000, eject: 5000 };

interface Fixture {
  readonly clock: { now: number };
  readonly ejection: Ejection;
  /** This many connections were made. */
  succeed(count?: number): void;
}

/** An ejection whose time and connections the test controls. */
function ejectionAt(start: number, options = OPTIONS): Fixture {
  const clock = { now: start };
  let successes = 0;
  return {
    clock,
    ejection: new Ejection(options, () => successes, () => clock.now),
    succeed: (count = 1) => void (successes += count),
  };
}

/** Reports this many failures at once; returns the result of each. */
function fail(ejection: Ejection, count: number): boolean[] {
  return Array.from({ length: count }, () => ejection.failed());
}

Deno.test("Ejection takes an endpoint out at the last of its failures, for as long as it says", () => {
  const { clock, ejection } = ejectionAt(100);
  assert.deepEqual(fail(ejection, 2), [false, false]);
  assert.equal(ejection.isEjected, false);
  assert.equal(ejection.until, 0);
  assert.deepEqual(fail(ejection, 1), [true]);
  assert.equal(ejection.isEjected, true);
  assert.equal(ejection.until, 5100);
  clock.now = 5099;
  assert.equal(ejection.isEjected, true);
  clock.now = 5100;
  assert.equal(ejection.isEjected, false);
});

Deno.test("Ejection forgets failures older than its window", () => {
  const { clock, ejection } = ejectionAt(0);
  const times: [at: number, ejects: boolean][] = [
    [0, false],
    [500, false],
    [1001, false],
    [1501, false],
    [2001, true],
  ];
  for (const [at, ejects] of times) {
    clock.now = at;
    assert.equal(ejection.failed(), ejects, `at ${at}`);
  }
});

Deno.test("Ejection does not count failures while it lasts, and starts anew afterwards", () => {
  const { clock, ejection } = ejectionAt(0);
  fail(ejection, 3);
  clock.now = 4999;
  assert.deepEqual(fail(ejection, 10), new Array(10).fill(false));
  assert.equal(ejection.until, 5000);
  clock.now = 5000;
  assert.deepEqual(fail(ejection, 3), [false, false, true]);
  assert.equal(ejection.until, 10_000);
});

Deno.test("Ejection with one failure ejects at each", () => {
  const { clock, ejection } = ejectionAt(0, { failures: 1, window: 1, eject: 10 });
  for (const at of [0, 10, 20]) {
    clock.now = at;
    assert.equal(ejection.failed(), true);
  }
});

Deno.test("Ejection finds an endpoint that accepts every connection and then resets it", () => {
  const { ejection, succeed } = ejectionAt(0);
  const answers = [1, 2, 3].map(() => {
    succeed();
    return ejection.failed();
  });
  assert.deepEqual(answers, [false, false, true]);
});

Deno.test("Ejection leaves a busy endpoint alone that fails now and then", () => {
  const { clock, ejection, succeed } = ejectionAt(0);
  for (let index = 0; index < 1000; index++) {
    clock.now += 1;
    succeed(10);
    assert.equal(ejection.failed(), false);
  }
});

Deno.test("Ejection needs one failure in three connections", () => {
  for (const [successes, ejects] of [[6, true], [7, false]] as const) {
    const { ejection, succeed } = ejectionAt(0);
    ejection.failed();
    succeed(successes);
    assert.deepEqual(fail(ejection, 2), [false, ejects]);
  }
});

Deno.test("Ejection takes a busy endpoint out once it stops working", () => {
  const { ejection, succeed } = ejectionAt(0);
  ejection.failed();
  succeed(1000);
  // The first failure was one of many connections; these three are the only ones.
  assert.deepEqual(fail(ejection, 3), [false, false, true]);
});

Deno.test("Ejection does not end early when a connection that began before succeeds", () => {
  const { ejection, succeed } = ejectionAt(0);
  fail(ejection, 3);
  succeed();
  assert.equal(ejection.isEjected, true);
});

Deno.test("Ejection reads performance.now() unless it is given a clock", () => {
  const ejection = new Ejection({ failures: 1, window: 1000, eject: 60_000 }, () => 0);
  const before = performance.now();
  assert.equal(ejection.failed(), true);
  const after = performance.now();
  assert.ok(ejection.until >= before + 60_000 && ejection.until <= after + 60_000);
  assert.equal(ejection.isEjected, true);
});

Deno.test("Ejection agrees with a list of everything that happened", () => {
  const step = fc.record({ wait: fc.nat(600), fails: fc.boolean() });
  const limits = fc.record({
    failures: fc.integer({ min: 1, max: 5 }),
    window: fc.constant(1000),
    eject: fc.nat(1000),
  });
  fc.assert(fc.property(limits, fc.array(step, { minLength: 100, maxLength: 200 }), (options, steps) => {
    const { clock, ejection, succeed } = ejectionAt(0, options);
    let until = 0;
    let history: { at: number; fails: boolean }[] = [];
    for (const { wait, fails } of steps) {
      clock.now += wait;
      assert.equal(ejection.isEjected, clock.now < until);
      if (!fails) {
        succeed();
        history.push({ at: clock.now, fails });
        continue;
      }
      let ejects = false;
      if (clock.now >= until) {
        history.push({ at: clock.now, fails });
        const failures = history.filter((each) => each.fails).slice(-options.failures);
        const since = history.slice(history.indexOf(failures[0]!));
        ejects = failures.length === options.failures && clock.now - failures[0]!.at <= options.window &&
          since.filter((each) => !each.fails).length <= 2 * options.failures;
      }
      assert.equal(ejection.failed(), ejects);
      if (!ejects) continue;
      until = clock.now + options.eject;
      history = [];
    }
    assert.equal(ejection.until, until);
  }));
});
