import assert from "node:assert/strict";
import { sleep } from "../../../../src/net/timers/sleep.ts";

Deno.test("sleep() sets no timer longer than the longest, which would fire at once, or with a negative delay, which Deno warns of", async () => {
  const delays: (number | undefined)[] = [];
  const { setTimeout } = globalThis;
  const atOnce = (callback: () => void, delay?: number) => {
    delays.push(delay);
    queueMicrotask(callback);
    return 0;
  };
  globalThis.setTimeout = atOnce as unknown as typeof setTimeout;
  try {
    const { signal } = new AbortController();
    for (const each of [20, 2 ** 31 - 1, 2 ** 31, 1e15, 0, -5]) await sleep(each, signal);
    assert.deepEqual(delays, [20, 2_147_483_647, 2_147_483_647, 2_147_483_647, 0, 0]);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

Deno.test("sleep() resolves when its signal aborts, also with Infinity, and at once after that", async () => {
  const stop = new AbortController();
  const sleeping = [sleep(60_000, stop.signal), sleep(Infinity, stop.signal)];
  stop.abort();
  await Promise.all(sleeping);
  await sleep(Infinity, stop.signal);
});

Deno.test("sleep() leaves no listener on a signal that outlives it", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const spied = Object.assign(signal, {
    addEventListener: () => listeners++,
    removeEventListener: () => listeners--,
  });
  await sleep(1, spied as unknown as AbortSignal);
  assert.equal(listeners, 0);
});
