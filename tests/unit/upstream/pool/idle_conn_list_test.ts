import assert from "node:assert/strict";
import { type Idle, IdleConnList } from "../../../../src/upstream/pool/idle_conn_list.ts";
import { poolFiguresOf } from "../../../../src/upstream/pool/pool.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { endpointAlone, upstreamRow } from "../../../support/fakes/upstream_parts.ts";

class FakeIdle implements Idle {
  readonly idleSince = performance.now();
  isClosed = false;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  close(): void {
    this.isClosed = true;
  }
}

function shelfOf(maxIdleTime: number) {
  const row = upstreamRow();
  const expired: string[] = [];
  const shelf = new IdleConnList<FakeIdle>({
    maxIdleTime,
    cells: row.cells,
    onExpired: (_endpoint, { name, isClosed }) => void expired.push(`${name} ${isClosed}`),
  });
  const put = (endpoint: ReturnType<typeof endpointAlone>, name: string) => {
    const conn = new FakeIdle(name);
    shelf.put(endpoint, conn);
    return conn;
  };
  return { shelf, put, expired, figures: () => poolFiguresOf(row) };
}

Deno.test("IdleConnList takes the oldest or newest of an endpoint, and counts what is idle", () => {
  const { shelf, put, figures } = shelfOf(1e6);
  const [one, other] = [endpointAlone(), endpointAlone()];
  for (const name of ["a", "b", "c"]) put(one, name);
  put(other, "d");
  assert.deepEqual([shelf.count(one), shelf.count(other), shelf.count(), figures().idle], [3, 1, 4, 4]);
  assert.equal(shelf.take(one, "oldest")?.name, "a");
  assert.equal(shelf.take(one, "newest")?.name, "c");
  assert.deepEqual([shelf.count(one), shelf.count(), figures().idle], [1, 2, 2]);
  assert.equal(shelf.take(one, "newest")?.name, "b");
  assert.equal(shelf.take(one, "newest"), undefined);
  assert.deepEqual([shelf.count(one), figures().idle], [0, 1]);
  shelf.clear();
});

Deno.test("IdleConnList removes a single connection once, and keeps the others", () => {
  const { shelf, put, figures } = shelfOf(1e6);
  const [one, other] = [endpointAlone(), endpointAlone()];
  const [b, a] = [put(one, "b"), put(one, "a")];
  assert.equal(shelf.count(other), 0);
  assert.equal(shelf.remove(other, a), false);
  assert.equal(shelf.remove(one, b), true);
  assert.equal(shelf.remove(one, b), false);
  assert.deepEqual([shelf.count(one), figures().idle, a.isClosed, b.isClosed], [1, 1, false, false]);
  assert.equal(shelf.dropOne(one), true);
  assert.equal(shelf.dropOne(one), false);
  assert.deepEqual([a.isClosed, shelf.count(), figures().idle], [true, 0, 0]);
  shelf.clear();
});

Deno.test("IdleConnList closes all connections, or those of one endpoint", () => {
  const { shelf, put, figures } = shelfOf(1e6);
  const [one, other] = [endpointAlone(), endpointAlone()];
  const conns = [put(one, "a"), put(one, "b"), put(other, "c")];
  shelf.drop(one);
  shelf.drop(one);
  assert.deepEqual([conns.map(({ isClosed }) => isClosed), shelf.count(), figures().idle], [
    [true, true, false],
    1,
    1,
  ]);
  shelf.clear();
  assert.deepEqual([conns[2]!.isClosed, shelf.count(), figures().idle], [true, 0, 0]);
});

Deno.test("IdleConnList closes connections after max_idle_time, and does not hand them out", async () => {
  using time = new FakeTime();
  const { shelf, put, expired, figures } = shelfOf(800);
  const endpoint = endpointAlone();
  const first = put(endpoint, "first");
  await time.advance(400);
  const second = put(endpoint, "second");
  await time.advance(390);
  assert.deepEqual([shelf.count(), expired], [2, []]);
  await time.advance(10);
  assert.deepEqual([expired, first.isClosed, second.isClosed], [["first true"], true, false]);
  assert.deepEqual([figures().idle, figures().expired], [1, 1]);
  await time.advance(400);
  assert.deepEqual([expired.splice(0), shelf.count()], [["first true", "second true"], 0]);
  put(endpoint, "third");
  await time.advance(800);
  assert.deepEqual(expired, ["third true"], "it looks again after it was empty");
});

Deno.test("IdleConnList hands out no expired connection between two ticks", async () => {
  using time = new FakeTime();
  const { shelf, put, expired } = shelfOf(80_000);
  const endpoint = endpointAlone();
  put(endpoint, "other");
  await time.advance(10);
  put(endpoint, "old");
  await time.advance(80_000);
  // The checks are a second apart.
  assert.deepEqual([shelf.count(), expired], [1, ["other true"]]);
  const newer = put(endpoint, "newer");
  assert.equal(shelf.take(endpoint, "oldest"), newer);
  assert.deepEqual(expired, ["other true", "old true"]);
});

Deno.test("IdleConnList without max_idle_time expires nothing", async () => {
  using time = new FakeTime();
  const { shelf, put, expired } = shelfOf(0);
  put(endpointAlone(), "a");
  await time.advance(100_000);
  assert.deepEqual([shelf.count(), expired], [1, []]);
  shelf.clear();
});

Deno.test("IdleConnList leaves no timer behind once it is cleared, or is empty when it looks", async () => {
  // The sanitizers would report a timer.
  const { shelf, put } = shelfOf(1e6);
  const endpoint = endpointAlone();
  assert.equal(shelf.remove(endpoint, put(endpoint, "a")), true);
  shelf.clear();
  const expired = Promise.withResolvers<void>();
  const short = new IdleConnList<FakeIdle>({
    maxIdleTime: 1,
    cells: upstreamRow().cells,
    onExpired: () => expired.resolve(),
  });
  short.put(endpoint, new FakeIdle("b"));
  await expired.promise;
  assert.equal(short.count(), 0);
});
