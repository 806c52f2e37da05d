import assert from "node:assert/strict";
import type { PoolConfig } from "../../../../src/config/config.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import type { UpstreamRow } from "../../../../src/observe/counters/accounts.ts";
import type { PoolFigures } from "../../../../src/observe/metrics/upstream_figures.ts";
import type { Endpoint } from "../../../../src/upstream/endpoint.ts";
import { Permit, UNCOUNTED } from "../../../../src/upstream/pool/connection_semaphore.ts";
import { PermittedConn } from "../../../../src/upstream/pool/permitted_conn.ts";
import { poolFiguresOf } from "../../../../src/upstream/pool/pool.ts";
import { WarmPool } from "../../../../src/upstream/pool/warm_pool.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { endpointAlone, upstreamRow } from "../../../support/fakes/upstream_parts.ts";

const CONFIG: PoolConfig = { mode: "warm", maxIdle: 2, maxIdleTime: 1_000_000, quiet: 50, maxUses: 1 };

Deno.test("WarmPool opens max_idle connections, and one for each that is taken", async () => {
  await using pool = new TestPool();
  pool.fill();
  await pool.opened(2);
  assert.equal(pool.figures().idle, 2);
  const first = await pool.takeConn();
  await pool.opened(3);
  assert.deepEqual(pool.figures(), { idle: 2, hits: 1, misses: 0, expired: 0, lost: 0 });
  pool.dialled[0]!.arrive("hello");
  assert.equal(await readOnce(first), "hello", "the oldest goes first");
  first.close();
});

Deno.test("WarmPool counts a miss and refills", async () => {
  await using pool = new TestPool();
  assert.equal(await pool.take(), UNCOUNTED);
  await pool.opened(2);
  assert.deepEqual(pool.figures(), { idle: 2, hits: 0, misses: 1, expired: 0, lost: 0 });
});

Deno.test("WarmPool never hands out a connection that ended while idle", async () => {
  await using pool = new TestPool();
  pool.fill();
  await pool.opened(2);
  pool.dialled[0]!.arrive("end");
  await turn();
  assert.deepEqual([pool.figures().idle, pool.figures().lost], [1, 1]);
  assert.equal(pool.dialled[0]!.isClosed, true);
  const conn = await pool.takeConn();
  pool.dialled[1]!.arrive("hello");
  assert.equal(await readOnce(conn), "hello");
  conn.close();
});

Deno.test("WarmPool replaces one that ended unused only if a client came meanwhile", async () => {
  await using pool = new TestPool();
  pool.fill();
  await pool.opened(2);
  pool.dialled[0]!.arrive("end");
  await turn();
  assert.equal(pool.dialled.length, 2, "no client came");
  (await pool.takeConn()).close();
  await pool.opened(4);
  await turn();
  (await pool.takeConn()).close();
  await pool.opened(5);
  pool.dialled[3]!.arrive("end");
  await pool.opened(6);
});

Deno.test("WarmPool closes connections after max_idle_time", async () => {
  await using pool = new TestPool({ maxIdleTime: 20 });
  pool.fill();
  await pool.opened(2);
  await pool.closed(2);
  assert.deepEqual(pool.figures(), { idle: 0, hits: 0, misses: 0, expired: 2, lost: 0 });
  assert.equal(pool.dialled.length, 2, "no client came, so nothing is opened again");
});

Deno.test("WarmPool takes no more permits than the endpoint has left", async () => {
  await using pool = new TestPool({ maxIdle: 8 }, 3);
  const place = await pool.take();
  assert.ok(place instanceof Permit, "the client comes first");
  await pool.opened(2);
  await turn();
  assert.equal(pool.dialled.length, 2);
  place[Symbol.dispose]();
});

Deno.test("WarmPool connections keep their permit until they are closed", async () => {
  await using pool = new TestPool({ maxIdle: 1 }, 1);
  pool.fill();
  await pool.opened(1);
  const conn = await pool.takeConn();
  assert.equal(await pool.take(), undefined);
  conn.close();
  await turn();
  const place = await pool.take();
  assert.ok(place instanceof Permit);
  place[Symbol.dispose]();
});

