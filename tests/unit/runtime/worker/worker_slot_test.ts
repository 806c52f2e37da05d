/** Real workers that die and are replaced, under a fake clock. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers";
import type { Config } from "../../../../src/config/config.ts";
import { decodeOptions } from "../../../../src/config/library.ts";
import type { TcpAddress } from "../../../../src/net/address.ts";
import { canShare, reserve } from "../../../../src/net/socket/reserve.ts";
import type { ConnectionQuery } from "../../../../src/observe/counters/connection_list.ts";
import { type Log, silentLog } from "../../../../src/observe/log/log.ts";
import { ServiceController } from "../../../../src/runtime/control/service_controller.ts";
import { SharedMemory } from "../../../../src/runtime/control/shared_memory.ts";
import type { ListenPlan, ThreadCalls, ThreadPlan } from "../../../../src/runtime/worker/thread_calls.ts";
import { WorkerSlot } from "../../../../src/runtime/worker/worker_slot.ts";
import { ThreadEndedError } from "../../../../src/runtime/worker/worker_thread.ts";
import { GroupController } from "../../../../src/upstream/group_controller.ts";
import {
  endOf,
  listenAgain,
  readText,
  untilRefused,
  type Upstream,
  upstream,
  writeText,
} from "../../../support/peers/sockets.ts";
import { ANYWHERE } from "../../../support/peers/accept_fixture.ts";
import { controllerParts } from "../../../support/fakes/upstream_parts.ts";

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;
const HEALTHY_AFTER = 60_000;

Deno.test({
  name: "WorkerSlot reclaims and replaces a worker that dies, and gives the next one the current plan",
  ignore: !canShare(),
  fn: async () => {
    await using fixture = new Fixture();
    await using old = greeter("old");
    await using current = greeter("new");
    const { slot } = fixture;
    const [before, after] = [fixture.planTo(old), fixture.planTo(current)];
    const listeners = [await fixture.listenPlan()];
    fixture.current = after;
    assert.deepEqual(await slot.prepare(listeners), { addresses: listeners.map(({ address }) => address) });
    await slot.commit(listeners, before);
    using client = await greeted(listeners[0]!, "old");

    const { thread } = slot;
    const rejected = assert.rejects(thread!.drained(), ThreadEndedError);
    slot.restart("killed by the test");
    await rejected;
    assert.equal(slot.thread, undefined);
    assert.deepEqual([fixture.reclaimed, fixture.started], [1, [0]]);
    assert.deepEqual(fixture.logged.splice(0), [
      { event: "thread_died", thread: 0, lost: 3, detail: "killed by the test", retry_ms: FIRST_PAUSE },
    ]);
    assert.equal(slot.prepare(listeners), undefined);
    await assert.rejects(thread!.drained(), ThreadEndedError);
    // Its connections end with it, as the kernel closes them.
    await endOf(client);

    fixture.pass(FIRST_PAUSE - 1);
    await turn();
    assert.deepEqual(fixture.started, [0]);
    assert.equal(slot.restarts, 0);
    const replaced = fixture.replaced();
    fixture.pass(1);
    assert.equal(await replaced, slot.thread);
    assert.equal(slot.restarts, 1);
    assert.deepEqual([fixture.reclaimed, fixture.started], [2, [0, 1]]);
    assert.deepEqual(fixture.logged, [{ event: "thread_started", thread: 0 }]);
    using _next = await greeted(listeners[0]!, "new");
  },
});

for (const when of ["before the next one begins", "while the next one begins"] as const) {
  Deno.test({
    name: `WorkerSlot.commit() without a worker is for the next one, ${when}`,
    ignore: !canShare(),
    fn: async () => {
      await using fixture = new Fixture();
      await using server = greeter("here");
      const { slot } = fixture;
      fixture.current = fixture.planTo(server);
      const [first, second] = [await fixture.listenPlan(), await fixture.listenPlan()];
      await slot.prepare([first]);
      await slot.commit([first], fixture.current);
      slot.restart("killed by the test");
      const replaced = fixture.replaced();
      if (when === "while the next one begins") {
        fixture.pass(FIRST_PAUSE);
        await turn();
        assert.deepEqual([fixture.started, slot.thread], [[0, 1], undefined]);
      }
      await slot.commit([second], fixture.current);
      if (when === "before the next one begins") fixture.pass(FIRST_PAUSE);
      await replaced;
      using _client = await greeted(second, "here");
      await assert.rejects(connectTo(first), Deno.errors.ConnectionRefused);
    },
  });
}

Deno.test({
  name: "WorkerSlot.commit() binds the addresses again in a worker that was replaced after prepare()",
  ignore: !canShare(),
  fn: async () => {
    await using fixture = new Fixture();
    await using server = greeter("here");
    const { slot } = fixture;
    fixture.current = fixture.planTo(server);
    const [first, second] = [await fixture.listenPlan(), await fixture.listenPlan()];
    await slot.prepare([first]);
    await slot.commit([first], fixture.current);
    for (const dies of ["before", "after"] as const) {
      if (dies === "before") slot.restart("killed by the test");
      assert.equal(await slot.prepare([second]) === undefined, dies === "before");
      if (dies === "after") slot.restart("killed by the test");
      const replaced = fixture.replaced();
      fixture.pass(HEALTHY_AFTER);
      await replaced;
      await slot.commit([second], fixture.current);
      using _client = await greeted(second, "here");
      await slot.prepare([first]);
      await slot.commit([first], fixture.current);
      using _again = await greeted(first, "here");
    }
  },
});

Deno.test({
  name: "WorkerSlot.commit() gives a worker that was replaced the plan that is current when it has bound",
  ignore: !canShare(),
  fn: async () => {
    await using fixture = new Fixture();
    await using old = greeter("old");
    await using current = greeter("new");
    const { slot } = fixture;
    const [before, after] = [fixture.planTo(old), fixture.planTo(current)];
    const [first, second] = [await fixture.listenPlan(), await fixture.listenPlan()];
    fixture.current = before;
    await slot.prepare([first]);
    await slot.commit([first], before);
    await slot.prepare([second]);
    slot.restart("killed by the test");
    const replaced = fixture.replaced();
    fixture.pass(FIRST_PAUSE);
    await replaced;
    const committed = slot.commit([second], before);
    // While it binds, an endpoint is removed or a certificate is renewed.
    fixture.current = after;
    await committed;
    using _client = await greeted(second, "new");
  },
});

Deno.test({
  name: "WorkerSlot.commit() rejects when the worker cannot apply the plan, and replaces the worker",
  ignore: !canShare(),
  fn: async () => {
    await using fixture = new Fixture();
    await using server = greeter("here");
    const { slot } = fixture;
    fixture.current = fixture.planTo(server);
    const plan = await fixture.listenPlan();
    await slot.prepare([plan]);
    const replaced = fixture.replaced();
    const { services } = fixture.current;
    const broken = { ...fixture.current, services: services.map((each) => ({ ...each, row: 1e6 })) };
    await assert.rejects(slot.commit([plan], broken), /Cannot use row 1000000/);
    assert.equal(slot.thread, undefined);
    fixture.pass(FIRST_PAUSE);
    await replaced;
    using _client = await greeted(plan, "here");
  },
});

Deno.test({
  name: "WorkerSlot tries again when it cannot start a worker, after growing pauses",
  ignore: !canShare(),
  fn: async () => {
    await using fixture = new Fixture();
    const { slot } = fixture;
    const original = globalThis.Worker;
    let refusals = 2;
    globalThis.Worker = class extends original {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        if (refusals > 0) {
          refusals -= 1;
          throw new Error("no thread left");
        }
        super(...args);
      }
    };
    try {
      slot.restart("killed by the test");
      for (const pause of [FIRST_PAUSE, 2 * FIRST_PAUSE]) {
        fixture.pass(pause);
        await turn();
        const failed = fixture.logged.at(-1);
        assert.deepEqual(failed, {
          event: "thread_not_started",
          thread: 0,
          detail: "Error: no thread left",
          retry_ms: 2 * pause,
        });
      }
      const replaced = fixture.replaced();
      fixture.pass(4 * FIRST_PAUSE);
      assert.equal(await replaced, slot.thread);
    } finally {
      globalThis.Worker = original;
    }
  },
});

Deno.test({
  name: "WorkerSlot replaces a worker that cannot bind its addresses, after growing pauses",
  ignore: !canShare(),
  fn: async () => {
    await using fixture = new Fixture();
    await using server = greeter("here");
    const { slot } = fixture;
    fixture.current = fixture.planTo(server);
    const plan = await fixture.listenPlan();
    await slot.prepare([plan]);
    await slot.commit([plan], fixture.current);
    // Another listener takes the port as soon as it is free.
    await slot.thread!.closeListeners();
    const { hostname, port } = plan.address as TcpAddress;
    const taken = await listenAgain(port, hostname);
    slot.restart("killed by the test");
    for (const pause of [FIRST_PAUSE, 2 * FIRST_PAUSE]) {
      const died = fixture.died();
      fixture.pass(pause);
      assert.match((await died).detail as string, /address already in use/);
      assert.equal(slot.thread, undefined);
    }
    taken.close();
    await untilRefused(port, hostname);
    const replaced = fixture.replaced();
    fixture.pass(4 * FIRST_PAUSE);
    await replaced;
    using _client = await greeted(plan, "here");
  },
});

Deno.test("WorkerSlot doubles its pause up to 30 s, and starts over after a worker that lived for a minute", async () => {
  await using fixture = new Fixture();
  const { slot } = fixture;
  const pauses: unknown[] = [];
  for (let death = 0; death < 11; death++) {
    slot.restart("again");
    const { retry_ms: pause } = fixture.logged.findLast(({ event }) => event === "thread_died")!;
    pauses.push(pause);
    const replaced = fixture.replaced();
    fixture.pass(pause as number);
    await replaced;
  }
  const expected = Array.from(
    { length: 11 },
    (_, death) => Math.min(FIRST_PAUSE * 2 ** death, LONGEST_PAUSE),
  );
  assert.deepEqual(pauses, expected);
  fixture.pass(HEALTHY_AFTER + 1);
  slot.restart("much later");
  assert.equal(fixture.logged.at(-1)!.retry_ms, FIRST_PAUSE);
});

Deno.test("WorkerSlot.retire() replaces a dead worker no more", async () => {
  await using fixture = new Fixture();
  const { slot } = fixture;
  slot.retire();
  slot.restart("too late");
  fixture.pass(LONGEST_PAUSE);
  await turn();
  assert.deepEqual([fixture.started, slot.thread, fixture.reclaimed], [[0], undefined, 1]);
});

Deno.test("WorkerSlot.terminate() reports no death, and rejects pending calls", async () => {
  await using fixture = new Fixture();
  const { slot } = fixture;
  const { thread } = slot;
  const rejected = assert.rejects(thread!.connections(QUERY), ThreadEndedError);
  slot.terminate();
  await rejected;
  slot.restart("it has ended");
  fixture.pass(LONGEST_PAUSE);
  await turn();
  assert.deepEqual([fixture.logged, fixture.reclaimed, fixture.started], [[], 0, [0]]);
});

type Logged = Readonly<Record<string, unknown>>;

/** The slot of one worker, its log, and a fake clock. */
class Fixture implements AsyncDisposable {
  readonly slot: WorkerSlot;
  readonly logged: Logged[] = [];
  /** Workers so far, numbered from 0. */
  readonly started: number[] = [];
  reclaimed = 0;
  /** The plan for a new worker. */
  current: ThreadPlan = PLAN;
  readonly #memory = new SharedMemory(configTo("192.0.2.1:1"), 1);
  readonly #controllers: GroupController[] = [];
  readonly #all = this.#memory.gauges.claim()!;
  #now = 0;
  #replaced = Promise.withResolvers<ThreadCalls>();
  #died = Promise.withResolvers<Logged>();

