/**
 * Limits of a service, and of all services, in several threads: no client waits in vain, and no two wake each other
 * forever.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServiceConfig } from "../../../src/config/config.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import { type Gauge, GaugeTable } from "../../../src/shared/gauge.ts";
import { Admission, AdmissionControl, CountLimit } from "../../../src/proxy/admission.ts";
import { Post, wakeUpsOf } from "../upstream/group_threads.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

const NEVER = new AbortController().signal;

Deno.test("AdmissionControl gives a place of the service or of all that one thread frees to a client that waits in another", async () => {
  for (const limits of [{ own: 1, all: 0 }, { own: 0, all: 1 }, { own: 1, all: 1 }]) {
    const { service: [here, there], post, counts } = fixture(limits);
    const place = enter(here!)!;
    const waiting = new Waiting(there!);
    await turn();
    assert.equal(waiting.isOver, false);
    place[Symbol.dispose]();
    assert.deepEqual(counts(), [0, 0]);
    assert.ok(post.deliverAll() > 0);
    (await waiting.place)[Symbol.dispose]();
    assert.deepEqual(counts(), [0, 0]);
  }
});

Deno.test("AdmissionControl of a full service takes no place of all services", () => {
  const { service: [here, there], other: [elsewhere], post, counts } = fixture({ own: 1, all: 2 });
  using _place = enter(here!)!;
  assert.equal(enter(there!), undefined);
  assert.deepEqual(counts(), [1, 1]);
  using place = enter(elsewhere!);
  assert.ok(place !== undefined);
  assert.equal(post.size, 0);
});

Deno.test("AdmissionControl does not let clients of a full service wake each other forever", async () => {
  const { service, post, counts } = fixture({ own: 1, all: 5 });
  const place = enter(service[0]!)!;
  const abort = new AbortController();
  const waiting = [0, 1, 2].map((thread) => new Waiting(service[thread]!, abort.signal));
  await turn();
  assert.equal(post.size, 0, "no message waits");
  place[Symbol.dispose]();
  let delivered = 0;
  for (let round = 0; round < 10; round++) {
    delivered += post.deliverAll();
    await turn();
  }
  assert.equal(post.size, 0, `still under way after ${delivered}`);
  // Messages from one thread to the two others, for either limit.
  assert.equal(delivered, 4);
  assert.equal(waiting.filter(({ isOver }) => isOver).length, 1);
  assert.deepEqual(counts(), [1, 1]);
  abort.abort();
  for (const each of waiting) await each.end();
  assert.deepEqual(counts(), [0, 0]);
});

Deno.test("AdmissionControl offers a place of all services that it took but did not use to other threads", async () => {
  const { late, other: [here, elsewhere], post, gauges: [own, all], counts } = fixture({ own: 1, all: 1 });
  own.enter(1);
  all.enter(1);
  const near = new Waiting(here!);
  const far = new Waiting(elsewhere!);
  await turn();
  // The place is free, but the message about it has not arrived.
  all.leave();
  assert.equal(enter(late), undefined);
  assert.deepEqual([counts(), post.size], [[1, 0], 2]);
  post.deliverAll();
  await far.place;
  assert.equal(near.isOver, false, "in this thread no other client could have had it meanwhile");
  await far.end();
  await near.end();
  own.leave();
  assert.deepEqual(counts(), [0, 0]);
});

Deno.test("AdmissionControl.waitForSlot() throws the reason of an abort, and leaves no waiter", async () => {
  const { service: [here, there], post, gauges } = fixture({ own: 1, all: 1 });
  const place = enter(here!)!;
  const abort = new AbortController();
  const reason = new Error("the service stops");
  const rejected = assert.rejects(wait(there!, abort.signal), reason);
  assert.deepEqual(gauges.map(({ isAwaited }) => isAwaited), [true, true]);
  abort.abort(reason);
  await rejected;
  assert.deepEqual(gauges.map(({ isAwaited }) => isAwaited), [false, false]);
  place[Symbol.dispose]();
  assert.equal(post.size, 0);
  await assert.rejects(wait(there!, abort.signal), reason);
});

interface Step {
  readonly what: "come" | "leave" | "abort" | "message";
  readonly which: number;
}

const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom("come", "come", "leave", "leave", "abort", "message", "message"),
    which: fc.nat(20),
  }),
  { maxLength: 60 },
);

Deno.test("AdmissionControl keeps limits, and lets no client wait while there is a place, in any order of events", async () => {
  const limits = fc.record({ own: fc.nat(3), all: fc.nat(3) });
  await fc.assert(fc.asyncProperty(limits, STEPS, async (limit, steps) => {
    const world = fixture(limit);
    const admissions = [...world.service, ...world.other];
    const clients: Waiting[] = [];
    const inside = () => clients.filter(({ isOver }) => isOver);
    for (const { what, which } of steps) {
      if (what === "come") clients.push(new Waiting(admissions[which % admissions.length]!));
      else if (what === "message") world.post.deliver(which);
      else {
        const some = clients.filter(({ isOver }) => isOver === (what === "leave"));
        const [client] = some.splice(which % Math.max(some.length, 1), 1);
        if (client !== undefined) {
          clients.splice(clients.indexOf(client), 1);
          await client.end();
        }
      }
      await turn();
      const [own, all] = world.counts();
      assert.equal(all, inside().length);
      assert.ok(limit.own === 0 || own <= limit.own, `${own} in the service`);
      assert.ok(limit.all === 0 || all <= limit.all, `${all} in all`);
    }
    for (let rounds = 0; world.post.deliverAll() > 0; rounds++) {
      await turn();
      assert.ok(rounds < 100, "messages in a circle");
    }
    for (const client of clients) {
      if (client.isOver) continue;
      const [own, all] = world.counts();
      const isServiceFull = world.service.includes(client.admission) && limit.own > 0 && own === limit.own;
      const areAllFull = limit.all > 0 && all === limit.all;
      assert.ok(isServiceFull || areAllFull, "a client waits in vain");
    }
    while (clients.length > 0) {
      await clients.pop()!.end();
      await turn();
      while (world.post.deliverAll() > 0) await turn();
    }
    assert.deepEqual(world.counts(), [0, 0]);
  }));
});

/** A client that waits for a place, and keeps it until the end. */
class Waiting {
  readonly admission: AdmissionControl;
  readonly place: Promise<Admission>;
  isOver = false;
  readonly #abort = new AbortController();

