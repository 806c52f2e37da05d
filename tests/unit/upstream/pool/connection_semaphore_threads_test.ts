/** Permits of an endpoint in several threads: a client that waits in one gets the permit that another releases. */

import assert from "node:assert/strict";
import { GaugeTable } from "../../../../src/shared/gauge.ts";
import { Connector } from "../../../../src/upstream/connector.ts";
import { ConnectionSemaphore, type Permit } from "../../../../src/upstream/pool/connection_semaphore.ts";
import { FakeConn } from "../../../support/fakes/fake_conn.ts";
import { GroupThreads, Post, wakeUpsOf } from "../group_threads.ts";
import { endpointsAt } from "../../../support/fakes/upstream_parts.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";

const NEVER = new AbortController().signal;

Deno.test("ConnectionSemaphore wakes a waiter in another thread", async () => {
  const { threads: [here, there], post, value } = fixture(1);
  const place = here!.tryAcquire()!;
  const granted = waiting(there!);
  assert.equal(here!.isWanted, true, "it can be seen in the other thread");
  place[Symbol.dispose]();
  assert.deepEqual([post.size, value(), granted.count], [1, 0, 0]);
  post.deliverAll();
  assert.equal(value(), 1);
  (await granted.place)[Symbol.dispose]();
  assert.deepEqual([value(), here!.isWanted, post.size], [0, false, 0]);
});

Deno.test("ConnectionSemaphore grants a permit that another thread releases just as the wait begins", async () => {
  const { threads: [here, there], post } = fixture(1);
  const place = here!.tryAcquire()!;
  assert.equal(there!.tryAcquire(), undefined);
  place[Symbol.dispose]();
  assert.equal(post.size, 0);
  const granted = await there!.acquire(undefined, NEVER);
  assert.equal(here!.tryAcquire(), undefined);
  (granted as Permit)[Symbol.dispose]();
});

Deno.test("ConnectionSemaphore wakes one of the waiters in several threads", async () => {
  const { threads, post, value } = fixture(1, 3);
  const place = threads[0]!.tryAcquire()!;
  const second = waiting(threads[1]!);
  const third = waiting(threads[2]!);
  place[Symbol.dispose]();
  assert.equal(post.size, 2);
  post.deliver(1);
  post.deliver();
  const next = await third.place;
  assert.deepEqual([second.count, value()], [0, 1]);
  next[Symbol.dispose]();
  post.deliverAll();
  (await second.place)[Symbol.dispose]();
  assert.equal(value(), 0);
});

Deno.test("ConnectionSemaphore hands a permit to waiters of the same thread first", async () => {
  const { threads: [here, there], post } = fixture(1);
  const place = here!.tryAcquire()!;
  const far = waiting(there!);
  const near = waiting(here!);
  place[Symbol.dispose]();
  assert.equal(post.size, 0);
  (await near.place)[Symbol.dispose]();
  assert.equal(far.count, 0);
  assert.equal(post.deliverAll(), 1);
  (await far.place)[Symbol.dispose]();
});

Deno.test("ConnectionSemaphore serves as many waiters as permits were released before the wake-up", async () => {
  const { threads: [here, there], post, value } = fixture(2);
  const places = [here!.tryAcquire()!, here!.tryAcquire()!];
  const first = waiting(there!);
  const second = waiting(there!);
  for (const place of places) place[Symbol.dispose]();
  post.deliver();
  assert.equal(value(), 2);
  const granted = [await first.place, await second.place];
  post.deliverAll();
  assert.equal(value(), 2);
  for (const place of granted) place[Symbol.dispose]();
});

Deno.test("ConnectionSemaphore ignores a wake-up for an aborted waiter, and the permit stays free", async () => {
  const { threads: [here, there], post, value } = fixture(1);
  const place = here!.tryAcquire()!;
  const abort = new AbortController();
  const gaveUp = assert.rejects(there!.acquire(undefined, abort.signal), { name: "AbortError" });
  place[Symbol.dispose]();
  abort.abort();
  await gaveUp;
  assert.deepEqual([here!.isWanted, there!.isWanted], [false, false]);
  post.deliverAll();
  assert.equal(value(), 0);
  using taken = here!.tryAcquire();
  assert.ok(taken !== undefined);
});

Deno.test("ConnectionSemaphore evicts an idle connection of another thread", async () => {
  const dials: PromiseWithResolvers<FakeConn>[] = [];
  await using fixture = new GroupThreads(2, {
    endpoints: endpointsAt(1, 1),
    pool: { mode: "warm", maxIdle: 1, maxIdleTime: 1_000_000, quiet: 1, maxUses: 1 },
  });
  const [ahead, other] = fixture.groups.map((group) => connectorFor(group, dials));
  ahead!.start();
  const held = new FakeConn();
  dials.shift()!.resolve(held);
  await turn();
  // It finds that the only place is taken.
  other!.start();
  assert.equal(dials.length, 0);
  const connecting = other!.connect({ sourceAddress: "192.0.2.9" }, { endpoint: "", attempts: 0 });
  await turn();
  assert.deepEqual([held.isClosed, dials.length, fixture.post.size], [false, 0, 1]);
  fixture.post.deliverAll();
  assert.equal(held.isClosed, true);
  await turn();
  assert.ok(fixture.post.deliverAll() > 0);
  await turn();
  assert.equal(dials.length, 1);
  dials.shift()!.resolve(new FakeConn());
  using _lease = await connecting;
  assert.deepEqual(fixture.groups.map(({ endpoints }) => endpoints[0]!.active), [1, 1]);
  for (const connector of [ahead!, other!]) await connector.retire();
});

/** The places of one endpoint in so many threads. */
function fixture(limit: number, threads = 2) {
  const table = new GaugeTable(1, new WorkerEpoch({ threads }));
  const gauge = table.claim()!;
  const post = new Post();
  return {
    threads: wakeUpsOf(threads, post).map((wakeUps, thread) =>
      new ConnectionSemaphore(
        limit,
        new GaugeTable(1, new WorkerEpoch({ thread, threads }), table.memory).at(gauge.slot),
        wakeUps,
      )
    ),
    post,
    value: () => gauge.value,
  };
}

/** Waits for a place. */
function waiting(places: ConnectionSemaphore): { readonly place: Promise<Permit>; readonly count: number } {
  let count = 0;
  const place = places.acquire(undefined, NEVER).then((granted) => {
    count += 1;
    return granted as Permit;
  });
  return {
    place,
    get count() {
      return count;
    },
  };
}

function connectorFor(
  group: GroupThreads["groups"][number],
  dials: PromiseWithResolvers<FakeConn>[],
): Connector {
  return new Connector(group, {
    adapter: "deno",
    connectTimeout: 0,
    nodelay: false,
    keepalive: false,
    sourceAddress: undefined,
    tls: undefined,
    hasPreface: false,
    dial: () => {
      const dial = Promise.withResolvers<FakeConn>();
      dials.push(dial);
      return dial.promise;
    },
  });
}

/** Runs everything that is due. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
