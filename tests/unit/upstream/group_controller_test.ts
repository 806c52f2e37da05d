import assert from "node:assert/strict";
import type { GroupConfig } from "../../../src/config/config.ts";
import { parseUpstreamAddress } from "../../../src/net/address.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { GroupController } from "../../../src/upstream/group_controller.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { readAll, refusingAddress, upstream } from "../../support/peers/sockets.ts";
import {
  CHECK,
  ControlledGroup,
  controllerParts,
  endpointsAt,
  groupConfig,
  UpstreamMemory,
} from "../../support/fakes/upstream_parts.ts";

const REFUSED = new ProxyError("connection_refused", "upstream");
/** At the first failure, for as long as a test lasts. */
const EJECTING = { failures: 1, window: 1000, eject: 1_000_000 };
const [FIRST, SECOND, THIRD] = endpointsAt(3) as [Endpoint, Endpoint, Endpoint];
type Endpoint = GroupConfig["endpoints"][number];

Deno.test("GroupController keeps state and connections of endpoints that stay over a reload", async () => {
  await using fixture = new Fixture({ endpoints: [FIRST, SECOND] });
  const [first, second] = fixture.endpoints;
  fixture.foundDown(second!);
  fixture.controller.setAdmin(second!.control, "drain");
  second!.used.enter();
  const watched: string[] = [];
  fixture.group.watch({
    added: ({ key }) => watched.push(`added ${key}`),
    unusable: ({ key }) => watched.push(`unusable ${key}`),
    evictIdle: () => false,
  });
  fixture.update({ endpoints: [THIRD, SECOND] });
  const [third, same] = fixture.endpoints;
  assert.deepEqual([third!.control.key, third!.control.health, third!.control.admin], [
    "192.0.2.1:3",
    "unknown",
    "up",
  ]);
  assert.equal(same!.control, second!.control);
  assert.equal(same!.used, second!.used);
  assert.deepEqual([same!.used.state.health, same!.used.state.admin, same!.used.active], [
    "down",
    "drain",
    1,
  ]);
  assert.deepEqual(fixture.group.endpoints.map(({ key }) => key), ["192.0.2.1:3", "192.0.2.1:2"]);
  assert.deepEqual(watched, ["added 192.0.2.1:3", "unusable 192.0.2.1:1"]);
  assert.deepEqual(fixture.logged(), ["endpoint_set", "endpoints_changed"]);
  assert.equal(first!.used.enter(), true, "a client on its way there is let in");
  assert.equal(first!.used.active, 0, "and counted no more");
  first!.used.leave();
  same!.used.leave();
  fixture.update({ endpoints: [THIRD, SECOND], retry: { attempts: 1, timeout: 0 } });
  assert.deepEqual(
    [fixture.logged(), fixture.group.endpoints.length],
    [[], 2],
    "nothing was said of it again",
  );
});

Deno.test("GroupController keeps an endpoint whose weight, tier or limit changes", async () => {
  for (const change of [{ weight: 2 }, { backup: true }, { maxConnections: 5 }, { maxConnections: 0 }]) {
    await using fixture = new Fixture({ endpoints: [{ ...FIRST, maxConnections: 3 }] });
    const [before] = fixture.endpoints;
    fixture.foundDown(before!);
    fixture.controller.setAdmin(before!.control, "drain");
    before!.used.enter();
    fixture.update({ endpoints: [{ ...FIRST, maxConnections: 3, ...change }] });
    const [after] = fixture.endpoints;
    assert.equal(after!.control, before!.control);
    assert.equal(after!.used, before!.used);
    assert.deepEqual(after!.used.state, { health: "down", admin: "drain", isEjected: false });
    const { weight, tier, maxConnections } = after!.used;
    assert.deepEqual([weight, tier, maxConnections, after!.used.active], [
      change.weight ?? 1,
      change.backup ? 1 : 0,
      change.maxConnections ?? 3,
      1,
    ]);
    assert.deepEqual([after!.control.figures().weight, after!.control.figures().maxConnections], [
      weight,
      maxConnections,
    ]);
    const taken = Array.from({ length: maxConnections }, () => after!.used.permits.tryAcquire());
    assert.ok(taken.every((place) => place !== undefined));
    assert.equal(after!.used.permits.tryAcquire() === undefined, maxConnections > 0);
    for (const place of taken) place![Symbol.dispose]();
    before!.used.leave();
  }
});

