/** Readiness, and how the program stops when it has an admin interface. */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Admin } from "../../support/program/admin.ts";
import { brief } from "../../support/program/event_reader.ts";
import { eventually } from "../../support/eventually.ts";
import { Sluice, within } from "../../support/program/program.ts";
import {
  connect,
  echo,
  readAll,
  readText,
  refusingAddress,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

/** Far below the drain of 30 s, in milliseconds. */
const AT_ONCE = 10_000;

/** The time limit for a signal to end a program, in milliseconds: a signal that does not end it has no other sign. */
const SIGNAL_TAKEN = 100;

const READY = { status: 200, text: '{"ready":true,"not_ready":[]}\n' };
const DRAINING = { status: 503, text: '{"ready":false,"not_ready":["draining"]}\n' };

const WAYS: Record<string, (sluice: Sluice, admin: Admin) => unknown> = {
  "SIGTERM": (sluice) => sluice.kill("SIGTERM"),
  "POST /api/v1/drain": async (_sluice, admin) => {
    const answer = await admin.ask("POST", "/api/v1/drain");
    assert.deepEqual(answer, { status: 202, text: '{"state":"draining"}\n' });
  },
};

for (const [way, drain] of Object.entries(WAYS)) {
  testUnix(
    `${way} ends readiness at once, keeps open connections, ends streams in order, and exits with code 0`,
    async () => {
      await using server = upstream(echo);
      await using sluice = await start(server.address);
      const admin = new Admin(sluice);
      using events = await admin.events();
      using client = await connect(sluice.port());
      await exchange(client);
      assert.deepEqual(await admin.ask("GET", "/readyz"), READY);

      await drain(sluice, admin);
      const seen = await events.until(({ type }) => type === "drain");
      assert.deepEqual(seen.at(-1), { type: "drain", time: seen.at(-1)!.time, open: 1 });
      assert.deepEqual(await admin.ask("GET", "/readyz"), DRAINING);
      assert.equal((await admin.ask("GET", "/healthz")).status, 200);
      assert.deepEqual([(await admin.status()).state, (await admin.service()).state], [
        "draining",
        "draining",
      ]);
      await sluice.logged('"event":"stopping"');
      await assert.rejects(connect(sluice.port()), Deno.errors.ConnectionRefused);
      await exchange(client);
      assert.equal((await admin.metrics()).sum("sluice_connections_active"), 1);

      await client.closeWrite();
      await readAll(client);
      const all = await events.ended();
      assert.deepEqual(all.map(brief), ["opened", "connected", "drain", "closed client_closed"]);
      const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
      assert.equal(code, 0, stderr);
      assert.match(stderr, /"event":"stopped","cut":0/);
    },
  );
}

Deno.test("a drain without open connections is answered, sends its event, and ends at once", async () => {
  for (let round = 0; round < 5; round++) {
    await using sluice = await start("127.0.0.1:1");
    const admin = new Admin(sluice);
    using events = await admin.events();
    assert.equal((await admin.ask("POST", "/api/v1/drain")).status, 202);
    assert.deepEqual((await events.ended()).map(({ type }) => type), ["drain"]);
    const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
    assert.equal(code, 0, stderr);
  }
});

Deno.test("the deadline of a drain replaces shutdown.drain, also during the drain", async () => {
  await using server = upstream(echo);
  for (const orders of [[{ deadline: "1s" }], [undefined, { deadline: 100_000 }, { deadline: "1s" }]]) {
    await using sluice = await start(server.address);
    using client = await connect(sluice.port());
    await exchange(client);
    const admin = new Admin(sluice);
    for (const order of orders) assert.equal((await admin.ask("POST", "/api/v1/drain", order)).status, 202);
    await exchange(client);
    const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
    assert.equal(code, 0);
    assert.match(stderr, /"event":"stopped","cut":1/);
  }
});

testUnix("a signal after POST /api/v1/drain lets the drain continue, a second one ends it", async () => {
  await using server = upstream(echo);
  await using sluice = await start(server.address);
  const admin = new Admin(sluice);
  using client = await connect(sluice.port());
  await exchange(client);
  await admin.ask("POST", "/api/v1/drain");
  // Like an orchestrator whose hook has requested the drain.
  sluice.kill("SIGTERM");
  await pause(SIGNAL_TAKEN);
  await exchange(client);
  assert.deepEqual(await admin.ask("GET", "/readyz"), DRAINING);
  sluice.kill("SIGTERM");
  const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
  assert.equal(code, 0);
  assert.match(stderr, /"event":"stopped","cut":1/);
});

testUnix(
  "requests for stop, kill and state in a burst are all answered, and the program ends in order",
  async () => {
    await using server = upstream(echo);
    await using sluice = await start(server.address);
    const admin = new Admin(sluice);
    using client = await connect(sluice.port());
    await exchange(client);
    const drains = Array.from({ length: 20 }, () => admin.ask("POST", "/api/v1/drain"));
    const views = Array.from({ length: 20 }, () => admin.ask("GET", "/api/v1/status"));
    const answers = await Promise.all([...drains, ...views]);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202, 200]);
    client.close();
    assert.equal((await within(AT_ONCE, "Stopping", sluice.ended())).code, 0);
  },
);

testUnix("SIGHUP and SIGUSR2 end neither the program nor its connections", async () => {
  await using server = upstream(echo);
  await using sluice = await start(server.address);
  const admin = new Admin(sluice);
  using client = await connect(sluice.port());
  await exchange(client);
  for (const signal of ["SIGHUP", "SIGUSR2", "SIGHUP", "SIGUSR2"] as const) {
    sluice.kill(signal);
    await pause(SIGNAL_TAKEN);
    await exchange(client);
    assert.deepEqual(await admin.ask("GET", "/readyz"), READY);
  }
  assert.equal((await admin.service()).connections.active, 1);
});

Deno.test("the program is ready when every first health check has ended, successfully or not", async () => {
  const released = Promise.withResolvers<void>();
  await using slow = upstream(async (conn) => {
    await released.promise;
    await writeText(conn, "+PONG\r\n");
    await readAll(conn);
  });
  await using refusing = await refusingAddress();
  await using sluice = await Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
upstreams:
  group:
    endpoints: ["${slow.address}", "${refusing.address}"]
    health_check: { expect: "+PONG", timeout: 20s }
services: [{ name: test, listen: 0, upstream: group }]
`);
  const admin = new Admin(sluice);
  assert.deepEqual(await admin.ask("GET", "/readyz"), {
    status: 503,
    text: '{"ready":false,"not_ready":["group: the first health checks are under way"]}\n',
  });
  assert.equal((await admin.ask("GET", "/healthz")).status, 200);
  released.resolve();
  await eventually("readiness", () => admin.ask("GET", "/readyz"), ({ status }) => status === 200);
  assert.deepEqual(await admin.ask("GET", "/readyz"), READY);
});

function start(address: string): Promise<Sluice> {
  return Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
log: { format: json }
services: [{ name: test, listen: 0, upstream: "${address}" }]
`);
}

async function exchange(client: Deno.Conn): Promise<void> {
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
}

/** Windows has no such signals. */
function testUnix(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} (needs Unix)`, ignore: Deno.build.os === "windows", fn });
}
