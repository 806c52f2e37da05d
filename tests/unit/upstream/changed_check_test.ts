/** Reloads that change the health check of a group. */

import assert from "node:assert/strict";
import { parseUpstreamAddress } from "../../../src/net/address.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { checkOf } from "../../support/fakes/check_exchange.ts";
import { ControlledGroup, endpointsAt, groupConfig } from "../../support/fakes/upstream_parts.ts";
import { eventually } from "../../support/eventually.ts";
import { readAll, type Upstream, upstream, writeText } from "../../support/peers/sockets.ts";

/** Asks whether an endpoint says OK; three results in a row change its state. */
const SAYS_OK = { script: [{ expect: "OK" }], interval: "10ms", rise: 3, fall: 3 };

Deno.test("a check that only changes its pace still needs `fall` bad results in a row", async () => {
  await using fixture = await Checked.start();
  fixture.answer = "NO";
  fixture.update({ ...SAYS_OK, interval: "15ms", timeout: "900ms" });
  assert.equal(fixture.health, "up");
  assert.deepEqual(await fixture.nextEvent(), ["down", { good: 0, bad: 3, skipped: 0 }]);
  fixture.answer = "OK";
  fixture.update({ ...SAYS_OK, interval: "15ms", rise: 2 });
  assert.equal(fixture.health, "down");
  assert.deepEqual(await fixture.nextEvent(), ["up", { good: 2, bad: 0, skipped: 0 }]);
  assert.deepEqual(fixture.logged, ["endpoint_down", "group_down", "endpoint_up", "group_up"]);
});

for (
  const [what, change] of Object.entries({
    "another script": { script: [{ expect: "YES" }] },
    "HTTP in place of the script": { script: undefined, http: {} },
    "another type": { script: undefined, type: "redis" },
  })
) {
  Deno.test(`the first result decides after a reload to ${what}, and the state stays until then`, async () => {
    await using fixture = await Checked.start();
    fixture.update({ ...SAYS_OK, ...change });
    assert.equal(fixture.health, "up");
    assert.deepEqual(await fixture.nextEvent(), ["down", { good: 0, bad: 1, skipped: 0 }]);
    fixture.update(SAYS_OK);
    assert.equal(fixture.health, "down");
    assert.deepEqual(await fixture.nextEvent(), ["up", { good: 1, bad: 0, skipped: 0 }]);
  });
}

Deno.test("another check that finds the same state reports no change", async () => {
  await using fixture = await Checked.start();
  fixture.update({ ...SAYS_OK, script: [{ expect: "O" }] });
  await eventually("results", () => fixture.results, ({ good }) => good >= 2);
  assert.deepEqual([fixture.health, fixture.logged], ["up", []]);
});

Deno.test("a check in progress ends with the reload that changes it, and its answer does not count", async () => {
  const answered = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const accepted = Promise.withResolvers<void>();
  await using slow = upstream(async (conn) => {
    accepted.resolve();
    await answered.promise;
    await writeText(conn, "NO").catch(() => {});
    await readAll(conn).catch(() => {});
    ended.resolve();
  });
  await using fixture = await Checked.start();
  fixture.update({ ...SAYS_OK, port: slow.port, timeout: "100s" });
  await accepted.promise;
  fixture.update({ ...SAYS_OK, script: [{ expect: "OK" }], timeout: "99s" });
  answered.resolve();
  await ended.promise;
  await eventually("results", () => fixture.results, ({ good }) => good >= 3);
  assert.deepEqual([fixture.health, fixture.results.bad, fixture.logged], ["up", 0, []]);
});

/** A group whose only endpoint has been found up, by a server that answers each connection. */
class Checked implements AsyncDisposable {
  answer = "OK";
  /** Events of the log since the endpoint was found up. */
  readonly logged: unknown[] = [];
  readonly #server: Upstream;
  readonly #group: ControlledGroup;
  /** All results before the last update. */
  #before = { good: 0, bad: 0, skipped: 0 };

  private constructor() {
    this.#server = upstream(async (conn) => {
      await writeText(conn, this.answer);
      await readAll(conn);
    });
    const note: Log["info"] = (_message, fields) => void this.logged.push(fields?.["event"]);
    this.#group = new ControlledGroup(this.#config(SAYS_OK), {
      ...silentLog(),
      info: note,
      warn: note,
      error: note,
    });
  }

  static async start(): Promise<Checked> {
    const checked = new Checked();
    const found = checked.#group.nextEvent();
    checked.#group.controller.start();
    assert.equal((await found).state, "up");
    return checked;
  }

  get health(): string {
    return this.#group.endpoints[0]!.control.health;
  }

  /** Of checks since the last update. */
  get results(): { good: number; bad: number; skipped: number } {
    const now = this.#all;
    const { good, bad, skipped } = this.#before;
    return { good: now.good - good, bad: now.bad - bad, skipped: now.skipped - skipped };
  }

  update(check: object): void {
    this.#before = this.#all;
    this.#group.controller.update(groupConfig(this.#config(check)));
  }

  /** The next state, and the results since the last update. */
  async nextEvent(): Promise<[state: string, results: { good: number; bad: number; skipped: number }]> {
    const { state } = await this.#group.nextEvent();
    return [state, this.results];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }

  get #all() {
    const sum = { good: 0, bad: 0, skipped: 0 };
    for (const { good, bad, skipped } of this.#group.endpoints[0]!.control.checks.values()) {
      sum.good += good ?? 0;
      sum.bad += bad ?? 0;
      sum.skipped += skipped ?? 0;
    }
    return sum;
  }

  #config(check: object) {
    const address = parseUpstreamAddress(this.#server.address);
    return { endpoints: [{ ...endpointsAt(1)[0]!, address }], healthCheck: checkOf(check) };
  }
}
