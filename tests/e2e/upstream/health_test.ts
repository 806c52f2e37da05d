/** Endpoints that health checks take out and bring back. */

import assert from "node:assert/strict";
import { Clients, countsOf, NamedServer, NamedServers, Visits } from "../../support/peers/named_server.ts";
import { type LoggedEvent, Sluice } from "../../support/program/program.ts";
import { blackHole, connect, readAll, readText, upstream, writeText } from "../../support/peers/sockets.ts";

const PING = 'send: "PING\\r\\n", expect: "+PONG"';

for (const reset of ["close", "pass"]) {
  Deno.test(`no client is lost when an endpoint is killed, is down, and returns, with reset: ${reset}`, async () => {
    await using group = await NamedServers.start("abc");
    const killed = group.all[1]!;
    const checks = "health_check: { interval: 100ms, rise: 3, fall: 4 }";
    await using sluice = await Sluice.beforeGroup(group.endpoints, [checks], [`reset: ${reset}`]);
    const visits = new Visits(sluice.port());
    assert.deepEqual(countsOf(await visits.make(12)), { a: 4, b: 4, c: 4 });
    await killed.goDown();
    const [down] = await visits.until(sluice.loggedEvents("endpoint_down", 1));
    assert.deepEqual(stateChangeOf(down!), ["group", killed.address, "connection refused"]);
    const before = visits.names.length;
    const retried = (await sluice.loggedEvents("connection_closed", before)).filter(isRetried);
    assert.ok(retried.length > 0);
    assert.ok(retried.every(({ attempts }) => attempts === 2));

    assert.deepEqual(countsOf(await visits.make(30)), { a: 15, c: 15 });
    const later = (await sluice.loggedEvents("connection_closed", before + 30)).slice(before);
    assert.deepEqual(later.filter(isRetried), []);

    killed.comeBack();
    const [up] = await visits.until(sluice.loggedEvents("endpoint_up", 1));
    assert.deepEqual(stateChangeOf(up!), ["group", killed.address, "connected"]);
    const { b } = countsOf(await visits.make(30));
    assert.ok(b! >= 9 && b! <= 11, `${b} of 30`);
    assert.equal(visits.names.includes(""), false);
    assert.deepEqual([...sluice.events("connection_failed"), ...sluice.events("group_down")], []);
  });
}

Deno.test("an endpoint whose checks alternate after it went down never enters rotation", async () => {
  await using flapping = await NamedServer.start("a");
  await using steady = await NamedServer.start("b");
  flapping.answer = (ping) => ping % 2 === 0 ? "+PONG\r\n" : "-LOADING\r\n";
  await using sluice = await Sluice.beforeGroup(
    [`"${flapping.address}"`, `"${steady.address}"`],
    [`health_check: { interval: 10ms, rise: 2, fall: 1, ${PING} }`],
  );
  const [down] = await sluice.loggedEvents("endpoint_down", 1);
  const cause = 'answered "-LOADING\\r\\n" instead of "+PONG"';
  assert.deepEqual(stateChangeOf(down!), ["group", flapping.address, cause]);
  const visits = new Visits(sluice.port());
  await visits.until(flapping.pinged(30));
  assert.deepEqual(Object.keys(countsOf(visits.names)), ["b"]);
  assert.deepEqual([flapping.clients, sluice.events("endpoint_down").length], [0, 1]);
  assert.deepEqual(sluice.events("endpoint_up"), []);

  flapping.answer = () => "+PONG\r\n";
  const [up] = await sluice.loggedEvents("endpoint_up", 1);
  assert.deepEqual(stateChangeOf(up!), ["group", flapping.address, 'answered "+PONG"']);
  assert.deepEqual(countsOf(await visits.make(10)), { a: 5, b: 5 });
});

Deno.test("an endpoint stays in rotation as long as fewer than `fall` checks in a row are bad", async () => {
  await using shaky = await NamedServer.start("a");
  await using steady = await NamedServer.start("b");
  shaky.answer = (ping) => ping % 3 === 1 ? "+PONG\r\n" : "-LOADING\r\n";
  await using sluice = await Sluice.beforeGroup(
    [`"${shaky.address}"`, `"${steady.address}"`],
    [`health_check: { interval: 10ms, rise: 2, fall: 3, ${PING} }`],
  );
  await shaky.pinged(30);
  assert.deepEqual(countsOf(await new Visits(sluice.port()).make(10)), { a: 5, b: 5 });
  assert.deepEqual(sluice.events("endpoint_down"), []);
});