Deno.test("WarmPool gives a waiting client its own pool's next connection, and closes another pool's", async () => {
  await using pool = new TestPool({ maxIdle: 2 }, 2);
  pool.fill();
  const { signal } = new AbortController();
  const mine = pool.endpoint.permits.acquire(pool, signal);
  const other = pool.endpoint.permits.acquire({}, signal);
  await pool.opened(2);
  const conn = await mine;
  assert.ok(!(conn instanceof Permit));
  const place = await other;
  assert.ok(place instanceof Permit);
  assert.deepEqual(pool.dialled.map(({ isClosed }) => isClosed), [false, true]);
  assert.equal(pool.figures().idle, 0);
  conn.close();
  place[Symbol.dispose]();
});

Deno.test("WarmPool closes an idle connection to free a permit", async () => {
  await using pool = new TestPool({ maxIdle: 2 }, 2);
  pool.fill();
  await pool.opened(2);
  assert.equal(pool.dropOne(pool.endpoint), true);
  assert.deepEqual(pool.dialled.map(({ isClosed }) => isClosed), [true, false]);
  assert.equal(pool.dropOne(pool.endpoint), true);
  assert.equal(pool.dropOne(pool.endpoint), false);
});

Deno.test("WarmPool pauses after a failure", async () => {
  await using pool = new TestPool();
  pool.isRefusing = true;
  pool.fill();
  await turn();
  assert.equal(pool.attempts, 2);
  pool.isRefusing = false;
  assert.equal(await pool.take(), UNCOUNTED);
  await turn();
  assert.equal(pool.attempts, 2);
});

Deno.test("WarmPool.drop() closes idle and opening connections of an endpoint", async () => {
  await using pool = new TestPool();
  pool.fill();
  await pool.opened(2);
  (await pool.takeConn()).close();
  pool.drop();
  await pool.opened(3);
  await turn();
  assert.ok(pool.dialled.every(({ isClosed }) => isClosed));
  assert.equal(pool.figures().idle, 0);
});

Deno.test("renew() closes what waits and what is being opened, and opens others", async () => {
  await using pool = new TestPool();
  pool.fill();
  pool.renew();
  await pool.opened(4);
  assert.deepEqual(pool.dialled.map(({ isClosed }) => isClosed), [true, true, false, false]);
  pool.renew();
  await pool.opened(6);
  assert.deepEqual(pool.dialled.map(({ isClosed }) => isClosed), [true, true, true, true, false, false]);
  assert.deepEqual(pool.figures(), { idle: 2, hits: 0, misses: 0, expired: 0, lost: 0 });
});

Deno.test("WarmPool opens and keeps nothing after stop()", async () => {
  const pool = new TestPool();
  pool.fill();
  const stopping = pool.stop();
  pool.fill();
  await stopping;
  pool.fill();
  assert.equal(pool.attempts, 2);
  assert.deepEqual(pool.dialled.map(({ isClosed }) => isClosed), [true, true]);
  assert.equal(pool.figures().idle, 0);
});

Deno.test("WarmPool doubles its pause until a dial succeeds", async () => {
  const { now } = performance;
  let at = now.call(performance);
  performance.now = () => at;
  try {
    await using pool = new TestPool({ maxIdle: 1 });
    const isTried = async (after: number) => {
      const before = pool.attempts;
      at += after;
      pool.fill();
      await turn();
      return pool.attempts > before;
    };
    pool.isRefusing = true;
    assert.equal(await isTried(0), true);
    assert.deepEqual([await isTried(249), await isTried(1)], [false, true]);
    assert.deepEqual([await isTried(499), await isTried(1)], [false, true]);
    pool.isRefusing = false;
    assert.deepEqual([await isTried(999), await isTried(1)], [false, true]);
    pool.isRefusing = true;
    pool.dialled[0]!.arrive("end");
    await turn();
    assert.equal(await isTried(0), true);
    assert.deepEqual([await isTried(249), await isTried(1)], [false, true]);
  } finally {
    performance.now = now;
  }
});

