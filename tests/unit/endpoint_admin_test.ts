import assert from "node:assert/strict";
import type { Conn } from "../../src/net/conn.ts";
import { type Log, silentLog } from "../../src/observe/log.ts";
import { Connector } from "../../src/upstream/connector.ts";
import { Group } from "../../src/upstream/group.ts";
import { FakeConn } from "./fake_conn.ts";
import { groupParts } from "./upstream_parts.ts";

Deno.test("an endpoint that is set down during a dial is not used: the next one is", async () => {
  const { group, connector, dials } = stage();
  const [first, second] = group.endpoints;
  const leasing = connector.connect("", { endpoint: "", attempts: 0 });
  group.setAdmin(first!, "down");
  const late = new FakeConn();
  dials.shift()!.resolve(late);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(late.isClosed, true);
  dials.shift()!.resolve(new FakeConn());
  using lease = await leasing;
  assert.ok(lease.conn instanceof FakeConn);
  assert.deepEqual([first!.active, second!.active], [0, 1]);
});

Deno.test("endpoints that an operator has taken out are not tried, even when no other is left", async () => {
  const { group, connector, messages } = stage();
  const [first, second] = group.endpoints;
  group.setAdmin(first!, "drain");
  group.setAdmin(second!, "down");
  await assert.rejects(connector.connect("", { endpoint: "", attempts: 0 }), {
    code: "no_endpoint",
    message: "every endpoint of group was taken out by an operator",
  });
  assert.deepEqual(messages, [
    "group: endpoint 192.0.2.1:1 is set to drain",
    "group: endpoint 192.0.2.1:2 is set to down",
    "group: no endpoint is up, and none may be tried: clients are dropped",
  ]);
  group.setAdmin(first!, "up");
  assert.equal(messages.at(-1), "group: an endpoint is up again");
  assert.equal(group.enter("", []), first);
  first!.leave();
});

Deno.test("drain leaves open connections alone, down ends them, and saying it twice changes nothing", () => {
  const { group, messages } = stage();
  const [first] = group.endpoints;
  const ended: string[] = [];
  using _watch = first!.whenDown(({ code }) => ended.push(code));
  group.setAdmin(first!, "drain");
  assert.deepEqual(ended, []);
  group.setAdmin(first!, "down");
  group.setAdmin(first!, "down");
  assert.deepEqual(ended, ["endpoint_down"]);
  assert.equal(messages.length, 2);
});

function stage() {
  const messages: string[] = [];
  const note: Log["info"] = (message) => void messages.push(message);
  const dials: PromiseWithResolvers<Conn>[] = [];
  const group = new Group({
    name: "group",
    balance: "round_robin",
    endpoints: [1, 2].map((port) => ({
      address: { transport: "tcp", hostname: "192.0.2.1", port } as const,
      weight: 1,
      maxConnections: 0,
      backup: false,
    })),
    retry: { attempts: 3, timeout: 0 },
    healthCheck: undefined,
    passive: undefined,
    onDown: "keep",
    pool: undefined,
    discovery: undefined,
  }, groupParts({ ...silentLog(), info: note, warn: note, error: note }));
  const connector = new Connector(group, {
    adapter: "deno",
    connectTimeout: 0,
    nodelay: false,
    keepalive: false,
    sourceAddress: undefined,
    tls: undefined,
    hasPreface: false,
    dial: () => {
      const dial = Promise.withResolvers<Conn>();
      dials.push(dial);
      return dial.promise;
    },
  });
  return { group, connector, dials, messages };
}