for (const expect of ["220 ", "hex:32323020"]) {
  Deno.test(`a check without bytes to send judges the greeting, with expect: ${expect}`, async () => {
    const greeting = (text: string) =>
      upstream(async (conn) => {
        await writeText(conn, text);
        await readAll(conn);
      });
    await using busy = greeting("421 too busy\r\n");
    await using mail = greeting("220 mail\r\n");
    await using sluice = await Sluice.beforeGroup(
      [`"${busy.address}"`, `"${mail.address}"`],
      [`health_check: { interval: 20ms, expect: "${expect}" }`],
    );
    const [down] = await sluice.loggedEvents("endpoint_down", 1);
    assert.match(String(down!.cause), /^answered "421 .* instead of "220 "$/);
    for (let client = 0; client < 4; client++) {
      using conn = await connect(sluice.port());
      assert.equal(await readText(conn, 8), "220 mail");
    }
    assert.equal(sluice.events("endpoint_down").length, 1);
  });
}

Deno.test("a check sends the bytes written as hex:, and an endpoint that answers wrongly is down", async () => {
  await using group = await NamedServers.start("ab");
  group.all[0]!.answer = () => "\0PONG";
  const ping = 'send: "hex:50494e47", expect: "hex:2b504F4E47"';
  await using sluice = await Sluice.beforeGroup(group.endpoints, [
    `health_check: { interval: 20ms, ${ping} }`,
  ]);
  const [down] = await sluice.loggedEvents("endpoint_down", 1);
  assert.equal(down!.cause, 'answered "\\x00PONG" instead of "+PONG"');
  assert.deepEqual(countsOf(await new Visits(sluice.port()).make(4)), { b: 4 });
});

Deno.test("checks find a black hole before any client does", async () => {
  await using hole = await blackHole();
  await using a = await NamedServer.start("a");
  await using sluice = await Sluice.beforeGroup(
    [`"${hole.address}"`, `"${a.address}"`],
    ["health_check: { interval: 20ms, timeout: 200ms }"],
    ["connect_timeout: 1h"],
  );
  const [down] = await sluice.loggedEvents("endpoint_down", 1);
  assert.deepEqual(stateChangeOf(down!), ["group", hole.address, "connect timeout"]);
  assert.deepEqual(countsOf(await new Visits(sluice.port()).make(10)), { a: 10 });
});

for (const onDown of ["close", "keep"]) {
  for (const reset of ["close", "pass"]) {
    Deno.test(`on_down: ${onDown} for connections of an endpoint that goes down, with reset: ${reset}`, async () => {
      await using group = await NamedServers.start("ab");
      await using sluice = await Sluice.beforeGroup(
        group.endpoints,
        ["health_check: { interval: 20ms, fall: 1 }", `on_down: ${onDown}`],
        [`reset: ${reset}`],
      );
      using held = await Clients.connect(sluice.port(), 4);
      assert.deepEqual(held.counts, { a: 2, b: 2 });
      await group.all[0]!.goDown();
      await sluice.loggedEvents("endpoint_down", 1);
      if (onDown === "close") {
        assert.deepEqual(await held.ended("a"), ["fin", "fin"]);
        const lines = await sluice.loggedEvents("connection_closed", 2);
        for (const { endpoint, reason, code } of lines) {
          assert.deepEqual([endpoint, reason, code], [
            group.all[0]!.address,
            "endpoint down",
            "endpoint_down",
          ]);
        }
        held.leave("a");
      }
      await held.checkAlive();
      assert.equal(sluice.events("connection_closed").length, onDown === "close" ? 2 : 0);
    });
  }
}

Deno.test("all endpoints are used when every one is down, and panic mode is logged once", async () => {
  await using group = await NamedServers.start("ab");
  const [a, b] = group.all as [NamedServer, NamedServer];
  const fail = () => "-LOADING\r\n";
  a.answer = b.answer = fail;
  const checks = `health_check: { interval: 10ms, rise: 1, fall: 1, ${PING} }`;
  await using sluice = await Sluice.beforeGroup(group.endpoints, [checks]);
  const [line] = await sluice.loggedEvents("group_down", 1);
  assert.deepEqual([line!.level, line!.upstream], ["error", "group"]);
  const visits = new Visits(sluice.port());
  assert.deepEqual(countsOf(await visits.make(10)), { a: 5, b: 5 });
  await visits.until(Promise.all([a.pinged(a.pings + 10), b.pinged(b.pings + 10)]));
  assert.equal(visits.names.includes(""), false);
  assert.equal(sluice.events("group_down").length, 1);

  a.answer = () => "+PONG\r\n";
  await sluice.loggedEvents("group_up", 1);
  assert.deepEqual(countsOf(await visits.make(10)), { a: 10 });
  a.answer = fail;
  assert.equal((await sluice.loggedEvents("group_down", 2)).length, 2);
});

function isRetried({ attempts }: LoggedEvent): boolean {
  return attempts !== 1;
}

function stateChangeOf({ upstream, endpoint, cause }: LoggedEvent): unknown[] {
  return [upstream, endpoint, cause];
}
