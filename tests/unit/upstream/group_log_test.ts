/** Log lines and events about a group and its endpoints. */

import assert from "node:assert/strict";
import type { GroupConfig } from "../../../src/config/config.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { upstream } from "../../support/peers/sockets.ts";
import { NameServer } from "./name_server.ts";
import { CHECK, ControlledGroup, endpointsAt, groupConfig } from "../../support/fakes/upstream_parts.ts";

const REFUSED = new ProxyError("connection_refused", "upstream");
const OFTEN = { ...CHECK, interval: 20 };

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

class Fixture extends ControlledGroup {
  readonly #lines: Line[];
  readonly #waiting: Set<() => void>;

  constructor(config: Partial<GroupConfig>) {
    const lines: Line[] = [];
    const waiting = new Set<() => void>();
    const at = (level: string): Log["info"] => (message, fields) => {
      lines.push({ level, message, fields });
      for (const wake of [...waiting]) wake();
    };
    super(config, {
      ...silentLog(),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
    });
    this.#lines = lines;
    this.#waiting = waiting;
  }

  /** Returns the lines so far, and forgets them. */
  takeLines(): Line[] {
    return this.#lines.splice(0);
  }

  /** The next line with this event; forgets earlier lines. */
  async nextLine(event: string): Promise<Line> {
    for (;;) {
      const line = this.#lines.shift();
      if (line?.fields?.["event"] === event) return line;
      if (line === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#waiting.add(resolve);
        await promise;
        this.#waiting.delete(resolve);
      }
    }
  }
}

Deno.test("group log: an operator's change is logged with its effect on the group", async () => {
  await using fixture = new Fixture({ endpoints: endpointsAt(1) });
  const { controller } = fixture;
  const { control } = fixture.endpoints[0]!;
  controller.setAdmin(control, "drain");
  controller.setAdmin(control, "down");
  controller.setAdmin(control, "up");
  const set = (admin: string) => ({
    level: "info",
    message: `group: endpoint 192.0.2.1:1 set to ${admin}`,
    fields: { event: "endpoint_set", upstream: "group", endpoint: "192.0.2.1:1", admin },
  });
  assert.deepEqual(fixture.takeLines(), [
    set("drain"),
    {
      level: "error",
      message: "group: no endpoint is up, clients are refused",
      fields: { event: "group_down", upstream: "group" },
    },
    set("down"),
    set("up"),
    {
      level: "info",
      message: "group: an endpoint is up again",
      fields: { event: "group_up", upstream: "group" },
    },
  ]);
  assert.deepEqual(fixture.events.map(({ admin, reason }) => [admin, reason]), [
    ["drain", "operator"],
    ["down", "operator"],
    ["up", "operator"],
  ]);
});

Deno.test("group log: an ejection is logged with its reason and duration", async () => {
  await using fixture = new Fixture({
    endpoints: endpointsAt(2),
    passive: { failures: 1, window: 1000, eject: 1e6 },
  });
  fixture.group.connectionFailed(fixture.group.endpoints[0]!, REFUSED);
  assert.deepEqual(fixture.takeLines(), [{
    level: "warn",
    message: "group: endpoint 192.0.2.1:1 ejected, upstream connection refused",
    fields: {
      event: "endpoint_ejected",
      upstream: "group",
      endpoint: "192.0.2.1:1",
      code: "connection_refused",
      failures: 1,
      eject_ms: 1e6,
    },
  }]);
  const { upstream: name, endpoint, state, admin, reason } = fixture.events[0]!;
  assert.deepEqual([name, endpoint, state, admin, reason], [
    "group",
    "192.0.2.1:1",
    "ejected",
    "up",
    "upstream connection refused",
  ]);
  fixture.group.connectionFailed(fixture.group.endpoints[1]!, REFUSED);
  assert.deepEqual(fixture.takeLines().map(({ message }) => message), [
    "group: endpoint 192.0.2.1:2 ejected, upstream connection refused",
    "group: no endpoint is up, panic mode uses them all",
  ]);
  fixture.controller.connectionFailed(-1, { code: "connection_refused", reason: "" });
  assert.deepEqual(fixture.takeLines(), [], "there is no such endpoint");
});