Deno.test("GroupController forgets down states when health checks are removed", async () => {
  await using refusing = await refusingAddress();
  const address = parseUpstreamAddress(refusing.address);
  await using fixture = new Fixture({
    endpoints: [{ ...FIRST, address }],
    healthCheck: CHECK,
    onDown: "close",
  });
  const [only] = fixture.endpoints;
  const ended: string[] = [];
  only!.used.whenDown({ abort: ({ code }) => ended.push(code) });
  assert.deepEqual(fixture.controller.notReady, ["group: the first health checks are under way"]);
  fixture.controller.start();
  const { state, reason } = await fixture.nextEvent();
  assert.deepEqual([state, reason, only!.used.isUp], ["down", "health check", false]);
  assert.deepEqual(ended, ["endpoint_down"]);
  assert.deepEqual(fixture.controller.notReady, []);
  assert.deepEqual(fixture.logged(), ["endpoint_down", "group_down"]);
  fixture.update({ healthCheck: undefined });
  const after = fixture.events.at(-1)!;
  assert.deepEqual([after.state, after.reason, only!.used.isUp], ["unknown", "no longer checked", true]);
  assert.deepEqual([ended.length, fixture.logged()], [1, ["group_up"]]);
  assert.equal(fixture.endpoints[0]!.used, only!.used);
});

Deno.test("GroupController ends ejections when the passive rules change, in threads too", async () => {
  for (const passive of [{ ...EJECTING, failures: 2 }, undefined]) {
    await using fixture = new Fixture({ endpoints: [FIRST], passive: EJECTING });
    const [only] = fixture.endpoints;
    fixture.group.connectionFailed(only!.used, REFUSED);
    assert.deepEqual([only!.control.isUp, only!.used.isUp], [false, false]);
    assert.deepEqual(fixture.logged(), ["endpoint_ejected", "group_down"]);
    fixture.update({ passive });
    assert.deepEqual([only!.control.isUp, only!.used.isUp], [true, true]);
    const { state, reason } = fixture.events.at(-1)!;
    assert.deepEqual([state, reason], ["unknown", "ejection over"]);
    assert.deepEqual(fixture.logged(), ["group_up"]);
    fixture.group.connectionFailed(only!.used, REFUSED);
    assert.equal(only!.used.isUp, true, "failures so far are forgotten");
  }
});

Deno.test("GroupController reports the end of an ejection, and keeps endpoints down that an operator set down", async () => {
  using time = new FakeTime();
  await using fixture = new Fixture({ endpoints: [FIRST], passive: { ...EJECTING, eject: 20 } });
  const [only] = fixture.endpoints;
  fixture.group.connectionFailed(only!.used, REFUSED);
  fixture.controller.setAdmin(only!.control, "drain");
  assert.deepEqual(fixture.logged(), ["endpoint_ejected", "group_down", "endpoint_set"]);
  const ended = fixture.nextEvent();
  await time.advance(20);
  const { state, admin, reason } = await ended;
  assert.deepEqual([state, admin, reason], ["unknown", "drain", "ejection over"]);
  assert.deepEqual([only!.used.state.isEjected, only!.used.isUp, fixture.logged()], [false, false, []]);
  fixture.controller.setAdmin(only!.control, "up");
  assert.deepEqual([only!.used.isUp, fixture.logged()], [true, ["endpoint_set", "group_up"]]);
});

Deno.test("GroupController reports an ejection before its end, even if it is over at once", async () => {
  await using fixture = new Fixture({
    endpoints: [FIRST],
    passive: { ...EJECTING, eject: Number.MIN_VALUE },
  });
  fixture.group.connectionFailed(fixture.endpoints[0]!.used, REFUSED);
  await fixture.nextEvent();
  assert.deepEqual(fixture.events.map(({ reason }) => reason), [
    "upstream connection refused",
    "ejection over",
  ]);
});

Deno.test("GroupController ignores failures and ejections of a removed endpoint", async () => {
  await using fixture = new Fixture({ endpoints: [FIRST, SECOND], passive: { ...EJECTING, eject: 1 } });
  const [first] = fixture.endpoints;
  fixture.group.connectionFailed(first!.used, REFUSED);
  fixture.update({ endpoints: [SECOND] });
  const before = fixture.events.length;
  fixture.group.connectionFailed(first!.used, REFUSED);
  // The ejection of the other one ends after that of the first would have.
  fixture.group.connectionFailed(fixture.endpoints[0]!.used, REFUSED);
  await fixture.nextEvent();
  assert.deepEqual(fixture.events.slice(before).map(({ endpoint }) => endpoint), [
    "192.0.2.1:2",
    "192.0.2.1:2",
  ]);
});

