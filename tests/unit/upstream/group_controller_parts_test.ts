/** How a controller uses its monitor, its checks and its accounts. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { silentLog } from "../../../src/observe/log/log.ts";
import { GroupController } from "../../../src/upstream/group_controller.ts";
import type { EndpointController } from "../../../src/upstream/endpoint_controller.ts";
import { Monitor } from "../../../src/upstream/health/monitor.ts";
import { UpstreamTls } from "../../../src/upstream/upstream_tls.ts";
import {
  CHECK,
  ControlledGroup,
  controllerParts,
  endpointsAt,
  groupConfig,
  UNVERIFIED_TLS,
  UpstreamMemory,
} from "../../support/fakes/upstream_parts.ts";

const AUDIENCE = { setEndpoints() {}, setState() {} };

Deno.test("GroupController parts watch nothing before the start, and do not restart unchanged watches", async () => {
  const starts = mock.method(Monitor.prototype, "start", () => {});
  const stops = mock.method(Monitor.prototype, "stop", () => Promise.resolve());
  try {
    const counts = () => [starts.mock.callCount(), stops.mock.callCount()];
    const controller = new GroupController(groupConfig(), controllerParts(new UpstreamMemory(), AUDIENCE));
    controller.update(groupConfig({ healthCheck: CHECK }));
    assert.deepEqual(counts(), [0, 1]);
    controller.start();
    assert.deepEqual(counts(), [1, 1]);
    controller.update(groupConfig({ healthCheck: { ...CHECK }, onDown: "close", endpoints: endpointsAt(2) }));
    assert.deepEqual(counts(), [1, 1]);
    controller.update(groupConfig({ healthCheck: { ...CHECK, interval: 2e6 } }));
    assert.deepEqual(counts(), [2, 2]);
    controller.update(groupConfig({ healthCheck: { ...CHECK, interval: 2e6 } }), { proxyProtocol: "v2" });
    assert.deepEqual(counts(), [3, 3]);
    await controller.stop();
    assert.deepEqual(counts(), [3, 4]);
  } finally {
    mock.restoreAll();
  }
});

Deno.test("GroupController releases its account rows once all its parts have ended", async () => {
  const stopping = Promise.withResolvers<void>();
  mock.method(Monitor.prototype, "stop", () => stopping.promise);
  try {
    const unused = Promise.withResolvers<void>();
    const memory = new UpstreamMemory();
    const controller = new GroupController(
      groupConfig({ endpoints: endpointsAt(8) }),
      controllerParts(memory, AUDIENCE),
    );
    controller.update(groupConfig({ endpoints: endpointsAt(8), healthCheck: CHECK }));
    const over = controller.stop(unused.promise);
    for (const { resolve } of [unused, stopping]) {
      await turn();
      assert.equal(memory.gauges.claim(), undefined);
      resolve();
    }
    await over;
    assert.ok(memory.gauges.claim() !== undefined);
    assert.ok(memory.accounts.endpoints.claim() !== undefined);
  } finally {
    mock.restoreAll();
  }
});

Deno.test("GroupController gives checks the certificates of their service only", async () => {
  const updates = mock.method(UpstreamTls.prototype, "update", () => true);
  try {
    const material = { authorities: undefined, credentials: undefined };
    const controller = new GroupController(groupConfig(), controllerParts(new UpstreamMemory(), AUDIENCE), {
      tls: { service: "mine", config: UNVERIFIED_TLS, material },
    });
    controller.setTls("other", material);
    controller.setTls("mine", undefined);
    assert.equal(updates.mock.callCount(), 0);
    controller.setTls("mine", material);
    assert.deepEqual(updates.mock.calls.map((call) => call.arguments), [[material]]);
    await controller.stop();
  } finally {
    mock.restoreAll();
  }
});

Deno.test("GroupController does not log failures that eject nothing", async () => {
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  await using fixture = new ControlledGroup({ passive: { failures: 2, window: 1000, eject: 1e6 } }, {
    ...silentLog(),
    info: note,
    warn: note,
    error: note,
  });
  const { control } = fixture.endpoints[0]!;
  const failure = { code: "connection_refused", reason: "refused" };
  fixture.controller.connectionFailed(control.id, failure);
  assert.deepEqual([logged, fixture.events], [[], []]);
  fixture.controller.setAdmin(control, "up");
  assert.deepEqual([logged, fixture.events], [[], []], "it is so already");
  fixture.controller.connectionFailed(control.id, failure);
  assert.equal(logged.length, 2);
});

Deno.test("GroupController is ready once it has endpoints and all of them were checked", async () => {
  const memory = new UpstreamMemory();
  const empty = new GroupController(groupConfig({ endpoints: [] }), controllerParts(memory, AUDIENCE));
  assert.deepEqual(empty.notReady, ["group: no endpoint is known yet"]);
  const controller = new GroupController(
    groupConfig({ endpoints: endpointsAt(2), healthCheck: CHECK }),
    controllerParts(memory, AUDIENCE),
  );
  const [first, second] = controller.endpoints;
  first!.health = "up";
  assert.deepEqual(controller.notReady, ["group: the first health checks are under way"]);
  second!.health = "down";
  assert.deepEqual(controller.notReady, []);
  controller.row.cells.connectTime.observe(0.5);
  assert.equal(controller.row.figures().connectTime.sum, 0.5);
  for (const each of [empty, controller]) await each.stop();
});

Deno.test("GroupController puts backups in the second tier, with the configured limits and weights", async () => {
  const memory = new UpstreamMemory();
  const endpoints = endpointsAt(2, 5).map((each, index) => ({
    ...each,
    weight: index + 2,
    backup: index === 1,
  }));
  const controller = new GroupController(groupConfig({ endpoints }), controllerParts(memory, AUDIENCE));
  const published = controller.records.map((
    { tier, weight, maxConnections },
  ) => [tier, weight, maxConnections]);
  assert.deepEqual(published, [[0, 2, 5], [1, 3, 5]]);
  await controller.stop();
});

Deno.test("GroupController watches added endpoints, drops removed ones, and sends every change to threads", async () => {
  const watched: string[] = [];
  for (const how of ["watch", "unwatch"] as const) {
    mock.method(
      Monitor.prototype,
      how,
      ({ key }: EndpointController) => watched.push(`${how} ${key.at(-1)}`),
    );
  }
  try {
    const published: string[] = [];
    const controller = new GroupController(
      groupConfig({ endpoints: endpointsAt(2) }),
      controllerParts(new UpstreamMemory(), {
        ...AUDIENCE,
        setEndpoints: (_name, records) => published.push(records.map(({ weight }) => weight).join(" ")),
      }),
    );
    const [one, two, three] = endpointsAt(3);
    // As many of one kind of change as of another.
    controller.update(groupConfig({ endpoints: [{ ...one!, weight: 2 }, two!, three!] }));
    controller.update(groupConfig({ endpoints: [{ ...one!, weight: 3 }, two!] }));
    controller.update(groupConfig({ endpoints: [two!, three!] }));
    controller.update(groupConfig({ endpoints: [two!, three!] }));
    assert.deepEqual(published, ["2 1 1", "3 1", "1 1"]);
    assert.deepEqual(watched, ["watch 3", "unwatch 3", "watch 3", "unwatch 1"]);
    await controller.stop();
  } finally {
    mock.restoreAll();
  }
});

Deno.test("GroupController releases the rows of an endpoint that the accounts have no room for", async () => {
  for (const [rows, gauges, left] of [[1, 0, [0, 2]], [0, 1, [1, 1]], [0, 2, [1, 0]]] as const) {
    const memory = new UpstreamMemory();
    for (let count = 0; count < rows; count++) memory.accounts.endpoints.claim();
    for (let count = 0; count < gauges; count++) memory.gauges.claim();
    const controller = new GroupController(
      groupConfig({ endpoints: endpointsAt(8) }),
      controllerParts(memory, AUDIENCE),
    );
    assert.equal(controller.endpoints.length, 7);
    assert.deepEqual([claims(memory.accounts.endpoints), claims(memory.gauges)], left);
    await controller.stop();
  }
});

Deno.test("GroupController resets the credit that a new endpoint would inherit", async () => {
  const memory = new UpstreamMemory();
  memory.credits.credits.fill(5);
  const controller = new GroupController(
    groupConfig({ endpoints: endpointsAt(2) }),
    controllerParts(memory, AUDIENCE),
  );
  assert.deepEqual(controller.endpoints.map(({ id }) => memory.credits.credits[id]), [0, 0]);
  await controller.stop();
});

for (const onDown of ["close", "keep"] as const) {
  Deno.test(`with on_down: ${onDown}, an endpoint that a check finds down ${onDown === "close" ? "loses" : "keeps"} its connections`, async () => {
    const directory = await Deno.makeTempDir();
    const address = { transport: "unix", path: `${directory}/socket` } as const;
    const listener = Deno.listen(address);
    const accepting = (async () => {
      for await (const conn of listener) conn.close();
    })();
    const recovered = Promise.withResolvers<void>();
    const published: [string, boolean][] = [];
    const controller = new GroupController(
      groupConfig({
        endpoints: [{ ...endpointsAt(1)[0]!, address }],
        healthCheck: { ...CHECK, interval: 20 },
        onDown,
      }),
      controllerParts(new UpstreamMemory(), {
        ...AUDIENCE,
        setState: (_name, _id, { health }, abort) => {
          published.push([health, abort]);
          if (health === "up") listener.close();
          else recovered.resolve();
        },
      }),
    );
    controller.start();
    await recovered.promise;
    await controller.stop();
    await accepting;
    assert.deepEqual(published, [["up", false], ["down", onDown === "close"]]);
    await Deno.remove(directory, { recursive: true });
  });
}

Deno.test("GroupController ends connections at once only for endpoints set down", async () => {
  const passive = { failures: 1, window: 1000, eject: 1e6 };
  const published: unknown[] = [];
  const controller = new GroupController(
    groupConfig({ passive }),
    controllerParts(new UpstreamMemory(), {
      ...AUDIENCE,
      setState: (_name, _id, { admin, isEjected }, abort) => published.push([admin, isEjected, abort]),
    }),
  );
  const [only] = controller.endpoints;
  for (const admin of ["drain", "down", "up"] as const) controller.setAdmin(only!, admin);
  controller.connectionFailed(only!.id, { code: "connection_refused", reason: "refused" });
  controller.update(groupConfig());
  assert.deepEqual(published, [
    ["drain", false, false],
    ["down", false, true],
    ["up", false, false],
    ["up", true, false],
    ["up", false, false],
  ]);
  await controller.stop();
});

/** The number that can still be claimed. */
function claims(table: { claim(): unknown }): number {
  let count = 0;
  while (table.claim() !== undefined) count += 1;
  return count;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