  constructor(admission: AdmissionControl, signal = NEVER) {
    this.admission = admission;
    this.place = wait(admission, AbortSignal.any([this.#abort.signal, signal]));
    this.place.then(() => this.isOver = true, () => {});
  }

  /** Leaves the place, or stops waiting. */
  async end(): Promise<void> {
    this.#abort.abort();
    const place = await this.place.catch(() => undefined);
    place?.[Symbol.dispose]();
  }
}

/** Takes a place, if there is one now. */
function enter(admission: AdmissionControl): Admission | undefined {
  const entry = new Admission(admission);
  return entry.takeSlot() ? entry : undefined;
}

async function wait(admission: AdmissionControl, signal: AbortSignal): Promise<Admission> {
  const entry = new Admission(admission);
  await entry.waitForSlot(signal);
  return entry;
}

interface Limits {
  readonly own: number;
  readonly all: number;
}

const THREADS = 3;

/** A service with these limits, and another one without one of its own, in several threads. */
function fixture({ own, all }: Limits) {
  const table = new GaugeTable(3, new WorkerEpoch({ threads: THREADS }));
  const gauges = [table.claim()!, table.claim()!, table.claim()!] as const;
  const [ownGauge, allGauge, otherGauge] = gauges;
  const post = new Post();
  const wakeUpsOfAll = wakeUpsOf(THREADS, post);
  const inThread = wakeUpsOfAll.map((wakeUps, thread) => {
    const here = new GaugeTable(3, new WorkerEpoch({ thread, threads: THREADS }), table.memory);
    const limitOf = (gauge: Gauge, limit: number) => new CountLimit(here.at(gauge.slot), limit, wakeUps);
    const admission = (limit: CountLimit) =>
      new AdmissionControl(CONFIG, {
        own: limit,
        all: limitOf(allGauge, all),
        rate: undefined,
        clients: undefined,
      });
    return { service: admission(limitOf(ownGauge, own)), other: admission(limitOf(otherGauge, 0)) };
  });
  const service = inThread.map((each) => each.service);
  const other = inThread.map((each) => each.other);
  return {
    service,
    other,
    /** In the first thread: its service has become full since the check. */
    late: new AdmissionControl(CONFIG, {
      own: new SeenFree(ownGauge, own, wakeUpsOfAll[0]!),
      all: new CountLimit(allGauge, all, wakeUpsOfAll[0]!),
      rate: undefined,
      clients: undefined,
    }),
    post,
    gauges: [ownGauge, allGauge] as const,
    /** The limits of the service, and of all services. */
    counts: (): [number, number] => [ownGauge.value, allGauge.value],
  };
}

const CONFIG: ServiceConfig = decodeOptions({
  services: [{
    name: "test",
    listen: 0,
    upstream: "192.0.2.1:1",
    limits: { connections: 1, whenFull: "wait" },
  }],
}).services[0]!;

/** A limit that becomes full right after the check that it is not. */
class SeenFree extends CountLimit {
  override get isFull(): boolean {
    return false;
  }
}

/** Runs everything that is due. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
