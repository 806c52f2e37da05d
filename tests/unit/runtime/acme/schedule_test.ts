import assert from "node:assert/strict";
import { backOff, renewalTime } from "../../../../src/runtime/acme/schedule.ts";

const DAY = 86_400_000;
const LIFE = { notBefore: 0, notAfter: 90 * DAY };

Deno.test("renewalTime() is after two thirds of the life, up to a fiftieth of it later", () => {
  const at = (fraction: number, life = LIFE) => renewalTime(life, { window: undefined, fraction });
  assert.equal(at(0), 60 * DAY);
  assert.equal(Math.round(at(1) / 60_000), Math.round(61.8 * DAY / 60_000));
  assert.equal(at(0, { notBefore: 0, notAfter: 6 * DAY }), 4 * DAY);
});

Deno.test("renewalTime() is in the server's window, but not at the very end of the life", () => {
  const at = (start: number, end: number) => renewalTime(LIFE, { window: { start, end }, fraction: 0.5 });
  assert.equal(at(10 * DAY, 12 * DAY), 11 * DAY);
  assert.equal(at(-9 * DAY, -8 * DAY), DAY);
  assert.equal(at(100 * DAY, 110 * DAY), 75 * DAY);
});

Deno.test("backOff() doubles up to a limit that fits the life of the certificate", () => {
  const minutes = (attempts: number, life: typeof LIFE | undefined) => backOff(attempts, life, 0.5) / 60_000;
  assert.deepEqual([1, 2, 3, 4].map((attempts) => minutes(attempts, LIFE)), [2, 4, 8, 16]);
  assert.equal(minutes(1000, LIFE), 360);
  assert.equal(minutes(1000, undefined), 60);
  assert.equal(minutes(1000, { notBefore: 0, notAfter: 3_600_000 }), 5);
  assert.equal(backOff(1, { notBefore: 0, notAfter: 1000 }, 0.5), 10_000);
  assert.ok(backOff(1, LIFE, 0) < backOff(1, LIFE, 1));
});
