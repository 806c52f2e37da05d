import assert from "node:assert/strict";
import { EventLoopDelay } from "../../../../src/observe/metrics/event_loop_delay.ts";

Deno.test("EventLoopDelay measures how long the event loop was blocked", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  using _measured = new EventLoopDelay({ observe: resolve });
  // Blocks the thread from before the timer is due until well after.
  const end = performance.now() + 400;
  while (performance.now() < end);
  // Its timer does not keep the process alive, so this one has to.
  const alive = setTimeout(() => resolve(-1), 10_000);
  const delay = await promise;
  clearTimeout(alive);
  assert.ok(delay > 0.25 && delay < 5, `${delay} s`);
});

Deno.test("EventLoopDelay measures repeatedly until it is disposed of", async () => {
  const delays: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const alive = setTimeout(resolve, 10_000);
  const histogram = {
    observe(seconds: number) {
      delays.push(seconds);
      if (delays.length === 3) resolve();
    },
  };
  // The sanitizers check that its timer is cleared.
  using _measured = new EventLoopDelay(histogram);
  await promise;
  clearTimeout(alive);
  assert.equal(delays.length, 3);
  assert.ok(delays.every((seconds) => seconds >= 0));
});
