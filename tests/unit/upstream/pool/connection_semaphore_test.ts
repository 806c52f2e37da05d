import assert from "node:assert/strict";
import { GaugeTable } from "../../../../src/shared/gauge.ts";
import { WakeUps } from "../../../../src/shared/wake_ups.ts";
import { PermittedConn } from "../../../../src/upstream/pool/permitted_conn.ts";
import {
  ConnectionSemaphore,
  Permit,
  UNCOUNTED,
} from "../../../../src/upstream/pool/connection_semaphore.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";

const NEVER = new AbortController().signal;
const POOL = {};
const ALONE = new WakeUps(() => {});

Deno.test("ConnectionSemaphore grants permits up to its limit, and released ones again", () => {
  const { places, count } = placesFor(2);
  const [first, second] = [places.tryAcquire(), places.tryAcquire()];
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(places.tryAcquire(), undefined);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(count(), 1);
  assert.ok(places.tryAcquire() !== undefined);
  assert.equal(places.tryAcquire(), undefined);
});

Deno.test("ConnectionSemaphore without a limit counts nothing", () => {
  const places = new ConnectionSemaphore(0, new GaugeTable(1).claim()!, ALONE);
  assert.equal(places.tryAcquire(), UNCOUNTED);
  assert.equal(places.tryAcquire(), UNCOUNTED);
});

Deno.test("ConnectionSemaphore gives a released permit to the longest waiter only", async () => {
  const { places, count } = placesFor(1);
  const place = places.tryAcquire()!;
  const granted: string[] = [];
  const waiting = ["first", "second"].map(async (name) => {
    const next = await places.acquire(POOL, NEVER);
    granted.push(name);
    return next as Permit;
  });
  assert.equal(places.isWanted, true);
  place[Symbol.dispose]();
  assert.equal(places.tryAcquire(), undefined, "it is passed on without being free");
  (await waiting[0]!)[Symbol.dispose]();
  const last = await waiting[1]!;
  assert.deepEqual([granted, count(), places.isWanted], [["first", "second"], 1, false]);
  last[Symbol.dispose]();
  assert.equal(count(), 0);
});

Deno.test("ConnectionSemaphore grants nothing to aborted waiters", async () => {
  const { places, count } = placesFor(1);
  const place = places.tryAcquire()!;
  const abort = new AbortController();
  const reason = new Error("too late");
  const waiting = assert.rejects(places.acquire(POOL, abort.signal), reason);
  abort.abort(reason);
  await waiting;
  await assert.rejects(places.acquire(POOL, abort.signal), reason);
  assert.equal(places.isWanted, false);
  place[Symbol.dispose]();
  assert.equal(count(), 0);
});

Deno.test("ConnectionSemaphore offers a connection to waiters of the same pool only", async () => {
  const { places } = placesFor(1);
  const place = places.tryAcquire()!;
  const stranger = places.acquire({}, NEVER);
  const conn = new FakeConn();
  assert.equal(places.offer(POOL, conn), false);
  const waiting = places.acquire(POOL, NEVER);
  assert.equal(places.offer(POOL, conn), true);
  assert.equal(await waiting, conn);
  assert.equal(places.offer(POOL, conn), false);
  place[Symbol.dispose]();
  assert.ok(await stranger instanceof Permit);
});

Deno.test("ConnectionSemaphore evicts an idle connection again if another client took the permit", async () => {
  const gauges = new GaugeTable(1, new WorkerEpoch({ threads: 2 }));
  const gauge = gauges.claim()!;
  const wakeUps = new WakeUps(() => {});
  const places = new ConnectionSemaphore(1, gauge, wakeUps);
  const elsewhere = new ConnectionSemaphore(
    1,
    new GaugeTable(1, new WorkerEpoch({ thread: 1, threads: 2 }), gauges.memory).at(gauge.slot),
    ALONE,
  );
  const place = elsewhere.tryAcquire()!;
  let evictions = 0;
  const waiting = places.acquire(POOL, NEVER, () => void (evictions += 1));
  assert.equal(evictions, 1);
  // Released, and acquired again by a client of that thread before the message arrives here.
  place[Symbol.dispose]();
  const again = elsewhere.tryAcquire()!;
  wakeUps.wake(gauge.slot);
  assert.equal(evictions, 2);
  again[Symbol.dispose]();
  wakeUps.wake(gauge.slot);
  (await waiting as Permit)[Symbol.dispose]();
  assert.deepEqual([evictions, gauge.value], [2, 0]);
});

