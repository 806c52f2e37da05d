import assert from "node:assert/strict";
import type { PoolConfig } from "../../src/config/config.ts";
import type { Conn } from "../../src/net/conn.ts";
import { Place } from "../../src/upstream/places.ts";
import { ReusePool } from "../../src/upstream/reuse_pool.ts";
import { FakeConn, readOnce } from "./fake_conn.ts";
import { endpointAlone, upstreamRow } from "./upstream_parts.ts";

const CONFIG: PoolConfig = { mode: "reuse", maxIdle: 2, maxIdleTime: 1_000_000, quiet: 1, maxUses: 10 };

class Stage {
  readonly endpoint = endpointAlone(0);
  readonly pool = new ReusePool(CONFIG, upstreamRow());
  isCurrent = true;

  readonly dialled: FakeConn[] = [];

  /** A client that asks, gets its answer and goes. */
  async serve(onServed = () => {}): Promise<void> {
    const conn = await this.#client();
    await conn.write(new TextEncoder().encode("ask"));
    this.dialled.at(-1)!.arrive("answer");
    assert.equal(await readOnce(conn), "answer");
    onServed();
    const end = readOnce(conn);
    await conn.closeWrite();
    assert.equal(await end, null);
  }

  async #client(): Promise<Conn> {
    const found = await this.pool.take(this.endpoint);
    if (found !== undefined && !(found instanceof Place)) return found;
    const conn = new FakeConn();
    this.dialled.push(conn);
    return this.pool.adopt(this.endpoint, conn, () => this.isCurrent);
  }
}

Deno.test("renew() closes what waits", async () => {
  const stage = new Stage();
  await stage.serve();
  stage.pool.renew();
  await stage.serve();
  assert.deepEqual(stage.dialled.map(({ isClosed }) => isClosed), [true, false]);
  await stage.pool.stop();
});

Deno.test("a connection that would be opened in another way today serves nobody after its client", async () => {
  const stage = new Stage();
  await stage.serve();
  await stage.serve(() => stage.isCurrent = false);
  assert.deepEqual(stage.dialled.map(({ isClosed }) => isClosed), [true], "one served both");
  await stage.serve();
  assert.equal(stage.dialled.length, 2);
  await stage.pool.stop();
});
