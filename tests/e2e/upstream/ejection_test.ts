/** Endpoints that are ejected for a while after failures of real connections. */

import assert from "node:assert/strict";
import { Clients, countsOf, NamedServer, NamedServers, Visits } from "../../support/peers/named_server.ts";
import { Sluice } from "../../support/program/program.ts";
import { SYNCED_AFTER } from "../../support/program/several_threads.ts";
import { connect, endOf, readText, resettableServer } from "../../support/peers/sockets.ts";

for (const reset of ["close", "pass"]) {
  Deno.test(`an endpoint that refuses is ejected, and not dialled any more, with reset: ${reset}`, async () => {
    await using group = await NamedServers.start("ab");
    const killed = group.all[0]!;
    const passive = "passive: { failures: 3, window: 1h, eject: 1h }";
    await using sluice = await Sluice.beforeGroup(group.endpoints, [passive], [`reset: ${reset}`]);
    const visits = new Visits(sluice.port());
    assert.deepEqual(countsOf(await visits.make(4)), { a: 2, b: 2 });
    await killed.goDown();
    assert.deepEqual(countsOf(await visits.make(26)), { b: 26 });
    const [ejected, ...others] = await sluice.loggedEvents("endpoint_ejected", 1);
    const { level, upstream, endpoint, code, failures, eject_ms } = ejected!;
    assert.deepEqual({ level, upstream, endpoint, code, failures, eject_ms }, {
      level: "warn",
      upstream: "group",
      endpoint: killed.address,
      code: "connection_refused",
      failures: 3,
      eject_ms: 3_600_000,
    });
    assert.deepEqual(others, []);
    const lines = await sluice.loggedEvents("connection_closed", 30);
    const retried = lines.filter(({ attempts }) => attempts === 2).length;
    assert.ok(retried >= 3 && retried <= 3 + SYNCED_AFTER, `${retried} of 30 tried it`);
    assert.equal(lines.filter(({ attempts }) => attempts === 1).length, 30 - retried);
  });

  Deno.test(`an endpoint that resets connections at once is ejected, with reset: ${reset}`, async () => {
    await using resetting = await resettableServer();
    await using a = await NamedServer.start("a");
    let resets = 0;
    (async () => {
      for (;; resets++) (await resetting.accepted()).resetAndDestroy();
    })();
    await using sluice = await Sluice.beforeGroup(
      [`"${resetting.address}"`, `"${a.address}"`],
      ["passive: { failures: 3, window: 1h, eject: 1h }"],
      [`reset: ${reset}`],
    );
    const visits = new Visits(sluice.port());
    const [ejected] = await visits.until(sluice.loggedEvents("endpoint_ejected", 1));
    assert.equal(ejected!.endpoint, resetting.address);
    // The kernel reports the reset to the first call; a write after a read gets EPIPE.
    assert.match(String(ejected!.code), /^(connection_reset|broken_pipe)$/);
    await visits.make(SYNCED_AFTER);
    const before = resets;
    assert.ok(before >= 3 && before <= 3 + SYNCED_AFTER, `${before} resets`);
    assert.deepEqual(countsOf(await visits.make(20)), { a: 20 });
    assert.equal(resets, before);
  });
}

Deno.test("a reset after the first byte is not a failure of the endpoint", async () => {
  await using answering = await resettableServer();
  await using sluice = await Sluice.beforeGroup(
    [`"${answering.address}"`],
    ["passive: { failures: 1, window: 1h, eject: 1h }"],
  );
  for (let count = 0; count < 5; count++) {
    using client = await connect(sluice.port());
    const socket = await answering.accepted();
    socket.write("a");
    assert.equal(await readText(client, 1), "a");
    socket.resetAndDestroy();
    assert.equal(await endOf(client), "fin");
  }
  const lines = await sluice.loggedEvents("connection_closed", 5);
  assert.deepEqual(new Set(lines.map(({ code }) => code)), new Set(["connection_reset"]));
  assert.deepEqual(sluice.events("endpoint_ejected"), []);
});

Deno.test("an endpoint returns after `eject`, and not before", async () => {
  await using group = await NamedServers.start("ab");
  const killed = group.all[0]!;
  const passive = "passive: { failures: 2, window: 1h, eject: 500ms }";
  await using sluice = await Sluice.beforeGroup(group.endpoints, [passive]);
  const visits = new Visits(sluice.port());
  await killed.goDown();
  const [ejected] = await visits.until(sluice.loggedEvents("endpoint_ejected", 1));
  await visits.make(SYNCED_AFTER);
  killed.comeBack();
  const line = await visits.until(sluice.logged(`"endpoint":"${killed.address}","attempts"`));
  const out = Date.parse(JSON.parse(line).time) - Date.parse(String(ejected!.time));
  assert.ok(out >= 480 && out < 5000, `back after ${out} ms`);
  assert.equal(visits.names.includes(""), false);
});

Deno.test("on_down: close ends the connections of an ejected endpoint", async () => {
  await using group = await NamedServers.start("ab");
  const passive = "passive: { failures: 1, window: 1h, eject: 1h }";
  await using sluice = await Sluice.beforeGroup(group.endpoints, [passive, "on_down: close"]);
  using held = await Clients.connect(sluice.port(), 4);
  assert.deepEqual(held.counts, { a: 2, b: 2 });
  await group.all[0]!.goDown();
  await new Visits(sluice.port()).until(sluice.loggedEvents("endpoint_ejected", 1));
  assert.deepEqual(await held.ended("a"), ["fin", "fin"]);
  await sluice.logged('"code":"endpoint_down"');
  held.leave("a");
  await held.checkAlive();
});
