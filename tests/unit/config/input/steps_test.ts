import assert from "node:assert/strict";
import { atOnce, inTurns, type Steps } from "../../../../src/config/input/steps.ts";

const STEPS = 90;

/** Steps of a millisecond each, and their number. */
class Work {
  taken = 0;

  *steps(count: number): Steps<string> {
    for (; this.taken < count; this.taken++) {
      const end = performance.now() + 1;
      while (performance.now() < end);
      yield;
    }
    return "done";
  }
}

Deno.test("inTurns() lets others have their turn between steps", async () => {
  const work = new Work();
  const seen: number[] = [];
  const timer = setInterval(() => seen.push(work.taken), 0);
  assert.equal(await inTurns(work.steps(30)), "done");
  clearInterval(timer);
  assert.ok(seen.length > 0, "no timer fired before all steps were taken");
  assert.ok(seen.every((taken) => taken < 30), String(seen));
});

Deno.test("inTurns() lets connections have their turn between steps", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const [client, server] = await Promise.all([Deno.connect({ hostname, port }), listener.accept()]);
  using _client = client;
  using _server = server;
  const work = new Work();
  let echoes = 0;
  const echoing = (async () => {
    const byte = new Uint8Array(1);
    while (work.taken < STEPS) {
      await client.write(byte);
      await server.read(byte);
      if (work.taken < STEPS) echoes++;
    }
  })();
  await inTurns(work.steps(STEPS));
  await echoing;
  // While a `setImmediate` is due, Deno polls sockets after 61 turns.
  assert.ok(echoes > 5, `${echoes} bytes arrived during ${STEPS} ms of work`);
});

Deno.test("atOnce() takes all steps", () => {
  const work = new Work();
  assert.equal(atOnce(work.steps(3)), "done");
  assert.equal(work.taken, 3);
});
