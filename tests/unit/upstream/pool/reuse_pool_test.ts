import assert from "node:assert/strict";
import type { PoolConfig } from "../../../../src/config/config.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import type { Endpoint } from "../../../../src/upstream/endpoint.ts";
import { Permit } from "../../../../src/upstream/pool/connection_semaphore.ts";
import { poolFiguresOf } from "../../../../src/upstream/pool/pool.ts";
import { ReusePool } from "../../../../src/upstream/pool/reuse_pool.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { settled } from "../../../support/fakes/fake_time.ts";
import { endpointAlone, upstreamRow } from "../../../support/fakes/upstream_parts.ts";

const CONFIG: PoolConfig = { mode: "reuse", maxIdle: 2, maxIdleTime: 1_000_000, quiet: 1, maxUses: 10 };

class Fixture {
  readonly endpoint: Endpoint;
  readonly #row = upstreamRow();
  readonly pool: ReusePool;
  isCurrent = true;

  readonly dialled: FakeConn[] = [];

  constructor(config: Partial<PoolConfig> = {}, maxConnections = 0) {
    this.endpoint = endpointAlone(maxConnections);
    this.pool = new ReusePool({ ...CONFIG, ...config }, this.#row);
  }

  figures() {
    return poolFiguresOf(this.#row);
  }

  /** This many clients at the same time, which get connections of their own and end one after the other. */
  async serveTogether(count: number): Promise<void> {
    await this.serve(() => count > 1 ? this.serveTogether(count - 1) : undefined);
  }

  /** A client that sends a request, gets the answer and ends. */
  async serve(onServed: () => unknown = () => {}): Promise<void> {
    const conn = await this.#client();
    await conn.write(new TextEncoder().encode("ask"));
    this.dialled.at(-1)!.arrive("answer");
    assert.equal(await readOnce(conn), "answer");
    await onServed();
    const end = readOnce(conn);
    await conn.closeWrite();
    assert.equal(await end, null);
  }

  async #client(): Promise<Conn> {
    const found = await this.pool.take(this.endpoint);
    if (found !== undefined && !(found instanceof Permit)) return found;
    const conn = new FakeConn();
    this.dialled.push(conn);
    return this.pool.adopt(this.endpoint, conn, () => this.isCurrent);
  }
}

Deno.test("renew() closes what waits", async () => {
  const fixture = new Fixture();
  await fixture.serve();
  fixture.pool.renew();
  await fixture.serve();
  assert.deepEqual(fixture.dialled.map(({ isClosed }) => isClosed), [true, false]);
  await fixture.pool.stop();
});

Deno.test("ReusePool reuses no connection whose dial settings have changed", async () => {
  const fixture = new Fixture();
  await fixture.serve();
  await fixture.serve(() => fixture.isCurrent = false);
  assert.deepEqual(fixture.dialled.map(({ isClosed }) => isClosed), [true], "one served both");
  await fixture.serve();
  assert.equal(fixture.dialled.length, 2);
  await fixture.pool.stop();
});

Deno.test("ReusePool counts hits and misses, and keeps at most max_idle", async () => {
  const fixture = new Fixture();
  await fixture.serve();
  await fixture.serve();
  assert.deepEqual(fixture.figures(), { idle: 1, hits: 1, misses: 1, expired: 0, lost: 0 });
  await fixture.serveTogether(3);
  assert.deepEqual(fixture.figures(), { idle: 2, hits: 2, misses: 3, expired: 0, lost: 0 });
  assert.equal(fixture.dialled.filter(({ isClosed }) => isClosed).length, 1);
  await fixture.pool.stop();
});

Deno.test("ReusePool closes and counts an idle connection that ends, and never hands it out", async () => {
  const fixture = new Fixture();
  await fixture.serve();
  fixture.dialled[0]!.arrive("end");
  await settled();
  assert.equal(fixture.dialled[0]!.isClosed, true);
  assert.deepEqual(fixture.figures(), { idle: 0, hits: 0, misses: 1, expired: 0, lost: 1 });
  await fixture.serve();
  assert.equal(fixture.dialled.length, 2);
  await fixture.pool.stop();
});

Deno.test("ReusePool does not count an evicted connection as lost", async () => {
  const fixture = new Fixture();
  await fixture.serveTogether(2);
  assert.equal(fixture.pool.dropOne(fixture.endpoint), true);
  assert.deepEqual(fixture.dialled.filter(({ isClosed }) => isClosed).length, 1);
  fixture.pool.drop(fixture.endpoint);
  assert.deepEqual(fixture.dialled.map(({ isClosed }) => isClosed), [true, true]);
  assert.equal(fixture.pool.dropOne(fixture.endpoint), false);
  await settled();
  assert.deepEqual([fixture.figures().idle, fixture.figures().lost], [0, 0]);
  await fixture.pool.stop();
});

Deno.test("ReusePool grants a permit on a miss while there is one", async () => {
  const { pool, endpoint } = new Fixture({}, 1);
  const place = await pool.take(endpoint);
  assert.ok(place instanceof Permit);
  assert.equal(await pool.take(endpoint), undefined);
  place[Symbol.dispose]();
});

Deno.test("ReusePool keeps nothing after stop()", async () => {
  const fixture = new Fixture();
  await fixture.serve(() => fixture.pool.stop().then(() => {}));
  assert.deepEqual([fixture.dialled[0]!.isClosed, fixture.figures().idle], [true, 0]);
});
