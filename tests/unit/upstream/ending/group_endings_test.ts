import assert from "node:assert/strict";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { CHECK, groupConfig } from "../../../support/fakes/upstream_parts.ts";
import type { GroupConfig } from "../../../../src/config/config.ts";
import { type Log, silentLog } from "../../../../src/observe/log/log.ts";
import { GroupEndings } from "../../../../src/upstream/ending/group_endings.ts";
import { type FakeRelay, FakeRelays } from "./relays.ts";

const TIERS = [0, 1, 4];
const CLOSE = { action: "close", spread: 0 } as const;

Deno.test("a group closes the connections of higher tiers when a lower one is back", async () => {
  using time = new FakeTime();
  using fixture = new Fixture(TIERS, { healthCheck: CHECK, onRecover: CLOSE });
  fixture.found("up", "up", "up");
  fixture.found("down", "down", undefined);
  const [second, third] = [fixture.open(1), fixture.open(2)];
  await time.advance(100);
  assert.deepEqual(fixture.logged(), [["tier_changed", 1], ["tier_changed", 4]]);
  fixture.found(undefined, "up", undefined);
  await time.advance(20);
  assert.deepEqual([second.ended, third.ended], [undefined, "failback"]);
  const late = fixture.open(2);
  fixture.found("up", undefined, undefined);
  await time.advance(20);
  assert.deepEqual([second.ended, late.ended], ["failback", "failback"]);
  assert.deepEqual(fixture.logged(), [
    ["tier_changed", 1],
    ["failback", 1],
    ["tier_changed", 0],
    ["failback", 0],
    ["failback_over", 1],
  ]);
  await time.advance(2000);
  assert.deepEqual(fixture.logged(), [["failback_over", 0]]);
});

Deno.test("a group stops closing connections when the lower tier is gone again", async () => {
  using time = new FakeTime();
  const onRecover = { action: "close", spread: 10_000 } as const;
  using fixture = new Fixture(TIERS, { healthCheck: CHECK, onRecover });
  fixture.found("down", "up", "up");
  const opened = Array.from({ length: 10 }, () => fixture.open(1));
  const open = () => opened.filter(({ ended }) => ended === undefined).length;
  await time.advance(10);
  fixture.found("up", undefined, undefined);
  await time.advance(4000);
  assert.ok(open() >= 5 && open() <= 7, `${open()}`);
  fixture.found("down", undefined, undefined);
  const left = open();
  await time.advance(20_000);
  assert.equal(open(), left);
  assert.deepEqual(fixture.logged(), [
    ["tier_changed", 1],
    ["tier_changed", 0],
    ["failback", 0],
    ["tier_changed", 1],
    ["failback_over", 0],
  ]);
});

Deno.test("a group leaves connections open without on_recover, and at the start", async () => {
  using time = new FakeTime();
  for (const onRecover of [undefined, { action: "keep", spread: 0 } as const]) {
    using fixture = new Fixture(TIERS, { onRecover });
    fixture.set(0, "drain");
    const relay = fixture.open(1);
    fixture.set(0, "up");
    await time.advance(20_000);
    assert.equal(relay.ended, undefined);
    assert.deepEqual(fixture.logged(), [
      ["tier_changed", 1],
      ["tier_changed", 0],
    ]);
  }
  using fixture = new Fixture(TIERS, { healthCheck: CHECK, onRecover: CLOSE });
  fixture.found(undefined, "up", undefined);
  const early = fixture.open(1);
  await time.advance(10);
  assert.deepEqual(fixture.logged(), [], "the check of the first endpoint is under way");
  fixture.found("up", undefined, "up");
  await time.advance(20);
  assert.equal(early.ended, "failback", "it came to the second tier while nothing was known of the first");
});

Deno.test("a group closes idle connections of an endpoint while an operator drains it", async () => {
  using time = new FakeTime();
  using fixture = new Fixture([0, 0], { drainIdle: 2000 });
  const [quiet, busy, other] = [fixture.open(0), fixture.open(0), fixture.open(1)];
  await time.advance(10_000);
  assert.equal(fixture.relays.queries.length, 0, "no connection is examined before");
  fixture.set(0, "drain");
  for (let tenth = 0; tenth < 50; tenth++) {
    await time.advance(100);
    busy.activity += 1;
  }
  assert.deepEqual([quiet, busy, other].map(({ ended }) => ended), ["drain_idle", undefined, undefined]);
  fixture.set(0, "up");
  await time.advance(10_000);
  assert.equal(busy.ended, undefined);
  const asked = fixture.relays.queries.length;
  await time.advance(10_000);
  assert.equal(fixture.relays.queries.length, asked);
});

/** What the fixture changes of an endpoint. */
interface FakeEndpoint {
  readonly key: string;
  readonly tier: number;
  readonly active: number;
  readonly weight: number;
  readonly part: number;
  readonly maxConnections: number;
  health: "unknown" | "up" | "down";
  admin: "up" | "drain" | "down";
  readonly isUp: boolean;
}

/** Endpoints with connections, by their index. */
class Fixture implements Disposable {
  readonly relays = new FakeRelays();
  readonly endpoints: readonly FakeEndpoint[];
  readonly #endings: GroupEndings;
  readonly #config: GroupConfig;
  readonly #events: [unknown, unknown][] = [];

  constructor(tiers: readonly number[], config: Partial<GroupConfig>) {
    const { relays } = this;
    this.endpoints = tiers.map((tier, index): FakeEndpoint => ({
      key: `e${index}`,
      tier,
      weight: 1,
      part: 1,
      maxConnections: 0,
      health: "unknown",
      admin: "up",
      get active() {
        return relays.activeAt(this.key);
      },
      get isUp() {
        return this.health !== "down" && this.admin === "up";
      },
    }));
    const note: Log["info"] = (_message, fields) => {
      this.#events.push([fields?.["event"], fields?.["tier"]]);
    };
    this.#config = groupConfig(config);
    this.#endings = new GroupEndings(this.#config, { ...silentLog(), info: note, warn: note }, relays);
    this.update();
  }

  update(): void {
    this.#endings.update(this.#config, this.endpoints);
  }

  /** The results of health checks. */
  found(...healths: (FakeEndpoint["health"] | undefined)[]): void {
    for (const [index, health] of healths.entries()) {
      if (health === undefined) continue;
      this.endpoints[index]!.health = health;
      this.update();
    }
  }

  set(index: number, admin: FakeEndpoint["admin"]): void {
    this.endpoints[index]!.admin = admin;
    this.update();
  }

  open(index: number): FakeRelay {
    return this.relays.open(`e${index}`);
  }

  /** The events that were logged since the last call, with the tier. */
  logged(): [unknown, unknown][] {
    return this.#events.splice(0);
  }

  [Symbol.dispose](): void {
    this.#endings.stop();
  }
}
