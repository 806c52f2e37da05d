/** Fails a test that leaves a global changed, such as a clock of its own: the tests of other files share its isolate. */

const OF_PROGRAM = globalValues();

Deno.test.afterEach(() => {
  const now = globalValues();
  const changed = Object.keys(now).filter((name) => now[name] !== OF_PROGRAM[name]);
  if (changed.length > 0) throw new Error(`The test has left another ${changed.join(", ")}`);
});

function globalValues(): Record<string, unknown> {
  const { clearInterval, clearTimeout, Date, fetch, queueMicrotask, setInterval, setTimeout } = globalThis;
  return {
    clearInterval,
    clearTimeout,
    Date,
    fetch,
    queueMicrotask,
    setInterval,
    setTimeout,
    "Date.now": Date.now,
    "Math.random": Math.random,
    "performance.now": performance.now,
  };
}
