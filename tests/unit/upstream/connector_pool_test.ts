/** The connector with a pool. */

import assert from "node:assert/strict";
import type { PoolConfig } from "../../../src/config/config.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { Permit } from "../../../src/upstream/pool/connection_semaphore.ts";
import type { Lease } from "../../../src/upstream/endpoint.ts";
import { attempts, ConnectorFixture, untilAborted } from "./connector_fixture.ts";
import { FakeConn, readOnce } from "../../support/fakes/fake_conn.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { endpointsAt } from "../../support/fakes/upstream_parts.ts";

const REUSE: PoolConfig = { mode: "reuse", maxIdle: 2, maxIdleTime: 1e6, quiet: 1, maxUses: 10 };
const WARM: PoolConfig = { ...REUSE, mode: "warm", maxIdle: 1 };
const SHUTDOWN = new ProxyError("shutdown", "proxy");
const HEADER = new TextEncoder().encode("PROXY ");

Deno.test("Connector with mode: reuse hands a connection to the next client until the dial settings change", async () => {
  await using fixture = new ConnectorFixture({ pool: REUSE });
  const { connector, dialled } = fixture;
  connector.start();
  assert.equal(dialled.length, 0, "nothing is opened ahead");
  await serve(fixture);
  await serve(fixture);
  assert.equal(dialled.length, 1);
  connector.renew();
  assert.equal(dialled[0]!.isClosed, true);
  using before = await connector.connect({ sourceAddress: "" }, attempts());
  connector.renew();
  await converse(before, dialled.at(-1)!);
  assert.deepEqual(
    dialled.map(({ isClosed }) => isClosed),
    [true, true],
    "opened before, and not kept",
  );
  await serve(fixture);
  await serve(fixture);
  assert.equal(dialled.length, 3);
});

Deno.test("Connector closes idle connections when their endpoint goes down or a client needs the permit", async () => {
  await using fixture = new ConnectorFixture({ endpoints: endpointsAt(1, 1), pool: REUSE });
  const { connector, dialled, group } = fixture;
  connector.start();
  await serve(fixture);
  group.evictIdle(fixture.only);
  assert.equal(dialled[0]!.isClosed, true);
  await settled();
  await serve(fixture);
  fixture.foundDown(fixture.endpoints[0]!);
  assert.deepEqual(dialled.map(({ isClosed }) => isClosed), [true, true]);
  await connector.stop(SHUTDOWN);
});

Deno.test("Connector with mode: warm opens connections to every endpoint, later ones too, while it is used", async () => {
  await using fixture = new ConnectorFixture({ endpoints: endpointsAt(1), pool: WARM });
  const { connector, dialled } = fixture;
  connector.start();
  assert.equal(dialled.length, 1);
  fixture.controller.update({ ...fixture.controller.config, endpoints: endpointsAt(2) });
  await settled();
  assert.equal(dialled.length, 2);
  connector.renew();
  await settled();
  assert.deepEqual(dialled.map(({ isClosed }) => isClosed), [true, true, false, false]);
});

Deno.test("Connector.stop() waits for the connections it is opening", async () => {
  for (const end of ["retire", "stop"] as const) {
    await using fixture = new ConnectorFixture({ pool: WARM });
    const dialling = Promise.withResolvers<FakeConn>();
    fixture.dial = () => dialling.promise;
    fixture.connector.start();
    let isOver = false;
    const ending = fixture.connector[end](SHUTDOWN).then(() => isOver = true);
    await settled();
    assert.equal(isOver, false);
    const conn = new FakeConn();
    dialling.resolve(conn);
    await ending;
    assert.equal(conn.isClosed, true);
  }
});

Deno.test("Connector hands out a warm connection and sends its PROXY header", async () => {
  await using fixture = new ConnectorFixture({ pool: WARM }, { hasPreface: true });
  const { connector, dialled } = fixture;
  connector.start();
  await settled();
  using lease = await connector.connect({ sourceAddress: "" }, attempts(), HEADER);
  assert.equal(dialled[0]!.written, "PROXY ");
  dialled[0]!.arrive("hello");
  assert.equal(await readOnce(lease.conn), "hello");
});

Deno.test("Connector replaces a warm connection that takes no header, without blaming the endpoint", async () => {
  await using fixture = new ConnectorFixture({ pool: WARM }, { hasPreface: true });
  const { connector, dialled } = fixture;
  connector.start();
  await settled();
  dialled[0]!.write = () => Promise.reject(new Deno.errors.BrokenPipe("broken"));
  using lease = await connector.connect({ sourceAddress: "" }, attempts(), HEADER);
  await settled();
  assert.equal(dialled[0]!.isClosed, true);
  const used = dialled.filter(({ written }) => written === "PROXY ");
  assert.equal(used.length, 1);
  used[0]!.arrive("hello");
  assert.equal(await readOnce(lease.conn), "hello");
  assert.equal(fixture.endpoints[0]!.control.figures().failures, 0);
});

