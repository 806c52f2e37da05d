/** The connector: what ends a connect, and the error that it then throws. */

import assert from "node:assert/strict";
import type { GroupConfig } from "../../../src/config/config.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { Endpoint } from "../../../src/upstream/endpoint.ts";
import { attempts, ConnectorFixture, connectorOf, untilAborted } from "./connector_fixture.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { GroupThreads } from "./group_threads.ts";
import { CHECK, ControlledGroup, endpointsAt, groupConfig } from "../../support/fakes/upstream_parts.ts";

const SHUTDOWN = new ProxyError("shutdown", "proxy");
const REFUSED = new ProxyError("connection_refused", "upstream");

Deno.test("Connector keeps its answer if another thread releases a permit right afterwards", async () => {
  await using threads = new GroupThreads(2, { endpoints: endpointsAt(2, 1) });
  const [here, there] = threads.groups;
  const leaving = there!.endpoints.map((endpoint) => {
    assert.ok(endpoint.enter());
    return endpoint;
  });
  const { get } = Object.getOwnPropertyDescriptor(Endpoint.prototype, "isFull")!;
  for (const [index, endpoint] of here!.endpoints.entries()) {
    Object.defineProperty(endpoint, "isFull", {
      get() {
        const isFull = get!.call(endpoint);
        leaving[index]?.leave();
        delete leaving[index];
        return isFull;
      },
    });
  }
  await assert.rejects(connectorOf(here!).connect({ sourceAddress: "" }, attempts()), {
    code: "endpoints_full",
    message: "every endpoint of group has its max_connections",
  });
});

Deno.test("Connector reports a full endpoint that was ejected as ejected", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(1, 1) });
  fixture.endpoints[0]!.used.enter();
  const connector = connectorOf(fixture.group);
  await assert.rejects(connector.connect({ sourceAddress: "" }, attempts()), { code: "endpoints_full" });
  fixture.controller.setAdmin(fixture.endpoints[0]!.control, "drain");
  await assert.rejects(connector.connect({ sourceAddress: "" }, attempts()), {
    code: "no_endpoint",
    message: "every endpoint of group was taken out by an operator",
  });
  await using empty = new ControlledGroup({ endpoints: [] });
  const lost = connectorOf(empty.group);
  const connecting = lost.connect({ sourceAddress: "" }, attempts());
  void lost.stop(SHUTDOWN);
  await assert.rejects(connecting, { code: "no_endpoint", message: "no endpoint of group is known" });
});

Deno.test("Connector.stop() aborts a pending dial and opens nothing afterwards", async () => {
  await using fixture = new ControlledGroup();
  const connector = connectorOf(fixture.group);
  const connecting = connector.connect({ sourceAddress: "" }, attempts());
  await connector.stop(SHUTDOWN);
  await assert.rejects(connecting, SHUTDOWN);
  await assert.rejects(connector.connect({ sourceAddress: "" }, attempts()), SHUTDOWN);
  assert.equal(fixture.endpoints[0]!.used.active, 0);
});

Deno.test("Connector stops watching its group once it is retired", async () => {
  await using fixture = new ControlledGroup({ pool: POOL });
  const { group } = fixture;
  const watches: string[] = [];
  const { watch } = group;
  group.watch = (watcher) => {
    const disposable = watch.call(group, watcher);
    watches.push("watched");
    return {
      [Symbol.dispose]() {
        watches.push("over");
        disposable[Symbol.dispose]();
      },
    };
  };
  const dialled: Conn[] = [];
  const connector = connectorOf(group, () => {
    const conn = new FakeConn();
    dialled.push(conn);
    return Promise.resolve(conn);
  });
  connector.start();
  await connector.retire();
  assert.deepEqual(watches, ["watched", "over"]);
  assert.equal(dialled.length, 1);
});

Deno.test("Connector limits all attempts together to retry.timeout", async () => {
  await using fixture = new ControlledGroup({
    endpoints: endpointsAt(2),
    retry: { attempts: 3, timeout: 200 },
  });
  const within: number[] = [];
  const connector = connectorOf(fixture.group, async (_address, { signal }) => {
    const began = performance.now();
    if (within.length === 0) {
      // A large part of the time has passed.
      within.push(0);
      await new Promise((resolve) => setTimeout(resolve, 150));
      throw REFUSED;
    }
    return await new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        within.push(performance.now() - began);
        reject(signal.reason);
      })
    );
  });
  const progress = attempts();
  await assert.rejects(connector.connect({ sourceAddress: "" }, progress), { code: "connect_timeout" });
  assert.equal(progress.attempts, 2);
  assert.ok(within[1]! < 150, `${within[1]} ms for the second, of 50 that were left`);
});

Deno.test("Connector limits one attempt to the shorter of connect_timeout and retry.timeout; 0 is no limit", async () => {
  using time = new FakeTime();
  // The deadlines are up to a sixteenth longer.
  for (const [connectTimeout, timeout] of [[160, 0], [0, 160], [160, 1000], [1000, 160]] as const) {
    await using fixture = new ControlledGroup({ retry: { attempts: 1, timeout } });
    const connector = connectorOf(fixture.group, untilAborted, { connectTimeout });
    let ended: unknown;
    connector.connect({ sourceAddress: "" }, attempts()).catch((cause) => ended = cause.code);
    await time.advance(150);
    assert.equal(ended, undefined);
    await time.advance(30);
    assert.equal(ended, "connect_timeout");
  }
});

