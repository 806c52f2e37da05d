import assert from "node:assert/strict";
import { type Log, silentLog } from "../../../../src/observe/log/log.ts";
import { startUntilReady } from "../../../../src/runtime/control/start_until_ready.ts";

const CHECKS = "db: the first health checks are under way";
const UNKNOWN = "cache: no endpoint is known yet";
const WAITS = "Takes over as soon as it is ready: ";

Deno.test("startUntilReady() starts all groups, and does not wait where they are ready", async () => {
  const fixture = new Fixture([[], []]);
  await fixture.run();
  assert.deepEqual([fixture.started, fixture.messages], [2, []]);
});

Deno.test("startUntilReady() waits until the endpoints of the last group are known", async () => {
  const fixture = new Fixture([[], [UNKNOWN, CHECKS]]);
  await fixture.run(Infinity);
  assert.deepEqual([fixture.started, fixture.messages], [2, [WAITS + UNKNOWN]]);
});

Deno.test("startUntilReady() does not wait for long checks, but fails without endpoints", async () => {
  const fixture = new Fixture([[CHECKS]]);
  await fixture.run();
  assert.deepEqual(fixture.messages, [WAITS + CHECKS, `Takes over, although not ready after 0 s: ${CHECKS}`]);
  await assert.rejects(new Fixture([[UNKNOWN]]).run(), {
    name: "TakeOverError",
    message: `Cannot take over, not ready after 0 s: ${UNKNOWN} ` +
      "(to start nevertheless, stop the running sluice and leave --take-over out)",
  });
});

/** Groups that are not ready for the reasons in their lists, of which each is given up once it was read twice. */
class Fixture {
  readonly messages: string[] = [];
  started = 0;
  readonly #reasons: string[][];

  constructor(reasons: string[][]) {
    this.#reasons = reasons;
  }

  run(patience = 0): Promise<void> {
    const note = (message: string) => void this.messages.push(message);
    const log: Log = { ...silentLog(), info: note, warn: note };
    const groups = this.#reasons.map((reasons) => {
      let reads = 0;
      return {
        start: () => void this.started++,
        get isKnown() {
          return reasons[0] !== UNKNOWN;
        },
        get notReady() {
          if (patience > 0 && ++reads % 3 === 0) reasons.shift();
          return reasons.slice(0, 1);
        },
      };
    });
    return startUntilReady(groups, log, patience);
  }
}