  constructor() {
    mock.timers.enable({ apis: ["setTimeout"] });
    mock.method(performance, "now", () => this.#now);
    this.slot = new WorkerSlot(0, {
      log: this.#log(),
      supervisor: {
        connectionFailed() {},
        stickFailed: () => Promise.resolve(),
        evictIdle() {},
        freed() {},
        duplicate: () => Promise.resolve(-1),
        descriptorsShort() {},
        reports() {},
      },
      start: () => {
        this.started.push(this.started.length);
        return this.#memory.startOf(0);
      },
      reclaimWorker: () => {
        this.reclaimed += 1;
        return 3;
      },
      refreshed: () => this.current,
      onReplaced: (thread) => {
        this.#replaced.resolve(thread);
        this.#replaced = Promise.withResolvers();
      },
    });
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    mock.timers.tick(milliseconds);
  }

  /** The next worker that takes the slot. */
  replaced(): Promise<ThreadCalls> {
    return this.#replaced.promise;
  }

  /** The log line of the next death. */
  died(): Promise<Logged> {
    return this.#died.promise;
  }

  /** An address of 127.0.0.1 that workers can bind, one after the other. */
  async listenPlan(): Promise<ListenPlan> {
    using reservation = await reserve(ANYWHERE);
    const { address } = reservation;
    return { service: "test", address, adapter: "deno", tls: undefined, unixMode: undefined, shared: true };
  }

  /** A plan with one service and its upstream. */
  planTo({ address }: Upstream): ThreadPlan {
    const { upstreams: [group], services: [service] } = configTo(address);
    const updates = { setEndpoints() {}, setState() {} };
    const controller = new GroupController(group!, controllerParts(this.#memory, updates));
    this.#controllers.push(controller);
    const kept = new ServiceController(service!, this.#memory);
    return {
      ...PLAN,
      groups: [{
        isSame: false,
        config: group!,
        row: controller.row.number,
        queue: undefined,
        endpoints: controller.records,
      }],
      services: [{ ...kept.plan, isSame: false, tls: undefined, upstreamTls: undefined }],
      listeners: ["test"],
      all: { gauge: this.#all.slot, limit: 0 },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.slot.terminate();
    mock.timers.reset();
    mock.restoreAll();
    for (const controller of this.#controllers) await controller.stop();
    // Terminated workers end in later turns.
    await turn();
  }

  #log(): Log {
    const note: Log["info"] = (_message, fields) => {
      this.logged.push({ ...fields });
      if (fields?.["event"] !== "thread_died") return;
      this.#died.resolve({ ...fields });
      this.#died = Promise.withResolvers();
    };
    return { ...silentLog(), info: note, error: note };
  }
}

const QUERY: ConnectionQuery = { filter: "", sort: "id", isDescending: false, offset: 0, limit: 1 };

const PLAN: ThreadPlan = {
  lists: new Map(),
  ownAddresses: [],
  groups: [],
  services: [],
  listeners: [],
  all: { gauge: 0, limit: 0 },
  log: { level: "error", hasAccessFile: false, access: { at: ["closed"], skip: undefined, sample: 1 } },
};

function configTo(address: string): Config {
  return decodeOptions({ services: [{ name: "test", listen: 0, upstream: address }] });
}

/** An upstream that sends its name. */
function greeter(name: string): Upstream {
  return upstream(async (conn) => {
    await writeText(conn, name);
    await endOf(conn);
  });
}

/** A client that has received `greeting`. */
async function greeted(plan: ListenPlan, greeting: string): Promise<Deno.TcpConn> {
  const client = await connectTo(plan);
  assert.equal(await readText(client, greeting.length), greeting);
  return client;
}

function connectTo({ address }: ListenPlan): Promise<Deno.TcpConn> {
  const { hostname, port } = address as TcpAddress;
  return Deno.connect({ hostname, port });
}

/** Runs everything that is due, regardless of the fake clock. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