Deno.test("Connector tries other endpoints after a failure, up to retry.attempts", async () => {
  await using fixture = new ConnectorFixture({
    endpoints: endpointsAt(3),
    retry: { attempts: 2, timeout: 0 },
  });
  const ports: number[] = [];
  fixture.dial = (address) => {
    ports.push((address as { port: number }).port);
    return Promise.reject(REFUSED);
  };
  const progress = attempts();
  await assert.rejects(fixture.connector.connect({ sourceAddress: "" }, progress), REFUSED);
  assert.deepEqual([ports, progress], [[1, 2], { endpoint: "192.0.2.1:2", attempts: 2 }]);
  assert.deepEqual(fixture.endpoints.map(({ used }) => used.active), [0, 0, 0]);
});

Deno.test("Connector tries no endpoint twice for a client, and throws the last failure", async () => {
  await using fixture = new ConnectorFixture({
    endpoints: endpointsAt(2),
    retry: { attempts: 9, timeout: 0 },
  });
  fixture.dial = () => Promise.reject(REFUSED);
  const progress = attempts();
  await assert.rejects(fixture.connector.connect({ sourceAddress: "" }, progress), REFUSED);
  assert.equal(progress.attempts, 2);
});

Deno.test("Connector does not retry errors that another endpoint cannot fix", async () => {
  await using fixture = new ConnectorFixture({ endpoints: endpointsAt(2) });
  const own = new ProxyError("too_many_open_files", "proxy");
  fixture.dial = () => Promise.reject(own);
  const progress = attempts();
  await assert.rejects(fixture.connector.connect({ sourceAddress: "" }, progress), own);
  assert.equal(progress.attempts, 1);
});

Deno.test("Connector makes no attempt after retry.timeout", async () => {
  using time = new FakeTime();
  for (const [timeout, tried] of [[100, 2], [101, 3]] as const) {
    await using fixture = new ConnectorFixture({
      endpoints: endpointsAt(4),
      retry: { attempts: 9, timeout },
    });
    fixture.dial = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw REFUSED;
    };
    const progress = attempts();
    const failing = assert.rejects(fixture.connector.connect({ sourceAddress: "" }, progress), REFUSED);
    await time.advance(150);
    await failing;
    assert.equal(progress.attempts, tried);
  }
});

Deno.test("Connector waits for the first check results, at most for the time of one attempt", async () => {
  using time = new FakeTime();
  await using fixture = new ConnectorFixture({ endpoints: endpointsAt(2), healthCheck: CHECK }, {
    connectTimeout: 160,
  });
  const { connector } = fixture;
  const waiting = connector.connect({ sourceAddress: "" }, attempts());
  await time.advance(150);
  assert.equal(fixture.dialled.length, 0);
  for (const each of fixture.endpoints) fixture.found(each, "up");
  (await waiting)[Symbol.dispose]();
  for (const each of fixture.endpoints) fixture.found(each, "down");
  fixture.controller.update(groupConfig({ endpoints: endpointsAt(3), healthCheck: CHECK }));
  const hasty = connector.connect({ sourceAddress: "" }, attempts());
  await time.advance(150);
  assert.equal(fixture.dialled.length, 1);
  await time.advance(30);
  (await hasty)[Symbol.dispose]();
});

Deno.test("Connector clears the timer of a wait for the first results", async () => {
  await using fixture = new ConnectorFixture({ endpoints: endpointsAt(2), healthCheck: CHECK });
  const waiting = fixture.connector.connect({ sourceAddress: "" }, attempts());
  for (const each of fixture.endpoints) fixture.found(each, "up");
  // The sanitizers would report leftovers.
  (await waiting)[Symbol.dispose]();
  assert.equal(fixture.dialled.length, 1);
});

Deno.test("Connector without a pool opens nothing ahead", async () => {
  await using fixture = new ConnectorFixture();
  fixture.connector.start();
  fixture.group.evictIdle(fixture.only);
  fixture.foundDown(fixture.endpoints[0]!);
  assert.deepEqual([fixture.dialled.length, fixture.only.isUp], [0, false]);
});

Deno.test("Connector closes a connection to an endpoint set down meanwhile, and tries another", async () => {
  await using fixture = new ConnectorFixture({ endpoints: endpointsAt(2) });
  const [first] = fixture.endpoints;
  const conns: FakeConn[] = [];
  fixture.dial = () => {
    if (conns.length === 0) fixture.controller.setAdmin(first!.control, "down");
    const conn = new FakeConn();
    conns.push(conn);
    return Promise.resolve(conn);
  };
  const progress = attempts();
  using lease = await fixture.connector.connect({ sourceAddress: "" }, progress);
  assert.deepEqual(conns.map(({ isClosed }) => isClosed), [true, false]);
  assert.equal(lease.conn, conns[1]);
  assert.deepEqual(progress, { endpoint: "192.0.2.1:2", attempts: 2 });
  assert.equal(first!.used.active, 0);
});

const POOL: GroupConfig["pool"] = { mode: "warm", maxIdle: 1, maxIdleTime: 1e6, quiet: 1, maxUses: 1 };
