/** From a group to a connection: what ends the way, and what it is then said to have ended by. */

import assert from "node:assert/strict";
import type { GroupConfig } from "../../src/config/config.ts";
import type { Conn } from "../../src/net/conn.ts";
import type { DialOptions } from "../../src/net/dial.ts";
import { ProxyError } from "../../src/net/errors.ts";
import { Connector } from "../../src/upstream/connector.ts";
import { Endpoint } from "../../src/upstream/endpoint.ts";
import { FakeConn } from "./fake_conn.ts";
import { GroupThreads } from "./group_threads.ts";
import { endpointsAt, KeptGroup } from "./upstream_parts.ts";

const SHUTDOWN = new ProxyError("shutdown", "proxy");
const REFUSED = new ProxyError("connection_refused", "upstream");

Deno.test("a place that another thread gives back right after it was asked for changes nothing of the answer", async () => {
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
  await assert.rejects(connectorOf(here!).connect("", attempts()), {
    code: "endpoints_full",
    message: "every endpoint of group has its max_connections",
  });
});

Deno.test("an endpoint that is full and was taken out is said to have been taken out", async () => {
  await using stage = new KeptGroup({ endpoints: endpointsAt(1, 1) });
  stage.endpoints[0]!.used.enter();
  const connector = connectorOf(stage.group);
  await assert.rejects(connector.connect("", attempts()), { code: "endpoints_full" });
  stage.keeper.setAdmin(stage.endpoints[0]!.kept, "drain");
  await assert.rejects(connector.connect("", attempts()), {
    code: "no_endpoint",
    message: "every endpoint of group was taken out by an operator",
  });
  await using nobody = new KeptGroup({ endpoints: [] });
  const lost = connectorOf(nobody.group);
  const connecting = lost.connect("", attempts());
  void lost.stop(SHUTDOWN);
  await assert.rejects(connecting, { code: "no_endpoint", message: "no endpoint of group is known" });
});

Deno.test("stopping gives up a dial under way, and opens nothing any more", async () => {
  await using stage = new KeptGroup();
  const connector = connectorOf(stage.group);
  const connecting = connector.connect("", attempts());
  await connector.stop(SHUTDOWN);
  await assert.rejects(connecting, SHUTDOWN);
  await assert.rejects(connector.connect("", attempts()), SHUTDOWN);
  assert.equal(stage.endpoints[0]!.used.active, 0);
});

Deno.test("a retired connector hears nothing more of its group", async () => {
  await using stage = new KeptGroup({ pool: POOL });
  const { group } = stage;
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

Deno.test("all attempts together have retry.timeout, whatever one of them may take", async () => {
  await using stage = new KeptGroup({ endpoints: endpointsAt(2), retry: { attempts: 3, timeout: 200 } });
  const within: number[] = [];
  const connector = connectorOf(stage.group, async (_address, { signal }) => {
    const began = performance.now();
    if (within.length === 0) {
      // A good part of the time is gone.
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
  await assert.rejects(connector.connect("", progress), { code: "connect_timeout" });
  assert.equal(progress.attempts, 2);
  assert.ok(within[1]! < 150, `${within[1]} ms for the second, of 50 that were left`);
});

const POOL: GroupConfig["pool"] = { mode: "warm", maxIdle: 1, maxIdleTime: 1e6, quiet: 1, maxUses: 1 };

function attempts() {
  return { endpoint: "", attempts: 0 };
}

type Dial = (address: unknown, options: DialOptions) => Promise<Conn>;

/** @param dial Never connects unless given. */
function connectorOf(group: KeptGroup["group"], dial: Dial = untilAborted): Connector {
  return new Connector(group, {
    adapter: "deno",
    connectTimeout: 0,
    nodelay: false,
    keepalive: false,
    sourceAddress: undefined,
    tls: undefined,
    hasPreface: false,
    dial,
  });
}

function untilAborted(_address: unknown, { signal }: DialOptions): Promise<Conn> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