Deno.test("group log: added and removed endpoints are named and counted", async () => {
  await using fixture = new Fixture({ endpoints: endpointsAt(2) });
  fixture.controller.update(groupConfig({ endpoints: endpointsAt(4).slice(1) }));
  assert.deepEqual(fixture.takeLines(), [{
    level: "info",
    message: "group: endpoints changed to 192.0.2.1:2, 192.0.2.1:3, 192.0.2.1:4",
    fields: { event: "endpoints_changed", upstream: "group", added: 2, endpoints: 3, removed: 1 },
  }]);
  fixture.controller.update(
    groupConfig({ endpoints: endpointsAt(4).slice(1).map((each) => ({ ...each, weight: 2 })) }),
  );
  assert.deepEqual(fixture.takeLines().map(({ fields }) => [fields?.["added"], fields?.["removed"]]), [[
    0,
    0,
  ]]);
  fixture.controller.update(
    groupConfig({ endpoints: endpointsAt(4).slice(1).map((each) => ({ ...each, weight: 2 })) }),
  );
  assert.deepEqual(fixture.takeLines(), []);
});

Deno.test("group log: checks log down and up, but not that an endpoint is up at first", async () => {
  const directory = await Deno.makeTempDir();
  const address = { transport: "unix", path: `${directory}/socket` } as const;
  await using fixture = new Fixture({ endpoints: [{ ...endpointsAt(1)[0]!, address }], healthCheck: OFTEN });
  const { controller } = fixture;
  assert.deepEqual(controller.notReady, ["group: the first health checks are under way"]);
  controller.start();
  const { key } = controller.endpoints[0]!;
  const fields = { upstream: "group", endpoint: key };
  assert.deepEqual(await fixture.nextLine("endpoint_down"), {
    level: "warn",
    message: `group: endpoint ${key} is down, no such socket`,
    fields: { event: "endpoint_down", ...fields, cause: "no such socket" },
  });
  assert.equal((await fixture.nextLine("group_down")).level, "error");
  assert.deepEqual(controller.notReady, []);
  const listener = Deno.listen(address);
  const accepting = (async () => {
    for await (const conn of listener) conn.close();
  })();
  assert.deepEqual(await fixture.nextLine("endpoint_up"), {
    level: "info",
    message: `group: endpoint ${key} is up, connected`,
    fields: { event: "endpoint_up", ...fields, cause: "connected" },
  });
  assert.equal((await fixture.nextLine("group_up")).level, "info");
  controller.update(groupConfig({ endpoints: fixture.controller.config.endpoints }));
  listener.close();
  await accepting;
  await Deno.remove(directory, { recursive: true });
  assert.deepEqual(fixture.events.map(({ state, reason }) => [state, reason]), [
    ["down", "health check"],
    ["up", "health check"],
    ["unknown", "no longer checked"],
  ]);
});

Deno.test("group log: level debug includes that an endpoint is up at first", async () => {
  await using server = upstream(() => Promise.resolve());
  const [hostname, port] = server.address.split(":");
  const address = { transport: "tcp", hostname: hostname!, port: Number(port) } as const;
  await using fixture = new Fixture({ endpoints: [{ ...endpointsAt(1)[0]!, address }], healthCheck: OFTEN });
  fixture.controller.start();
  assert.equal((await fixture.nextLine("endpoint_up")).level, "debug");
});

Deno.test("group log: a failing look-up is logged once, and its recovery once", async () => {
  await using server = await NameServer.start();
  await using fixture = new Fixture({
    endpoints: [{ ...endpointsAt(1)[0]!, address: { transport: "tcp", hostname: "db.test", port: 5432 } }],
    discovery: { dns: "a", interval: 20, server: server.address },
  });
  fixture.controller.start();
  assert.deepEqual(await fixture.nextLine("discovery_failed"), {
    level: "warn",
    message: "group: cannot look up db.test, going on with what is known",
    fields: {
      event: "discovery_failed",
      upstream: "group",
      name: "db.test",
      detail: "no A or AAAA record",
    },
  });
  server.addresses = ["192.0.2.7"];
  assert.deepEqual(await fixture.nextLine("discovery_recovered"), {
    level: "info",
    message: "group: db.test can be looked up again",
    fields: { event: "discovery_recovered", upstream: "group", name: "db.test" },
  });
});
