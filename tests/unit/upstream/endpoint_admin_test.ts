import assert from "node:assert/strict";
import type { Conn } from "../../../src/net/socket/conn.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { Connector } from "../../../src/upstream/connector.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ControlledGroup, endpointsAt } from "../../support/fakes/upstream_parts.ts";

Deno.test("set-down during a dial moves the client to the next endpoint", async () => {
  await using fixture = new Fixture();
  const { connector, dials } = fixture;
  const [first, second] = fixture.endpoints;
  const leasing = connector.connect({ sourceAddress: "" }, { endpoint: "", attempts: 0 });
  fixture.controller.setAdmin(first!.control, "down");
  const late = new FakeConn();
  dials.shift()!.resolve(late);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(late.isClosed, true);
  dials.shift()!.resolve(new FakeConn());
  using lease = await leasing;
  assert.ok(lease.conn instanceof FakeConn);
  assert.deepEqual([first!.used.active, second!.used.active], [0, 1]);
});

Deno.test("endpoints that an operator took out are never tried, even if no other is left", async () => {
  await using fixture = new Fixture();
  const { controller, group, connector, messages } = fixture;
  const [first, second] = fixture.endpoints;
  controller.setAdmin(first!.control, "drain");
  controller.setAdmin(second!.control, "down");
  await assert.rejects(connector.connect({ sourceAddress: "" }, { endpoint: "", attempts: 0 }), {
    code: "no_endpoint",
    message: "every endpoint of group was taken out by an operator",
  });
  assert.deepEqual(messages, [
    "group: endpoint 192.0.2.1:1 set to drain",
    "group: endpoint 192.0.2.1:2 set to down",
    "group: no endpoint is up, clients are refused",
  ]);
  controller.setAdmin(first!.control, "up");
  assert.equal(messages.at(-1), "group: an endpoint is up again");
  assert.equal(group.enter({ sourceAddress: "" }, []), first!.used);
  first!.used.leave();
});

Deno.test("drain keeps open connections, down ends them, and repeating either changes nothing", async () => {
  await using fixture = new Fixture();
  const { controller, messages } = fixture;
  const [first] = fixture.endpoints;
  const ended: string[] = [];
  using _watch = first!.used.whenDown({ abort: ({ code }) => ended.push(code) });
  controller.setAdmin(first!.control, "drain");
  assert.deepEqual(ended, []);
  controller.setAdmin(first!.control, "down");
  controller.setAdmin(first!.control, "down");
  assert.deepEqual(ended, ["endpoint_down"]);
  assert.equal(messages.length, 2);
});

class Fixture extends ControlledGroup {
  readonly messages: string[];
  readonly dials: PromiseWithResolvers<Conn>[] = [];
  readonly connector: Connector;

  constructor() {
    const messages: string[] = [];
    const note: Log["info"] = (message) => void messages.push(message);
    const log: Log = { ...silentLog(), info: note, warn: note, error: note };
    super({ endpoints: endpointsAt(2), retry: { attempts: 3, timeout: 0 } }, log);
    this.messages = messages;
    this.connector = new Connector(this.group, {
      adapter: "deno",
      connectTimeout: 0,
      nodelay: false,
      keepalive: false,
      sourceAddress: undefined,
      tls: undefined,
      hasPreface: false,
      dial: () => {
        const dial = Promise.withResolvers<Conn>();
        this.dials.push(dial);
        return dial.promise;
      },
    });
  }
}
