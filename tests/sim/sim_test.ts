/** Small fleets, whose properties follow from the policies. */

import assert from "node:assert/strict";
import { herdOf, type HerdOptions } from "./herd.ts";
import { lagOf, type LagOptions, moversOf } from "./lag.ts";
import { dividedLimit, refusedShare } from "./limits.ts";
import { movesOf, removalsOf } from "./moves.ts";
import { pictureOf } from "./picture.ts";
import { restartOf, type RestartOptions } from "./restart.ts";

const LAG: LagOptions = { proxies: 20, lag: 20, pause: 2, movers: moversOf(20, 200), seed: 1 };
const HERD: HerdOptions = {
  policy: "random_two",
  proxies: 100,
  endpoints: 20,
  rate: 400,
  life: 5,
  slowStart: 0,
  interval: 1,
  follow: 20,
  seed: 1,
};

Deno.test("movesOf() moves only an endpoint's own clients while it is down, and few others when it is removed", () => {
  const { least, removed, added, down, largest } = movesOf(20, 4);
  assert.equal(least, 0.05);
  assert.ok(Math.abs(down - least) < 0.001, `${down}`);
  assert.ok(removed > least && removed < 2 * least, `${removed}`);
  assert.ok(added > 1 / 21 && added < 2 * least, `${added}`);
  assert.ok(largest >= 1 && largest < 1.01, `${largest}`);
});

Deno.test("removalsOf() moves fewer clients when endpoints are removed together than one after the other", () => {
  const { together, inTurn } = removalsOf(50, 5);
  assert.ok(together >= 0.1 && together < inTurn, `${together} and ${inTurn}`);
  const one = removalsOf(50, 1);
  assert.equal(one.together, one.inTurn);
});

Deno.test("lagOf() moves each client once without a lag, and back and forth with one", () => {
  assert.deepEqual(lagOf({ ...LAG, lag: 0 }), { lag: 0, wentBack: 0, changes: 1, settled: 0 });
  const lag = lagOf(LAG);
  assert.deepEqual(lagOf(LAG), lag, "the same in every run");
  assert.ok(lag.wentBack > 0.3 && lag.wentBack < 1, `${lag.wentBack}`);
  // Each return is a change more, and one more to come forth again.
  assert.ok(lag.changes >= 1 + 2 * lag.wentBack, `${lag.changes}`);
  assert.ok(lag.settled > 0 && lag.settled <= 20, `${lag.settled}`);
});

Deno.test("refusedShare() is Erlang's loss formula", () => {
  assert.equal(refusedShare(1, 1), 0.5);
  assert.equal(refusedShare(2, 2), 0.4);
  assert.equal(refusedShare(0, 5), 1);
  // One large limit refuses less than many small ones.
  assert.ok(refusedShare(1000, 900) < refusedShare(10, 9) / 100);
});

Deno.test("dividedLimit() admits more or less than the whole while limits are for another number of proxies", () => {
  const of = (proxies: number) => dividedLimit({ whole: 100, dividedBy: 5, proxies, load: 80 });
  assert.deepEqual([4, 5, 6].map((proxies) => of(proxies).admits), [0.8, 1, 1.2]);
  assert.ok(of(4).refused > of(5).refused && of(5).refused > of(6).refused);
  assert.equal(of(4).refused, refusedShare(20, 20));
});

Deno.test("herdOf() shows the herd of least_connections, and that slow_start spreads it", () => {
  const random = herdOf(HERD);
  assert.deepEqual(herdOf(HERD), random, "the same in every run");
  const least = herdOf({ ...HERD, policy: "least_connections" });
  const slow = herdOf({ ...HERD, policy: "random_two", slowStart: 10 });
  assert.ok(least.peak > 1.5 * random.peak, `${least.peak} and ${random.peak}`);
  const inFirst = ({ perSecond }: typeof random) =>
    perSecond.slice(0, 5).reduce((sum, each) => sum + each, 0);
  assert.ok(inFirst(slow) < inFirst(random), `${inFirst(slow)} and ${inFirst(random)}`);
  for (const { atEnd } of [random, least]) assert.ok(atEnd > 0.6 && atEnd < 1.4, `${atEnd}`);
});

Deno.test("restartOf() shows that the first turns of all proxies are the same, and that chance has none", () => {
  const options: RestartOptions = {
    policy: "round_robin",
    proxies: 100,
    endpoints: 10,
    moments: [0.01, 1, 50],
    seed: 1,
  };
  const [first, one, many] = restartOf(options) as [number, number, number];
  assert.equal(first, 10, "a single connection is ten times the fair share");
  assert.ok(one > 5 && many < 1.2, `${one}, then ${many}`);
  const [, chance] = restartOf({ ...options, policy: "random_two" });
  assert.ok(chance! < one / 2, `${chance}`);
  assert.deepEqual(restartOf(options), [first, one, many], "the same in every run");
});

Deno.test("pictureOf() draws a line for each run", () => {
  const runs = [0, 30].map((slowStart) => ({
    policy: "random_two" as const,
    slowStart,
    herd: { perSecond: new Array(60).fill(1), peak: 2, atEnd: 1 },
  }));
  const picture = pictureOf(runs);
  assert.equal(picture.match(/<polyline/g)!.length, 2);
  assert.equal(picture.match(/<text/g)!.length, picture.match(/<\/text>/g)!.length);
  assert.ok(picture.includes("random_two, slow_start: 30s"));
  assert.ok(!picture.includes("NaN"));
});
