/** Ending single connections from outside. */

import assert from "node:assert/strict";
import { Admin } from "../../support/program/admin.ts";
import { brief } from "../../support/program/event_reader.ts";
import { Clients, NamedServers } from "../../support/peers/named_server.ts";
import { Sluice, within, workers } from "../../support/program/program.ts";
import {
  blackHole,
  connect,
  endOf,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

/** How long a connection that was killed may stay, in milliseconds. */
const AT_ONCE = 1000;

for (const reset of ["close", "pass"]) {
  Deno.test(`a killed connection ends on both sides within a second, with reset: ${reset}`, async () => {
    const endings: Promise<string>[] = [];
    await using server = upstream(async (conn) => {
      await writeText(conn, await readText(conn, 4));
      endings.push(endOf(conn));
      await endings.at(-1);
    });
    await using sluice = await start(server.address, reset);
    const admin = new Admin(sluice);
    using events = await admin.events();
    using client = await connect(sluice.port());
    await exchange(client);
    const { id } = await admin.openConnection();
    using other = await connect(sluice.port());
    await exchange(other);
    const rest = (await admin.connections()).map((each) => each.id).filter((each) => each !== id);
    // Each thread has numbers of its own, and the other one may be of another thread.
    if (workers === 1) assert.deepEqual(rest, [id + 1]);
    assert.equal(rest.length, 1);

    assert.deepEqual(await admin.kill(id), { status: 200, text: `{"id":${id}}\n` });
    const both = await within(AT_ONCE, "The end of both sides", Promise.all([endOf(client), endings[0]!]));
    assert.deepEqual(both, ["fin", "fin"]);
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.deepEqual([line!.id, line!.code, line!.reason, line!.ended_by], [id, "killed", "killed", "proxy"]);
    // The event of the other thread may come last.
    const [closed] = (await events.until(({ type }) => type === "closed")).filter(({ type }) =>
      type === "closed"
    );
    assert.equal(brief(closed!), "closed killed");
    const { connections, closed_by } = await admin.service();
    assert.deepEqual([connections.total, connections.active, closed_by], [2, 1, { killed: 1 }]);

    const { status, text } = await admin.kill(id);
    assert.deepEqual([status, JSON.parse(text).error.code], [404, "no_such_connection"]);
    assert.deepEqual((await admin.connections()).map((each) => each.id), rest);
    await writeText(other, "more");
  });
}

Deno.test("a connection whose client does not read can be killed", async () => {
  await using server = upstream(async (conn) => {
    const chunk = new Uint8Array(1024 * 1024);
    for (;;) await writeAll(conn, chunk);
  });
  await using sluice = await start(server.address);
  const admin = new Admin(sluice);
  using client = await connect(sluice.port());
  await readText(client, 1);
  await admin.kill((await admin.openConnection()).id);
  await within(AT_ONCE, "Its line", sluice.loggedEvents("connection_closed", 1));
  assert.deepEqual(await admin.connections(), []);
});

Deno.test("a connection whose upstream does not answer can be killed", async () => {
  await using hole = await blackHole();
  await using sluice = await start(hole.address);
  const admin = new Admin(sluice);
  using events = await admin.events();
  using client = await connect(sluice.port());
  await events.until(({ type }) => type === "opened");
  const [connection] = await admin.connections();
  assert.equal(connection!.state, "connecting");
  assert.equal((await admin.kill(connection!.id)).status, 200);
  assert.equal(await within(AT_ONCE, "Its end", endOf(client)), "fin");
  const all = await events.until(({ type }) => type === "failed");
  assert.deepEqual(all.map(brief), ["opened", "failed killed"]);
  const { connections: counts, failed_by } = await admin.service();
  assert.deepEqual([counts.total, counts.failed, failed_by], [1, 0, { killed: 1 }]);
});

Deno.test("only the killed ones of a hundred connections end", async () => {
  await using members = await NamedServers.start("a");
  await using sluice = await start(members.all[0]!.address);
  const admin = new Admin(sluice);
  using stay = await Clients.connect(sluice.port(), 50);
  const staying = new Set((await admin.connections()).map(({ id }) => id));
  using go = await Clients.connect(sluice.port(), 50);
  const going = (await admin.connections()).map(({ id }) => id).filter((id) => !staying.has(id));
  assert.equal(going.length, 50);
  const answers = await Promise.all(going.map((id) => admin.kill(id)));
  assert.ok(answers.every(({ status }) => status === 200));
  const ends = await go.ended("a");
  assert.deepEqual([...new Set(ends)], ["fin"]);
  // Clients see their end before the thread has accounted for them.
  await sluice.loggedEvents("connection_closed", 50);
  assert.deepEqual((await admin.service()).closed_by, { killed: 50 });
  await stay.checkAlive();
});

function start(address: string, reset = "close"): Promise<Sluice> {
  return Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
log: { format: json }
services: [{ name: test, listen: 0, reset: ${reset}, connect_timeout: 0, upstream: "${address}" }]
`);
}

async function exchange(client: Deno.Conn): Promise<void> {
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
}
