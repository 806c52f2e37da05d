/** What happens to clients while no endpoint of their group is up. */

import assert from "node:assert/strict";
import type { GroupConfig } from "../../../../src/config/config.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import type { Abortable, Lease } from "../../../../src/upstream/endpoint.ts";
import { waitingIn } from "../../../../src/observe/metrics/upstream_metrics.ts";
import { CHECK, endpointsAt } from "../../../support/fakes/upstream_parts.ts";
import { FakeConn } from "../../../support/fakes/fake_conn.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { attempts, ConnectorFixture } from "../connector_fixture.ts";

const REFUSED = new ProxyError("connection_refused", "upstream");
const LEFT = new ProxyError("client_left", "client");
/** Takes an endpoint out at the first failure, for longer than any test takes. */
const PASSIVE = { failures: 1, window: 1000, eject: 1_000_000 };

for (const count of [1, 2]) {
  Deno.test(`with on_all_down: refuse, a client of ${count} endpoints that are down is refused at once, with the reason`, async () => {
    await using fixture = new Fixture({ onAllDown: "refuse", endpoints: endpointsAt(count) });
    for (const endpoint of fixture.endpoints) fixture.foundDown(endpoint);
    await assert.rejects(fixture.connect(), {
      code: "no_endpoint",
      message: "no endpoint of group is up: 192.0.2.1:1 is down" +
        (count === 2 ? ", 192.0.2.1:2 is down" : ""),
    });
    fixture.controller.setAdmin(fixture.endpoints[0]!.control, "drain");
    await assert.rejects(fixture.connect(), { code: "no_endpoint" });
    assert.equal(fixture.dials, 0);
    fixture.found(fixture.endpoints.at(-1)!, "up");
    if (count === 2) await fixture.connect();
  });
}

Deno.test("with on_all_down: refuse, an ejected endpoint gets no client, and names are cut", async () => {
  const endpoints = endpointsAt(7);
  await using fixture = new Fixture({
    onAllDown: "refuse",
    endpoints,
    healthCheck: undefined,
    passive: PASSIVE,
  });
  fixture.dial = () => Promise.reject(REFUSED);
  for (let client = 0; client < 3; client++) await assert.rejects(fixture.connect(), REFUSED);
  await assert.rejects(fixture.connect(), {
    message: /^no endpoint of group is up: (192\.0\.2\.1:\d is ejected, ){4}and 3 more$/,
  });
  assert.equal(fixture.dials, 7);
});

Deno.test("with on_all_down: refuse, a client waits for the first endpoints, and not for later ones", async () => {
  await using fixture = new Fixture({ onAllDown: "refuse", endpoints: [] });
  const first = fixture.connect();
  fixture.controller.update({ ...fixture.controller.config, endpoints: endpointsAt(1) });
  await first;
  fixture.controller.update({ ...fixture.controller.config, endpoints: [] });
  assert.ok(fixture.group.isSettled);
  await assert.rejects(fixture.connect(), { code: "no_endpoint", message: "no endpoint of group is known" });
});

Deno.test("with on_all_down: wait, clients of an endpoint that refuses get it once it accepts, after few attempts", async () => {
  using time = new FakeTime();
  await using fixture = new Fixture({ healthCheck: undefined });
  fixture.dial = () => Promise.reject(REFUSED);
  const clients = Array.from({ length: 20 }, () => fixture.connect());
  await settled();
  assert.deepEqual([fixture.dials, fixture.waiting], [20, 20]);
  await time.advance(990);
  assert.deepEqual([fixture.dials, fixture.waiting], [24, 20]);
  fixture.dial = undefined;
  await time.advance(10);
  await Promise.all(clients);
  assert.deepEqual([fixture.dials, fixture.waiting], [44, 0]);
});

Deno.test("with on_all_down: wait, a client whose attempts have all failed begins again, until its time is over", async () => {
  using time = new FakeTime();
  const retry = { attempts: 2, timeout: 1000 };
  await using fixture = new Fixture({ healthCheck: undefined, endpoints: endpointsAt(3), retry });
  fixture.dial = () => Promise.reject(REFUSED);
  const refused = assert.rejects(fixture.connect(), REFUSED);
  await time.advance(990);
  assert.equal(fixture.dials, 10);
  await time.advance(10);
  await refused;
  assert.deepEqual([fixture.dials, fixture.waiting], [10, 0]);
});

Deno.test("with on_all_down: wait, nothing connects to an endpoint that checks have found down", async () => {
  using time = new FakeTime();
  await using fixture = new Fixture({ endpoints: endpointsAt(2), retry: { attempts: 3, timeout: 5000 } });
  for (const endpoint of fixture.endpoints) fixture.foundDown(endpoint);
  const clients = [fixture.connect(), fixture.connect()];
  await time.advance(3000);
  assert.deepEqual([fixture.dials, fixture.waiting], [0, 2]);
  fixture.found(fixture.endpoints[1]!, "up");
  const leases = await Promise.all(clients);
  assert.deepEqual([fixture.dials, fixture.group.endpoints[1]!.active], [2, 2]);
  for (const lease of leases) lease[Symbol.dispose]();
  fixture.foundDown(fixture.endpoints[1]!);
  const late = assert.rejects(fixture.connect(), {
    code: "no_endpoint",
    message:
      /^no endpoint of group is up: 192\.0\.2\.1:1 is down, 192\.0\.2\.1:2 is down; waited 5\d\d\d ms$/,
  });
  await time.advance(5010);
  await late;
});

