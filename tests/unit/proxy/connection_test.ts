/** The life of one connection, around a service without sockets. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { LifetimeClock } from "../../../src/net/timers/timeouts.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { recordLostClient } from "../../../src/observe/log/access_log.ts";
import type { ConnectionContext } from "../../../src/proxy/connection_context.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { BROKEN, RESET } from "../relay/relay_fixture.ts";
import { faultsOf, Fixture, handshake, LONG, type Options } from "./connection_fixture.ts";

Deno.test("Connection.run() relays, and reports each step in order", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  assert.deepEqual([fixture.state, fixture.record!.upstream, fixture.record!.route], [
    "connecting",
    "group",
    3,
  ]);
  assert.equal(fixture.lives, 1);
  fixture.answer();
  await setImmediate();
  assert.equal(fixture.state, "open");
  await fixture.client.arriveAll("ping", "end");
  await fixture.upstream.arriveAll("pong", "end");
  await ran;
  assert.deepEqual([fixture.upstream.written, fixture.client.written], ["ping", "pong"]);
  assert.deepEqual(fixture.log, [
    "opened",
    "accepted line",
    "connected",
    "connected line",
    "ended client_closed",
  ]);
  assert.deepEqual(fixture.leases, { failed: 0, disposed: 1 });
  assert.deepEqual([fixture.inside, fixture.client.isClosed, fixture.lives], [0, true, 0]);
  const { accepted, active } = fixture.ledger.figures();
  assert.deepEqual([accepted, active], [1, 0]);
});

Deno.test("Connection.run() reports no events while there are no subscribers", async () => {
  const events = {
    isSubscribed: false,
    opened: () => assert.fail("opened"),
    connected: () => assert.fail("connected"),
    faultApplied: () => assert.fail("fault"),
    ended: () => assert.fail("ended"),
  };
  const fixture = new Fixture({}, { events });
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.connection.abort("killed");
  await ran;
  recordLostClient(fixture.service, "127.0.0.1:5432");
  assert.deepEqual(fixture.log, ["accepted line", "connected line", "accepted line"]);
});

Deno.test("Connection sets nodelay and keepalive of the service on the client", async () => {
  const options: [Options, (string | number | boolean)[]][] = [
    [{}, ["nodelay", false]],
    [{ nodelay: false }, ["delay", false]],
    [{ keepalive: true }, ["nodelay", true]],
    [{ keepalive: "30s" }, ["nodelay", 30_000]],
  ];
  for (const [option, expected] of options) {
    const fixture = new Fixture(option);
    await fixture.ends("killed");
    assert.deepEqual(fixture.client.options, expected);
  }
});

Deno.test("Connection lets faults act before admission, and before it dials", async () => {
  const faults = faultsOf({ type: "delay_accept", delay: 0 }, { type: "delay_connect", delay: 0 });
  const fixture = new Fixture({}, { faults });
  fixture.onRoute = () => fixture.log.push("routed");
  const ran = fixture.run();
  await fixture.dialled();
  assert.deepEqual(fixture.log, [
    "opened",
    "accepted line",
    "fault delay_accept",
    "routed",
    "fault delay_connect",
  ]);
  assert.deepEqual(fixture.record!.faults, ["delay_accept", "delay_connect"]);
  fixture.connection.abort("killed");
  await ran;
});

Deno.test("Connection of a client that a fault refuses is reset, takes no slot, and has not failed", async () => {
  const fixture = new Fixture({}, { faults: faultsOf({ type: "refuse" }) });
  await fixture.run();
  assert.deepEqual(fixture.log, ["opened", "accepted line", "fault refuse", "ended fault"]);
  assert.deepEqual([fixture.client.isReset, fixture.inside, fixture.dials], [true, 0, 0]);
  const { failed, failedBy, active } = fixture.ledger.figures();
  assert.deepEqual([failed, failedBy, active], [0, { fault: 1 }, 0]);
});

for (const type of ["delay_accept", "delay_connect"] as const) {
  Deno.test(`Connection that waits for the fault ${type} has entered, and ends at once when it is killed`, async () => {
    const fixture = new Fixture({}, { faults: faultsOf({ type, delay: "1h" }) });
    let hasEntered = false;
    void fixture.connection.entered().then(() => hasEntered = true);
    const ran = fixture.run();
    await setImmediate();
    assert.deepEqual([hasEntered, fixture.log.at(-1)], [true, `fault ${type}`]);
    fixture.connection.abort("killed");
    await ran;
    assert.deepEqual([fixture.log.at(-1), fixture.dials, fixture.client.isClosed, fixture.inside], [
      "ended killed",
      0,
      true,
      0,
    ]);
  });
}

for (const code of ["killed", "shutdown"] as const) {
  Deno.test(`Connection that is ${code} during a dial ends at once, and closes a late upstream connection`, async () => {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.connection.abort(code);
    fixture.connection.abort("lifetime");
    await ran;
    assert.deepEqual([fixture.log.at(-1), fixture.client.isClosed, fixture.inside], [
      `ended ${code}`,
      true,
      0,
    ]);
    assert.equal(fixture.leases.disposed, 0);
    fixture.answer();
    await setImmediate();
    assert.equal(fixture.leases.disposed, 1);
  });
}

Deno.test("Connection that is killed during the relay closes both sides, with its first reason", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.connection.abort("killed");
  fixture.connection.abort("shutdown");
  await ran;
  assert.deepEqual([fixture.client.isClosed, fixture.upstream.isClosed], [true, true]);
  assert.equal(fixture.log.at(-1), "ended killed");
});

Deno.test("Connection can be killed while it waits for a slot, a PROXY header, a handshake or a ClientHello", async () => {
  const cases: [string, Options, Partial<ConnectionContext>][] = [
    ["place", { limits: { connections: 1, whenFull: "wait" } }, {}],
    ["header", { acceptProxyProtocol: { from: ["192.0.2.1"] } }, { readAhead: 4096, headerDeadlines: LONG }],
    ["handshake", {}, { tls: { terminate: handshake, deadlines: LONG } }],
    ["hello", {}, { readAhead: 4096, route: () => undefined }],
  ];
  for (const [what, options, parts] of cases) {
    const fixture = new Fixture(options, { ...parts, isFull: what === "place" });
    const ran = fixture.run();
    await setImmediate();
    assert.equal(fixture.log.length, 2, what);
    fixture.connection.abort("killed");
    await ran;
    assert.deepEqual([fixture.log.at(-1), fixture.dials], ["ended killed", 0], what);
  }
});

Deno.test("Connection that is aborted before its dial or relay does neither", async () => {
  const early = new Fixture();
  early.onRoute = () => early.connection.abort("killed");
  await early.run();
  assert.deepEqual([early.dials, early.log], [0, ["opened", "accepted line", "ended killed"]]);

  const late = new Fixture();
  const ran = late.run();
  await late.dialled();
  late.answer();
  late.connection.abort("killed");
  await ran;
  assert.deepEqual(late.log, ["opened", "accepted line", "ended killed"]);
  assert.equal(late.leases.disposed, 1);
});

Deno.test("Connection begins no relay after an abort, however late", async () => {
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.answer();
    for (let passed = 0; passed < microtasks; passed++) await undefined;
    fixture.log.push("aborted");
    fixture.connection.abort("killed");
    await ran;
    await setImmediate();
    assert.deepEqual(fixture.log.slice(fixture.log.indexOf("aborted")), ["aborted", "ended killed"]);
    assert.equal(fixture.leases.disposed, 1);
  }
});

Deno.test("Connection.entered() resolves for a refused or lost client, so that no other waits for it", async () => {
  const refused = new Fixture({ deny: ["192.0.2.1"] });
  const entered = refused.connection.entered();
  await refused.run();
  await entered;
  assert.equal(refused.log.at(-1), "ended access_denied");

  const full = new Fixture({ limits: { connections: 1 } }, { isFull: true });
  const alsoEntered = full.connection.entered();
  await full.run();
  await alsoEntered;
  assert.equal(full.log.at(-1), "ended connection_limit");
});

Deno.test("Connection.entered() does not resolve while the client waits for a slot", async () => {
  const fixture = new Fixture({ limits: { connections: 1, whenFull: "wait" } }, { isFull: true });
  let hasEntered = false;
  const entered = fixture.connection.entered().then(() => hasEntered = true);
  const ran = fixture.run();
  await setImmediate();
  assert.equal(hasEntered, false);
  fixture.connection.abort("killed");
  await ran;
  await entered;
});

Deno.test("Connection.entered() resolves as soon as the client has its slot", async () => {
  const fixture = new Fixture();
  const entered = fixture.connection.entered();
  const ran = fixture.run();
  await entered;
  fixture.connection.abort("killed");
  await ran;
});

for (const reset of ["close", "pass"] as const) {
  Deno.test(`Connection passes a reset before the relay to the client with reset: ${reset}`, async () => {
    for (const [error, isReset] of [[RESET, true], [BROKEN, true], [new Error("no"), false]] as const) {
      const fixture = new Fixture({ reset });
      const ran = fixture.run();
      await fixture.dialled();
      fixture.refuse(new ProxyError(isReset ? "connection_reset" : "io_error", "upstream", { cause: error }));
      await ran;
      assert.equal(fixture.client.isReset, isReset && reset === "pass");
      assert.equal(fixture.client.isClosed, true);
    }
  });
}

Deno.test("Connection calls onShortage() if a dial finds no descriptor, but not for other failures", async () => {
  for (const [code, shortages] of [["too_many_open_files", 1], ["connection_refused", 0]] as const) {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.refuse(new ProxyError(code, "proxy"));
    await ran;
    assert.deepEqual([fixture.shortages, fixture.log.at(-1)], [shortages, `ended ${code}`]);
  }
});

Deno.test("Connection reports a failed relay to its lease, but not an orderly one", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  await fixture.upstream.arriveAll(RESET);
  await ran;
  assert.deepEqual(fixture.leases, { failed: 1, disposed: 1 });
  assert.equal(fixture.log.at(-1), "ended upstream_connection_reset");
});

Deno.test("Connection ends the relay with the reason when its endpoint goes down", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.goDown(new ProxyError("endpoint_down", "upstream"));
  await ran;
  assert.equal(fixture.log.at(-1), "ended upstream_endpoint_down");
});

Deno.test("Connection lives no longer than its lifetime", async () => {
  using time = new FakeTime();
  const fixture = new Fixture({}, { lifetimes: new LifetimeClock(1000) });
  const ran = fixture.run();
  await settled();
  await time.advance(990);
  assert.equal(fixture.client.isClosed, false);
  await time.advance(120);
  await ran;
  assert.equal(fixture.log.at(-1), "ended lifetime");
});

Deno.test("recordLostClient() counts a client without an address, with its reason", () => {
  const fixture = new Fixture();
  recordLostClient(fixture.service, "127.0.0.1:5432");
  const { accepted, active, failedBy } = fixture.ledger.figures();
  assert.deepEqual([accepted, active, fixture.record!.client], [1, 0, "unknown"]);
  assert.deepEqual(failedBy, { connection_reset: 1 });
  assert.deepEqual(fixture.log, ["opened", "accepted line", "ended connection_reset"]);
});