Deno.test("Connector aborts writing a header to a warm connection", async () => {
  await using fixture = new ConnectorFixture({ pool: WARM }, { hasPreface: true });
  const { connector, dialled } = fixture;
  connector.start();
  await settled();
  const writing = Promise.withResolvers<number>();
  const [conn] = dialled;
  conn!.write = () => writing.promise;
  const connecting = connector.connect({ sourceAddress: "" }, attempts(), HEADER);
  await settled();
  void connector.stop(SHUTDOWN);
  writing.reject(new Deno.errors.BadResource("closed"));
  await assert.rejects(connecting, SHUTDOWN);
  assert.equal(conn!.isClosed, true);
});

Deno.test("Connector does not replace a warm connection whose header times out", async () => {
  using time = new FakeTime();
  await using fixture = new ConnectorFixture({ pool: WARM }, { hasPreface: true, connectTimeout: 160 });
  const { connector, dialled } = fixture;
  connector.start();
  await settled();
  const writing = Promise.withResolvers<number>();
  dialled[0]!.write = () => writing.promise;
  const failing = assert.rejects(connector.connect({ sourceAddress: "" }, attempts(), HEADER), {
    code: "connect_timeout",
  });
  await time.advance(200);
  writing.reject(new Deno.errors.BrokenPipe("broken"));
  await failing;
  assert.ok(dialled.every(({ written }) => written === ""));
});

Deno.test("Connector redials a dead warm connection and begins it like a new one", async () => {
  await using fixture = new ConnectorFixture({ pool: WARM }, { hasPreface: true });
  const { connector, dialled } = fixture;
  connector.start();
  await settled();
  using lease = await connector.connect({ sourceAddress: "" }, attempts(), HEADER);
  const read = readOnce(lease.conn);
  dialled[0]!.arrive("end");
  await settled();
  const anew = dialled.find(({ written }, index) => index > 0 && written === "PROXY ")!;
  anew.arrive("hello");
  assert.equal(await read, "hello");
});

Deno.test("Connector releases a connection or permit that arrives while it stops", async () => {
  for (const isOpen of [true, false]) {
    const fixture = new ConnectorFixture({ endpoints: endpointsAt(1, 1), pool: WARM });
    const { connector, dialled, only } = fixture;
    if (isOpen) connector.start();
    await settled();
    const connecting = connector.connect({ sourceAddress: "" }, attempts());
    void connector.stop(SHUTDOWN);
    await assert.rejects(connecting, SHUTDOWN);
    await settled();
    assert.deepEqual(dialled.map(({ isClosed }) => isClosed), isOpen ? [true] : []);
    const place = only!.permits.tryAcquire();
    assert.ok(place instanceof Permit, "none is taken");
    place[Symbol.dispose]();
    await fixture[Symbol.asyncDispose]();
  }
});

Deno.test("Connector counts a new connection that breaks at its start against the endpoint", async () => {
  await using fixture = new ConnectorFixture({ retry: { attempts: 1, timeout: 0 } }, { hasPreface: true });
  fixture.dial = () => {
    const conn = new FakeConn();
    conn.write = () => Promise.reject(new Deno.errors.BrokenPipe("broken"));
    return Promise.resolve(conn);
  };
  await assert.rejects(fixture.connector.connect({ sourceAddress: "" }, attempts(), HEADER), {
    code: "connection_reset",
  });
  assert.deepEqual(fixture.endpoints[0]!.control.figures().failuresBy, { connection_reset: 1 });
});

Deno.test("Connector opens warm connections within the time of one attempt", async () => {
  using time = new FakeTime();
  await using fixture = new ConnectorFixture({ pool: WARM }, { connectTimeout: 160 });
  fixture.dial = untilAborted;
  fixture.connector.start();
  await time.advance(150);
  assert.equal(fixture.endpoints[0]!.control.figures().failures, 0);
  await time.advance(30);
  assert.deepEqual(fixture.endpoints[0]!.control.figures().failuresBy, { connect_timeout: 1 });
});

/** A client that sends a request, gets the answer and ends. */
async function serve(fixture: ConnectorFixture): Promise<void> {
  using lease = await fixture.connector.connect({ sourceAddress: "" }, attempts());
  await converse(lease, fixture.dialled.at(-1)!);
}

async function converse({ conn }: Lease, upstream: FakeConn): Promise<void> {
  await conn.write(new TextEncoder().encode("ask"));
  const answer = readOnce(conn);
  upstream.arrive("answer");
  assert.equal(await answer, "answer");
  const end = readOnce(conn);
  await conn.closeWrite();
  assert.equal(await end, null);
}
