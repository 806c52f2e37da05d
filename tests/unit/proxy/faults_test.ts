/** The faults of connections without sockets: which of them act, in which order, and how they change. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { decodeFault } from "../../../src/config/fault.ts";
import {
  type ConnectionFaults,
  type FaultPlan,
  type FaultyConnection,
  ServiceFaults,
} from "../../../src/proxy/faults.ts";
import type { Relay } from "../../../src/relay/relay.ts";
import { SharedCounter } from "../../../src/shared/shared_counter.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { RelayFixture } from "../relay/relay_fixture.ts";

Deno.test("ServiceFaults numbers connections for all threads, and a fault counts from when it was added", async () => {
  const { memory } = new SharedCounter();
  const threads = [new ServiceFaults("db", "7", memory), new ServiceFaults("db", "7", memory)] as const;
  const plan = planOf({ type: "delay_connect", delay: 0, every: 2 }, { addedAt: 1 });
  for (const thread of threads) thread.set([plan]);
  const opened = [0, 1, 1, 0, 1].map((thread) => new Client(threads[thread]!));
  for (const client of opened) await client.faults.act("connect");
  assert.deepEqual(opened.map(({ applied }) => applied.length), [0, 0, 1, 0, 1]);
  assert.equal(new SharedCounter(plan.applied).value, 2);
});

Deno.test("a fault acts on as many connections as `times` says, in all threads", async () => {
  const plan = planOf({ type: "refuse", times: 2 });
  const clients = [1, 2, 3].map(() => new Client(serviceOf(plan)));
  for (const { faults } of clients) await faults.act("accept");
  assert.deepEqual(clients.map(({ ended }) => ended), ["reset", "reset", undefined]);
  assert.deepEqual(clients.map(({ applied }) => applied), [["refuse"], ["refuse"], []]);
});

Deno.test("ConnectionFaults.act() waits for one fault after the other, and abort() ends the wait", async () => {
  using time = new FakeTime();
  const delay = { type: "delay_connect", delay: 100 };
  const service = serviceOf(planOf({ ...delay, name: "a" }), planOf({ ...delay, name: "b" }));
  const [patient, gone] = [new Client(service), new Client(service)];
  assert.deepEqual([patient.faults.actAt("accept"), patient.faults.actAt("connect")], [false, true]);
  const isOver = [false, false];
  for (const [index, { faults }] of [patient, gone].entries()) {
    void faults.act("connect").then(() => isOver[index] = true);
  }
  await time.advance(50);
  gone.faults.abort();
  await settled();
  assert.deepEqual([isOver, gone.applied, patient.applied], [[false, true], ["a"], ["a"]]);
  await time.advance(140);
  assert.deepEqual([isOver[0], patient.applied], [false, ["a", "b"]]);
  await time.advance(10);
  assert.equal(isOver[0], true);
});

Deno.test("a connection no longer waits for a fault that is removed, nor for one that follows it", async () => {
  using time = new FakeTime();
  const delay = { type: "delay_connect", delay: 100 };
  const service = serviceOf(planOf({ ...delay, name: "a" }), planOf({ ...delay, name: "b" }));
  const client = new Client(service);
  let isOver = false;
  void client.faults.act("connect").then(() => isOver = true);
  await time.advance(10);
  service.set([]);
  await settled();
  assert.deepEqual([isOver, client.applied], [true, ["a"]]);
});

Deno.test("faults act on bytes in the order of their creation, also those that come and change later", async () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => planOf(mark(name)));
  const { service, relay, send } = relayed(a!, c!);
  await send("x");
  service.set([a!, b!, c!]);
  await send("x");
  service.set([{ ...a!, version: 100, config: planOf(mark("d")).config }, b!, c!]);
  await send("x");
  service.set([c!]);
  await send("x");
  service.set([{ ...c!, config: { ...c!.config, isEnabled: false }, version: 101 }]);
  await send("x");
  assert.equal(relay.upstream.written, ["xca", "xcba", "xcbd", "xc", "x"].join(""));
});

Deno.test("an unchanged fault stays as it is when others change", async () => {
  const limit = planOf({ type: "limit_data", bytes: 3, direction: "upload" });
  const { service, relay, client, send } = relayed(limit);
  await send("1");
  service.set([planOf(mark("a")), limit]);
  await send("x");
  service.set([limit]);
  await send("3");
  assert.deepEqual(await relay.failure(), ["fault", "proxy"]);
  assert.equal(relay.upstream.written, "1xa");
  assert.deepEqual(client.applied, ["limit_data_upload", "a"]);
});

Deno.test("a fault that has changed counts once for a connection", async () => {
  const plan = planOf({ ...mark("a"), times: 1 });
  const { service, relay, client, send, end } = relayed(plan);
  await send("x");
  service.set([{ ...plan, config: planOf({ ...mark("b"), name: "a", times: 1 }).config, version: 100 }]);
  await send("x");
  assert.deepEqual([relay.upstream.written, client.applied], ["xaxb", ["a"]]);
  assert.equal(new SharedCounter(plan.applied).value, 1);
  await end();
});

Deno.test("a fault that was removed and added again counts anew", async () => {
  const [one, two] = [planOf(mark("a")), planOf(mark("a"))];
  const { service, client, send, end } = relayed(one!);
  await send("x");
  service.set([two!]);
  await send("x");
  assert.deepEqual(client.applied, ["a", "a"]);
  assert.deepEqual([one!, two!].map(({ applied }) => new SharedCounter(applied).value), [1, 1]);
  await end();
});

Deno.test("a fault that resets a relayed connection resets both sides, with the reason `fault`", async () => {
  const { service, relay } = relayed();
  service.set([planOf({ type: "reset_peer" })]);
  assert.deepEqual(await relay.failure(), ["fault", "proxy"]);
  assert.deepEqual([relay.client.isReset, relay.upstream.isReset], [true, true]);
});

Deno.test("a connection that has ended gets no faults", async () => {
  const { service, relay, client, end } = relayed();
  await end();
  client.faults[Symbol.dispose]();
  service.set([planOf({ type: "reset_peer" })]);
  await settled();
  assert.deepEqual([client.applied, relay.client.isReset], [[], false]);
});

Deno.test("the ClientHello is needed while a fault asks for a server name", () => {
  const service = serviceOf(planOf({ type: "latency", latency: 1, sni: "*.test" }));
  const before = new Client(service);
  service.set([]);
  assert.deepEqual([before.faults.needsHello, new Client(service).faults.needsHello], [true, false]);
});

/** Puts a letter behind each x of the client, before those of earlier faults. */
function mark(name: string): object {
  return { type: "replace", find: "x", replacement: `x${name}`, direction: "upload", name };
}