Deno.test("with on_all_down: wait, clients wait for an operator, for discovery and for a reload", async () => {
  await using fixture = new Fixture();
  const [endpoint] = fixture.endpoints;
  fixture.controller.setAdmin(endpoint!.control, "down");
  const first = fixture.connect();
  await settled();
  assert.equal(fixture.waiting, 1);
  fixture.controller.setAdmin(endpoint!.control, "up");
  await first;
  fixture.controller.update({ ...fixture.controller.config, endpoints: [] });
  const second = fixture.connect();
  await settled();
  assert.equal(fixture.waiting, 1);
  fixture.controller.update({ ...fixture.controller.config, endpoints: endpointsAt(1) });
  await second;
  fixture.foundDown(fixture.endpoints[0]!);
  const third = assert.rejects(fixture.connect(), { code: "no_endpoint" });
  await settled();
  fixture.group.config = { ...fixture.group.config, onAllDown: "refuse" };
  await third;
  assert.equal(fixture.waiting, 0);
});

Deno.test("with on_all_down: wait, clients of a group that is removed wait no longer", async () => {
  await using fixture = new Fixture();
  fixture.foundDown(fixture.endpoints[0]!);
  const connecting = fixture.connect();
  await settled();
  fixture.group.retire();
  await connecting;
  assert.equal(fixture.dials, 1);
});

Deno.test("with on_all_down: wait, an ejected endpoint is tried while no other one is up", async () => {
  using time = new FakeTime();
  await using fixture = new Fixture({ healthCheck: undefined, passive: PASSIVE });
  fixture.dial = () => Promise.reject(REFUSED);
  const connecting = fixture.connect();
  await time.advance(190);
  assert.equal(fixture.controller.endpoints[0]!.condition, "ejected");
  fixture.dial = undefined;
  await time.advance(10);
  await connecting;
});

Deno.test("with on_all_down: wait, a client that leaves is forgotten at once", async () => {
  await using fixture = new Fixture();
  fixture.foundDown(fixture.endpoints[0]!);
  const waits: Abortable[] = [];
  const connecting = fixture.connect(waits);
  await settled();
  waits[0]!.abort(LEFT);
  await assert.rejects(connecting, LEFT);
  assert.equal(fixture.waiting, 0);
});

Deno.test("with on_all_down: wait, an error that another attempt does not mend ends the wait", async () => {
  await using fixture = new Fixture();
  const untrusted = new ProxyError("tls_failed", "upstream");
  fixture.dial = () => Promise.reject(untrusted);
  await assert.rejects(fixture.connect(), untrusted);
});

Deno.test("with on_all_down: wait and a queue, clients wait for an endpoint, then for a place", async () => {
  await using fixture = new Fixture({ endpoints: endpointsAt(1, 1), queue: { timeout: 1000, length: 2 } });
  fixture.foundDown(fixture.endpoints[0]!);
  const states: string[] = [];
  const [first, second] = [fixture.connect(), fixture.connect([], states)];
  await settled();
  fixture.found(fixture.endpoints[0]!, "up");
  const lease = await first;
  await settled();
  assert.deepEqual([states, fixture.controller.queue!.value], [["waiting", "queued"], 1]);
  lease[Symbol.dispose]();
  await second;
});

Deno.test("a client that fails at one endpoint waits in the queue for another one, before those in the line", async () => {
  await using fixture = new Fixture({
    endpoints: endpointsAt(2, 1),
    healthCheck: undefined,
    onAllDown: "try",
    queue: { timeout: 1000, length: 9 },
  });
  const other = fixture.group.endpoints[1]!;
  other.enter();
  const dial = Promise.withResolvers<Conn>();
  fixture.dial = () => dial.promise;
  const retrying = fixture.connect();
  const inLine = fixture.connect();
  await settled();
  fixture.dial = undefined;
  dial.reject(REFUSED);
  await settled();
  // The place at the first endpoint is for the next one in the line.
  const second = await inLine;
  assert.equal(fixture.controller.queue!.value, 1);
  other.leave();
  const first = await retrying;
  assert.deepEqual(fixture.group.endpoints.map(({ active }) => active), [1, 1]);
  for (const lease of [first, second]) lease[Symbol.dispose]();
});

Deno.test("retry.timeout does not run while a client is in the queue", async () => {
  using time = new FakeTime();
  await using fixture = new Fixture({
    endpoints: endpointsAt(2, 1),
    healthCheck: undefined,
    onAllDown: "try",
    retry: { attempts: 2, timeout: 1000 },
    queue: { timeout: 5000, length: 9 },
  });
  for (const endpoint of fixture.group.endpoints) endpoint.enter();
  const connecting = fixture.connect();
  await time.advance(3000);
  fixture.dial = () => (fixture.dial = undefined, Promise.reject(REFUSED));
  for (const endpoint of fixture.group.endpoints) endpoint.leave();
  await connecting;
  assert.equal(fixture.dials, 2);
});

class Fixture extends ConnectorFixture {
  dials = 0;

  constructor(config: Partial<GroupConfig> = {}) {
    super({ onAllDown: "wait", healthCheck: CHECK, retry: { attempts: 3, timeout: 10_000 }, ...config }, {
      dial: (address, options) => {
        this.dials += 1;
        return this.dial?.(address, options) ?? Promise.resolve(new FakeConn());
      },
    });
  }

  get waiting(): number {
    return waitingIn(this.controller.row.figures());
  }

  connect(waits: Abortable[] = [], states: string[] = []): Promise<Lease> {
    return this.connector.connect({ sourceAddress: "192.0.2.9" }, attempts(), undefined, {
      waits: (state, wait) => {
        waits.push(wait);
        states.push(state);
        return { [Symbol.dispose]() {} };
      },
    });
  }
}
