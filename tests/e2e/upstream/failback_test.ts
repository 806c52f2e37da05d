import assert from "node:assert/strict";
import { Clients, type NamedServer, NamedServers } from "../../support/peers/named_server.ts";
import { Admin } from "../../support/program/admin.ts";
import { Sluice } from "../../support/program/program.ts";

const CHECK = "health_check: { interval: 50ms, rise: 1, fall: 1 }";

Deno.test("on_recover: close brings clients back to the lower tier, over the spread", async () => {
  await using servers = await NamedServers.start("abc");
  const [a, b, c] = servers.all as [NamedServer, NamedServer, NamedServer];
  await using sluice = await Sluice.beforeGroup(
    [`{ address: "${c.address}", tier: 7 }`, `"${a.address}"`, `{ address: "${b.address}", tier: 2 }`],
    [CHECK, "on_recover: { action: close, spread: 800ms }"],
  );
  await a.goDown();
  await sluice.logged('"event":"tier_changed","upstream":"group","tier":2');
  using atSecond = await Clients.connect(sluice.port(), 8);
  await b.goDown();
  await sluice.logged('"tier":7');
  using atThird = await Clients.connect(sluice.port(), 4);
  assert.deepEqual([atSecond.counts, atThird.counts], [{ b: 8 }, { c: 4 }]);
  await atSecond.checkAlive();
  const before = performance.now();
  a.comeBack();
  const ends = await Promise.all([atSecond.ended("b"), atThird.ended("c")]);
  assert.deepEqual([...new Set(ends.flat())], ["fin"]);
  const closed = await sluice.loggedEvents("connection_closed", 12);
  assert.deepEqual([...new Set(closed.map(({ code }) => code))], ["failback"]);
  assert.deepEqual([...new Set(closed.map(({ ended_by }) => ended_by))], ["proxy"]);
  assert.ok(performance.now() - before > 700, "the last of them had the whole spread");
  const [failback] = await sluice.loggedEvents("failback", 1);
  assert.deepEqual([failback!.tier, failback!.connections, failback!.spread_ms], [0, 12, 800]);
  using back = await Clients.connect(sluice.port(), 4);
  assert.deepEqual(back.counts, { a: 4 });
  await back.checkAlive();
});

Deno.test("drain_idle closes connections of a drained endpoint that are idle, and leaves busy ones alone", async () => {
  await using servers = await NamedServers.start("ab");
  const [a] = servers.all as [NamedServer];
  const [first, second] = servers.all.map(({ address }) => address);
  await using sluice = await Sluice.withConfig(`
log: { format: json }
admin: { listen: "127.0.0.1:0" }
upstreams: { group: { endpoints: ["${first}", { address: "${second}", tier: 1 }], drain_idle: 400ms } }
services: [{ name: test, listen: 0, upstream: group }]
`);
  using idle = await Clients.connect(sluice.port(), 4);
  using busy = await Clients.connect(sluice.port(), 1);
  assert.deepEqual([idle.counts, busy.counts], [{ a: 4 }, { a: 1 }]);
  const { status } = await new Admin(sluice).ask("POST", `/api/v1/upstreams/group/${a.address}`, {
    state: "drain",
  });
  assert.equal(status, 200);
  const ended = idle.ended("a");
  let isOver = false;
  void ended.then(() => isOver = true);
  while (!isOver) await busy.checkAlive();
  assert.deepEqual([...new Set(await ended)], ["fin"]);
  await busy.checkAlive();
  const closed = await sluice.loggedEvents("connection_closed", 4);
  assert.deepEqual([...new Set(closed.map(({ code }) => code))], ["drain_idle"]);
});