let lastVersion = 0;

function planOf(options: object, { addedAt = 0 } = {}): FaultPlan {
  const version = lastVersion += 1;
  return {
    config: decodeFault(options),
    id: version,
    version,
    addedAt,
    applied: new SharedCounter().memory,
  };
}

function serviceOf(...plans: FaultPlan[]): ServiceFaults {
  const service = new ServiceFaults("db", "7", new SharedCounter().memory);
  service.set(plans);
  return service;
}

class Client implements FaultyConnection {
  readonly clientIp = "192.0.2.7";
  readonly serverName = undefined;
  readonly faults: ConnectionFaults;
  readonly applied: string[] = [];
  ended: string | undefined;

  constructor(service: ServiceFaults) {
    this.faults = service.open(this);
  }

  abort(_code: "fault", isReset: boolean): void {
    this.ended = isReset ? "reset" : "closed";
    this.faults.abort();
  }

  faultApplied(fault: string): void {
    this.applied.push(fault);
  }
}

function relayed(...plans: FaultPlan[]) {
  const service = serviceOf(...plans);
  const client = new Client(service);
  const relay = new RelayFixture({}, (relay: Relay) => client.faults.placeOn(relay));
  const send = async (text: string) => {
    await setImmediate();
    await relay.arrive("client", text);
  };
  const end = async () => {
    await relay.arrive("client", "end");
    await relay.arrive("upstream", "end");
    await relay.outcome;
  };
  return { service, client, relay, send, end };
}