for (const onDown of ["close", "keep"] as const) {
  Deno.test(`with on_down: ${onDown}, an ejection ${onDown === "close" ? "ends" : "keeps"} the open connections of the endpoint`, async () => {
    await using fixture = new Fixture({ endpoints: [FIRST], passive: EJECTING, onDown });
    const [only] = fixture.endpoints;
    const ended: string[] = [];
    only!.used.whenDown({ abort: ({ code }) => ended.push(code) });
    fixture.group.connectionFailed(only!.used, REFUSED);
    assert.deepEqual(ended, onDown === "close" ? ["endpoint_down"] : []);
  });
}

Deno.test("GroupController reports one up when its endpoints are replaced, and none when they are out", async () => {
  await using fixture = new Fixture({ endpoints: [FIRST], passive: EJECTING });
  fixture.group.connectionFailed(fixture.endpoints[0]!.used, REFUSED);
  assert.deepEqual(fixture.logged(), ["endpoint_ejected", "group_down"]);
  fixture.update({ endpoints: [SECOND, THIRD] });
  assert.deepEqual(fixture.logged(), ["endpoints_changed", "group_up"]);
  fixture.group.connectionFailed(fixture.endpoints[0]!.used, REFUSED);
  assert.deepEqual(fixture.logged(), ["endpoint_ejected"]);
  fixture.update({ endpoints: [SECOND] });
  assert.deepEqual(fixture.logged(), ["endpoints_changed", "group_down"]);
});

Deno.test("GroupController releases all its rows when it stops, and reports when there are none left", async () => {
  const memory = new UpstreamMemory();
  const messages: string[] = [];
  const log: Log = { ...silentLog(), error: (message) => void messages.push(message) };
  const parts = controllerParts(memory, { setEndpoints() {}, setState() {} }, log);
  for (let round = 0; round < 20; round++) {
    const controller = new GroupController(groupConfig({ endpoints: endpointsAt(8) }), parts);
    assert.equal(controller.endpoints.length, 8);
    await controller.stop();
  }
  const limited = new GroupController(groupConfig({ endpoints: endpointsAt(9, 1) }), parts);
  assert.equal(limited.endpoints.length, 8);
  assert.deepEqual(messages, ["group: 1 endpoint ignored, the table of all endpoints is full"]);
  const second = new GroupController(groupConfig({ endpoints: [] }), parts);
  assert.throws(() => new GroupController(groupConfig(), parts), { name: "AccountsFullError" });
  for (const controller of [limited, second]) await controller.stop();
});

Deno.test("GroupController adopts new connection settings for checks, and keeps the health", async () => {
  const first: string[] = [];
  let came = Promise.withResolvers<void>();
  await using server = upstream(async (conn) => {
    first.push(new TextDecoder().decode(await readAll(conn)));
    came.resolve();
  });
  const next = async () => {
    await came.promise;
    came = Promise.withResolvers();
    return first.splice(0);
  };
  const [hostname, port] = server.address.split(":");
  const address = { transport: "tcp", hostname: hostname!, port: Number(port) } as const;
  await using fixture = new ControlledGroup({ endpoints: [{ ...FIRST, address }], healthCheck: CHECK });
  const { controller } = fixture;
  const found = fixture.nextEvent();
  controller.start();
  assert.deepEqual(await next(), [""]);
  assert.equal((await found).state, "up");
  controller.update(controller.config, { proxyProtocol: "v1" });
  assert.equal(fixture.endpoints[0]!.control.health, "up");
  assert.deepEqual(await next(), ["PROXY UNKNOWN\r\n"]);
  controller.update({ ...controller.config, onDown: "close" }, { proxyProtocol: "v1" });
  controller.update(controller.config);
  assert.deepEqual(await next(), [""], "what has not changed was not checked again");
});

/** A group with the log of its controller. */
class Fixture extends ControlledGroup {
  readonly #logged: unknown[];
  readonly #config: Partial<GroupConfig>;

  constructor(config: Partial<GroupConfig>) {
    const logged: unknown[] = [];
    const note: Log["info"] = (_message, fields) => void logged.push(fields?.["event"]);
    super(config, { ...silentLog(), info: note, warn: note, error: note });
    this.#logged = logged;
    this.#config = config;
  }

  /** Events of the log since the last call. */
  logged(): unknown[] {
    return this.#logged.splice(0);
  }

  /** Changes some keys of its initial configuration. */
  update(change: Partial<GroupConfig>): void {
    const config = groupConfig({ ...this.#config, ...change });
    this.controller.update(config);
    this.group.config = config;
  }
}