Deno.test("WarmPool counts one that ends during hand-out as lost once, and hands out the next", async () => {
  await using pool = new TestPool();
  pool.fill();
  await pool.opened(2);
  // After its greeting, it is checked once more.
  pool.dialled[0]!.arrive("hello");
  await turn();
  const taken = pool.takeConn();
  pool.dialled[0]!.arrive("end");
  pool.dialled[1]!.arrive("again");
  assert.equal(await readOnce(await taken), "again");
  const { lost, hits } = pool.figures();
  assert.deepEqual([lost, hits], [1, 1]);
  assert.equal(pool.dialled[0]!.isClosed, true);
});

Deno.test("WarmPool does not replace one that was opened as the last client came", async () => {
  using time = new FakeTime();
  await using pool = new TestPool();
  assert.equal(await pool.take(), UNCOUNTED);
  await time.advance(10);
  assert.equal(pool.figures().idle, 2);
  pool.dialled[0]!.arrive("end");
  await time.advance(10);
  assert.deepEqual([pool.figures().lost, pool.dialled.length], [1, 2]);
});

Deno.test("WarmPool hands a connection dialled for a client over unchanged", async () => {
  await using pool = new TestPool();
  const conn = new FakeConn();
  assert.equal(pool.adopt(pool.endpoint, conn), conn);
});

Deno.test("WarmPool.stop() waits for pending dials", async () => {
  const dialling = Promise.withResolvers<Conn>();
  const pool = new WarmPool(CONFIG, () => dialling.promise, upstreamRow());
  pool.fill(endpointAlone());
  let isStopped = false;
  const stopping = pool.stop().then(() => isStopped = true);
  await turn();
  assert.equal(isStopped, false);
  dialling.resolve(new FakeConn());
  await stopping;
});

class TestPool extends WarmPool implements AsyncDisposable {
  readonly dialled: FakeConn[] = [];
  isRefusing = false;
  attempts = 0;
  #watchers: (() => void)[] = [];
  readonly #row: UpstreamRow;
  readonly endpoint: Endpoint;

  constructor(config: Partial<PoolConfig> = {}, maxConnections = 0) {
    const row = upstreamRow();
    super({ ...CONFIG, ...config }, (_endpoint, place) => this.#dial(place), row);
    this.#row = row;
    this.endpoint = endpointAlone(maxConnections);
  }

  figures(): PoolFigures {
    return poolFiguresOf(this.#row);
  }

  override fill(endpoint = this.endpoint): void {
    super.fill(endpoint);
  }

  override take(endpoint = this.endpoint) {
    return super.take(endpoint);
  }

  /** Takes a connection for a client; there must be one. */
  async takeConn(): Promise<Conn> {
    const found = await this.take();
    assert.ok(found !== undefined && !(found instanceof Permit));
    return found;
  }

  override drop(endpoint = this.endpoint): void {
    super.drop(endpoint);
  }

  /** Resolves when this many connections were dialled and are in the pool. */
  async opened(count: number): Promise<void> {
    while (this.dialled.length < count) await this.#change();
    await turn();
  }

  async closed(count: number): Promise<void> {
    while (this.dialled.filter(({ isClosed }) => isClosed).length < count) await turn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #dial(place: Permit): Promise<Conn> {
    this.attempts += 1;
    if (this.isRefusing) {
      place[Symbol.dispose]();
      return Promise.reject(new Deno.errors.ConnectionRefused("no"));
    }
    const conn = new FakeConn();
    this.dialled.push(conn);
    for (const resolve of this.#watchers.splice(0)) resolve();
    return Promise.resolve(new PermittedConn(conn, place));
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }
}

/** Runs everything that is due. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