Deno.test("ConnectionSemaphore lets no client wait once the endpoint is removed, before its gauge is released", () => {
  const { places, count } = placesFor(1);
  const place = places.tryAcquire()!;
  places.retire();
  assert.equal(places.tryAcquire(), UNCOUNTED);
  place[Symbol.dispose]();
  assert.equal(count(), 0);
});

Deno.test("ConnectionSemaphore of a removed endpoint wakes all waiters, and frees its gauge with the last permit", async () => {
  const gauges = new GaugeTable(1);
  const gauge = gauges.claim()!;
  const places = new ConnectionSemaphore(1, gauge, ALONE);
  const place = places.tryAcquire()!;
  const waiting = places.acquire(POOL, NEVER);
  places.retire();
  // As the endpoint's controller does.
  gauge.release();
  assert.equal(await waiting, UNCOUNTED);
  assert.equal(places.tryAcquire(), UNCOUNTED);
  assert.equal(gauges.claim(), undefined);
  place[Symbol.dispose]();
  assert.ok(gauges.claim() !== undefined);
});

Deno.test("ConnectionSemaphore wakes waiters for permits of other threads", async () => {
  const { here, there, wakeUps } = twoThreads();
  const place = there.tryAcquire()!;
  assert.equal(there.isWanted, false);
  place[Symbol.dispose]();
  assert.deepEqual(wakeUps, [], "no caller waits");
  for (const round of ["first", "second"]) {
    const taken = there.tryAcquire()!;
    const abort = new AbortController();
    const hasty = assert.rejects(here.acquire(POOL, abort.signal));
    const patient = here.acquire(POOL, NEVER);
    assert.deepEqual([there.isWanted, here.isWanted], [true, true], round);
    abort.abort(new Error("too late"));
    await hasty;
    assert.equal(there.isWanted, true);
    taken[Symbol.dispose]();
    (await patient as Permit)[Symbol.dispose]();
    assert.deepEqual([there.isWanted, wakeUps.splice(0)], [false, ["there"]], round);
  }
});

Deno.test("ConnectionSemaphore finds a permit that was released just before the wait began", async () => {
  const { here, there } = twoThreads();
  let evictions = 0;
  // No message announces it: it is already free.
  const place = await here.acquire(POOL, NEVER, () => void (evictions += 1));
  assert.ok(place instanceof Permit);
  assert.deepEqual([evictions, there.tryAcquire(), here.isWanted], [0, undefined, false]);
  place[Symbol.dispose]();
});

Deno.test("ConnectionSemaphore refuses no permit after its gauge was released", () => {
  const gauge = new GaugeTable(1).claim()!;
  const places = new ConnectionSemaphore(1, gauge, ALONE);
  const place = places.tryAcquire()!;
  assert.equal(places.tryAcquire(), undefined);
  gauge.release();
  assert.equal(places.tryAcquire(), UNCOUNTED);
  place[Symbol.dispose]();
});

/** One place in two threads, whose messages arrive at once. */
function twoThreads() {
  const gauges = new GaugeTable(1, new WorkerEpoch({ threads: 2 }));
  const gauge = gauges.claim()!;
  const wakeUps: string[] = [];
  const hereWakeUps: WakeUps = new WakeUps((slot) => {
    wakeUps.push("here");
    thereWakeUps.wake(slot);
  });
  const thereWakeUps: WakeUps = new WakeUps((slot) => {
    wakeUps.push("there");
    hereWakeUps.wake(slot);
  });
  const other = new GaugeTable(1, new WorkerEpoch({ thread: 1, threads: 2 }), gauges.memory).at(gauge.slot);
  return {
    here: new ConnectionSemaphore(1, gauge, hereWakeUps),
    there: new ConnectionSemaphore(1, other, thereWakeUps),
    wakeUps,
  };
}

Deno.test("ConnectionSemaphore releases a permit once the socket is closed", async () => {
  for (const how of ["close", "reset"] as const) {
    let isLeft = false;
    const inner = new SlowToClose();
    const conn = new PermittedConn(inner, new Permit(() => void (isLeft = true)));
    const read = assert.rejects(readOnce(conn));
    conn[how]();
    conn[how]();
    await turn();
    assert.equal(isLeft, false);
    inner.closed();
    await read;
    await turn();
    assert.equal(isLeft, true);
  }
});

/** A connection whose pending read ends some time after `close()`. */
class SlowToClose extends FakeConn {
  closed = (): void => super.close();

  override close(): void {}
}

function placesFor(limit: number): { places: ConnectionSemaphore; count: () => number } {
  const gauge = new GaugeTable(1).claim()!;
  return { places: new ConnectionSemaphore(limit, gauge, ALONE), count: () => gauge.value };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
