import assert from "node:assert/strict";
import type { GroupConfig } from "../../../../src/config/config.ts";
import { type Log, silentLog } from "../../../../src/observe/log/log.ts";
import { StuckEndpoints } from "../../../../src/shared/stuck_endpoint.ts";
import { Stick } from "../../../../src/upstream/stick/stick.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { CHECK, groupConfig } from "../../../support/fakes/upstream_parts.ts";

Deno.test("Stick stays at an endpoint until that fails, whatever else comes back", () => {
  using fixture = new Fixture([0, 0, 0], {});
  assert.equal(fixture.at, 10);
  fixture.set(0, "down");
  assert.equal(fixture.at, 11);
  fixture.set(0, "up");
  assert.equal(fixture.at, 11, "the first is back, and the present one has not failed");
  fixture.set(2, "down");
  fixture.set(1, "down");
  assert.equal(fixture.at, 10);
  fixture.set(0, "down");
  assert.equal(fixture.at, 10, "in panic mode too");
  fixture.set(2, "up");
  assert.equal(fixture.at, 12);
  assert.deepEqual(fixture.lines(), [
    "group: new clients go to e0",
    "group: new clients go to e1 instead of e0, test",
    "group: new clients go to e0 instead of e1, test",
    "group: new clients go to e2 instead of e0, test",
  ]);
});

Deno.test("Stick chooses by tier, then by the order of the configuration, and goes back only with on_recover: close", () => {
  for (const action of [undefined, "keep", "close"] as const) {
    using fixture = new Fixture([2, 1, 0, 0], { onRecover: action && { action, spread: 0 } });
    assert.equal(fixture.at, 12);
    fixture.set(2, "down");
    assert.equal(fixture.at, 13);
    fixture.set(3, "down");
    assert.equal(fixture.at, 11);
    fixture.set(2, "up");
    assert.equal(fixture.at, action === "close" ? 12 : 11);
    fixture.set(3, "up");
    assert.equal(fixture.at, action === "close" ? 12 : 11, "of the same tier, none is better");
  }
});

Deno.test("Stick follows operators and the list of endpoints, and has none while all are taken out", () => {
  using fixture = new Fixture([0, 0], {});
  fixture.admin(0, "drain");
  assert.equal(fixture.at, 11);
  fixture.admin(1, "down");
  assert.deepEqual([fixture.at, fixture.stick.key], ["none", undefined]);
  fixture.admin(0, "up");
  assert.equal(fixture.at, 10);
  fixture.update(fixture.endpoints.slice(1));
  assert.equal(fixture.at, "none");
  fixture.admin(1, "up");
  fixture.update([]);
  assert.equal(fixture.at, "pending", "new endpoints may come");
  fixture.update(fixture.endpoints);
  assert.equal(fixture.at, 10);
  fixture.update(fixture.endpoints, { stick: undefined });
  assert.deepEqual([fixture.at, fixture.stick.key], ["pending", undefined]);
});

Deno.test("Stick moves on when a client cannot connect, once, and to an endpoint that the client has not tried", () => {
  using fixture = new Fixture([0, 0, 0], {});
  assert.equal(fixture.stick.failed(11, [], "refused"), false, "no client is to go there");
  assert.equal(fixture.stick.failed(10, [], "refused"), true);
  assert.equal(fixture.stick.failed(10, [], "refused"), false, "another client has said so before");
  assert.equal(fixture.at, 11);
  assert.equal(fixture.stick.failed(11, [10], "refused"), true);
  assert.equal(fixture.at, 12);
  assert.equal(fixture.stick.failed(12, [10, 11], "refused"), false, "there is nothing else");
  assert.equal(fixture.at, 12);
  fixture.set(0, "down");
  assert.equal(fixture.stick.failed(12, [], "refused"), true);
  assert.equal(fixture.at, 11);
});

Deno.test("Stick does not let the fastest check decide the first choice", async () => {
  using time = new FakeTime();
  using fixture = new Fixture([0, 0, 0], { healthCheck: CHECK });
  assert.equal(fixture.at, "pending");
  fixture.found(2, "up");
  await time.advance(50);
  assert.equal(fixture.at, "pending");
  fixture.found(1, "up");
  await time.advance(100);
  assert.deepEqual([fixture.at, fixture.firsts], [11, 1]);
  fixture.found(0, "up");
  assert.equal(fixture.at, 11);
});

Deno.test("Stick waits no longer than the last check, and not for ever for the first one", async () => {
  using time = new FakeTime();
  using decided = new Fixture([0, 0], { healthCheck: CHECK });
  decided.found(1, "up");
  decided.found(0, "down");
  assert.deepEqual([decided.at, decided.firsts], [11, 0]);
  using waiting = new Fixture([0, 0], { healthCheck: CHECK });
  await time.advance(1900);
  assert.equal(waiting.at, "pending");
  await time.advance(200);
  assert.deepEqual([waiting.at, waiting.firsts], [10, 1]);
});

interface FakeEndpoint {
  readonly id: number;
  readonly key: string;
  readonly tier: number;
  health: "unknown" | "up" | "down";
  admin: "up" | "drain" | "down";
  readonly isUp: boolean;
}

/** The endpoints e0, e1, … with the numbers 10, 11, …. */
class Fixture implements Disposable {
  readonly endpoints: readonly FakeEndpoint[];
  readonly stick: Stick;
  /** How often threads were informed of a first choice. */
  firsts = 0;
  readonly #cells = new StuckEndpoints(2);
  readonly #lines: string[] = [];
  #config: GroupConfig;

  constructor(tiers: readonly number[], config: Partial<GroupConfig>) {
    this.endpoints = tiers.map((tier, index): FakeEndpoint => ({
      id: 10 + index,
      key: `e${index}`,
      tier,
      health: "unknown",
      admin: "up",
      get isUp() {
        return this.health !== "down" && this.admin === "up";
      },
    }));
    const note: Log["info"] = (message) => void this.#lines.push(message);
    this.#config = groupConfig({ stick: "endpoint", ...config });
    const log = { ...silentLog(), info: note, warn: note };
    this.stick = new Stick(this.#config, this.#cells.at(1), log, () => this.firsts += 1);
    this.update();
  }

  /** Where threads send new clients. */
  get at(): number | "pending" | "none" {
    return new StuckEndpoints(2, this.#cells.memory).at(1).id;
  }

  update(endpoints = this.endpoints, change: Partial<GroupConfig> = {}): void {
    this.#config = { ...this.#config, ...change };
    this.stick.update(this.#config, endpoints, "test");
  }

  set(index: number, health: FakeEndpoint["health"]): void {
    this.endpoints[index]!.health = health;
    this.update();
  }

  found = this.set;

  admin(index: number, admin: FakeEndpoint["admin"]): void {
    this.endpoints[index]!.admin = admin;
    this.update();
  }

  lines(): string[] {
    return this.#lines.splice(0);
  }

  [Symbol.dispose](): void {
    this.stick.stop();
  }
}
