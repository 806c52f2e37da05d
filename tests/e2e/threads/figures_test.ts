/** Counters, events and lists cover all threads, exactly. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { ConnectionPage, ConnectionView, SortKey } from "../../../src/admin/views.ts";
import { Admin } from "../../support/program/admin.ts";
import { eventually } from "../../support/eventually.ts";
import { Clients, NamedServers } from "../../support/peers/named_server.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { testThreads, threadOf } from "../../support/program/several_threads.ts";
import { connect, echo, endOf, readAll, upstream, writeAll } from "../../support/peers/sockets.ts";

/** How long a connection that was killed may stay, in milliseconds. */
const AT_ONCE = 1000;

const CONNECTIONS = 500;
/** So many that each of four threads has some, but for one run in ten million. */
const HELD = 60;
/** Clients at the same time. */
const CROWD = 50;

testThreads("200 connections reach every thread", async (threads) => {
  await using members = await NamedServers.start("a");
  await using sluice = await start(threads, `"${members.all[0]!.address}"`);
  using clients = await Clients.connect(sluice.port(), 200);
  assert.deepEqual(clients.counts, { a: 200 });
  const admin = new Admin(sluice);
  assert.equal((await admin.status()).threads, threads);
  const { total, connections } = await list(admin, "limit=1000");
  assert.deepEqual([total, connections.length], [200, 200]);
  for (let thread = 0; thread < threads; thread++) {
    const own = connections.filter((each) => threadOf(each, threads) === thread).length;
    // The kernel distributes clients at random: less than half a fair share happens once in ten thousand million runs.
    assert.ok(own >= 100 / threads, `${own} of 200 in thread ${thread}`);
  }
  await clients.checkAlive();
});

testThreads("sums, events and the access log are exact after 500 connections", async (threads) => {
  await using server = upstream(echo);
  await using denied = upstream(() => {});
  const directory = await Deno.makeTempDir();
  await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
  const path = join(directory, "access.log");
  await using sluice = await Sluice.withConfig(
    `
admin: { listen: 127.0.0.1:0 }
log: { access: { path: ${path}, format: json } }
services:
  - { name: open, listen: 0, upstream: "${server.address}" }
  - { name: denied, listen: 0, upstream: "${denied.address}", deny: 127.0.0.0/8 }
  - { name: broken, listen: 0, upstream: "127.0.0.1:1" }
`,
    [],
    { workers: threads },
  );
  const admin = new Admin(sluice);
  using events = await admin.events();
  // Every thread knows of the subscription once it has answered.
  await admin.connections();
  let bytes = 0;
  const converse = async (client: number) => {
    using conn = await connect(sluice.port(0));
    const request = new Uint8Array(client * 100);
    await Promise.all([writeAll(conn, request).then(() => conn.closeWrite()), readAll(conn)]);
    bytes += request.byteLength;
  };
  await crowd(converse);
  for (const service of [1, 2]) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      using conn = await connect(sluice.port(service));
      await endOf(conn);
    }));
  }
  const metrics = await eventually(
    "the end of all connections",
    () => admin.metrics(),
    (each) => each.sum("sluice_connections_active") === 0,
  );
  assert.equal(bytes, 100 * CONNECTIONS * (CONNECTIONS - 1) / 2);
  for (const way of ["upload", "download"]) assert.equal(metrics.sum("sluice_bytes_total", way), bytes);
  assert.equal(metrics.sum("sluice_connections_total", "open"), CONNECTIONS);
  assert.equal(metrics.sum("sluice_connections_closed_total", "client_closed"), CONNECTIONS);
  assert.equal(metrics.sum("sluice_connections_refused_total", "access_denied"), 20);
  assert.equal(metrics.sum("sluice_connections_failed_total", "connection_refused"), 20);
  assert.equal(metrics.sum("sluice_connections_total"), CONNECTIONS + 40);
  assert.equal(metrics.sum("sluice_connection_duration_seconds", "+Inf"), CONNECTIONS);
  assert.equal(metrics.sum("sluice_upstream_connects_total", server.address), CONNECTIONS);
  assert.equal(metrics.sum("sluice_endpoint_connections_active"), 0);
  assert.deepEqual((await admin.service()).bytes, { upload: bytes, download: bytes });
  assert.deepEqual(await admin.connections(), []);

  await sluice.stop();
  const seen = await events.ended();
  const ids = (type: string) =>
    seen.flatMap((event) => event.type === type && "id" in event ? [event.id] : []).toSorted(byNumber);
  const all = [...ids("closed"), ...ids("refused"), ...ids("failed")].toSorted(byNumber);
  assert.equal(new Set(all).size, CONNECTIONS + 40);
  assert.deepEqual(ids("opened"), all);
  assert.deepEqual(ids("connected"), ids("closed"));
  assert.deepEqual([ids("closed").length, ids("refused").length], [CONNECTIONS, 20]);
  assert.equal(seen.some(({ type }) => type === "dropped"), false);

  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line));
  const closed = lines.filter(({ event }) => event === "connection_closed");
  assert.deepEqual(closed.map(({ id }) => id).toSorted(byNumber), ids("closed"));
  assert.equal(closed.reduce((sum, { bytes_from_client }) => sum + bytes_from_client, 0), bytes);
  assert.equal(lines.filter(({ event }) => event === "connection_failed").length, 20);
});

testThreads("connections are listed, sorted and paged as those of one thread", async (threads) => {
  await using members = await NamedServers.start("ab");
  await using sluice = await start(threads, ...members.endpoints);
  using clients = await Clients.connect(sluice.port(), HELD);
  await clients.checkAlive();
  const admin = new Admin(sluice);
  const values: Partial<Record<SortKey, (view: ConnectionView) => number | string>> = {
    id: ({ id }) => id,
    client: ({ client }) => client,
    endpoint: ({ endpoint }) => endpoint!,
  };
  for (const [sort, valueOf] of Object.entries(values)) {
    for (const order of ["", "-"]) {
      const { connections } = await list(admin, `sort=${order}${sort}&limit=1000`);
      const expected = connections.toSorted((one, other) => {
        const [a, b] = [valueOf(one), valueOf(other)];
        if (a === b) return one.id - other.id;
        return (a < b ? -1 : 1) * (order === "" ? 1 : -1);
      });
      const idsOf = (all: readonly ConnectionView[]) => all.map(({ id }) => id);
      assert.equal(connections.length, HELD);
      assert.deepEqual(idsOf(connections), idsOf(expected), `${order}${sort}`);
      const pages: ConnectionView[] = [];
      for (let offset = 0; offset < HELD; offset += 7) {
        const page = await list(admin, `sort=${order}${sort}&limit=7&offset=${offset}`);
        assert.deepEqual([page.total, page.matching], [HELD, HELD]);
        pages.push(...page.connections);
      }
      assert.deepEqual(idsOf(pages), idsOf(expected), `${order}${sort} in pages`);
    }
  }
  const { matching } = await list(admin, `filter=${encodeURIComponent(members.all[0]!.address)}`);
  assert.equal(matching, HELD / 2);
});

testThreads("sluice kill ends connections of each thread, and no others", async (threads) => {
  await using members = await NamedServers.start("a");
  await using sluice = await start(threads, ...members.endpoints);
  const admin = new Admin(sluice);
  const held = await Promise.all(Array.from({ length: HELD }, () => connect(sluice.port())));
  using _held = new DisposableStack();
  for (const conn of held) _held.use(conn);
  const open = await eventually("all of them", () => admin.connections(), ({ length }) => length === HELD);
  for (let thread = 0; thread < threads; thread++) {
    const { id, client } = open.find((each) => threadOf(each, threads) === thread)!;
    assert.deepEqual(await admin.kill(id), { status: 200, text: `{"id":${id}}\n` });
    const conn = held.find(({ localAddr }) => client === `127.0.0.1:${localAddr.port}`)!;
    assert.equal(await within(AT_ONCE, "The end", endOf(conn)), "fin");
    // The client sees its end before the thread has accounted for it.
    await eventually("one less", () => admin.connections(), ({ length }) => length === HELD - 1 - thread);
    assert.equal((await admin.kill(id)).status, 404);
  }
  assert.deepEqual((await admin.service()).closed_by, { killed: threads });
});

testThreads("round_robin and least_connections are as fair over threads as in one", async (threads) => {
  await using members = await NamedServers.start("abcd");
  for (const balance of ["round_robin", "least_connections"]) {
    await using sluice = await start(threads, ...members.endpoints, balance);
    const admin = new Admin(sluice);
    const held: Clients[] = [];
    using stack = new DisposableStack();
    // One after the other, so that each sees the changes of those before it.
    for (let client = 0; client < HELD; client++) {
      held.push(stack.use(await Clients.connect(sluice.port(), 1)));
    }
    const names = held.flatMap(({ counts }) => Object.keys(counts));
    for (const name of "abcd") {
      assert.equal(names.filter((each) => each === name).length, HELD / 4, names.join(""));
    }
    const threadsUsed = new Set((await admin.connections()).map((each) => threadOf(each, threads)));
    assert.equal(threadsUsed.size, threads);
    if (balance !== "least_connections") continue;
    for (const clients of held) clients.leave("c");
    const active = async () => (await admin.metrics()).sum("sluice_connections_active");
    await eventually("them to have left", active, (count) => count === HELD * 3 / 4);
    for (let client = 0; client < HELD / 4; client++) {
      const next = stack.use(await Clients.connect(sluice.port(), 1));
      assert.deepEqual(next.counts, { c: 1 });
    }
  }
});

/** The last may be a policy. */
function start(threads: number, ...group: string[]): Promise<Sluice> {
  const endpoints = group.filter((each) => each.startsWith('"'));
  const balance = group.find((each) => !each.startsWith('"')) ?? "round_robin";
  return Sluice.withConfig(
    `
admin: { listen: 127.0.0.1:0 }
log: { level: warn }
upstreams: { group: { endpoints: [${endpoints.join(", ")}], balance: ${balance} } }
services: [{ name: test, listen: 0, upstream: group }]
`,
    [],
    { workers: threads },
  );
}

function list(admin: Admin, query: string): Promise<ConnectionPage> {
  return admin.view<ConnectionPage>(`connections?${query}`);
}

/** Runs the action for each client, so many at the same time. */
async function crowd(visit: (client: number) => Promise<void>): Promise<void> {
  let next = 0;
  const keepVisiting = async () => {
    while (next < CONNECTIONS) await visit(next++);
  };
  await Promise.all(Array.from({ length: CROWD }, keepVisiting));
}

function byNumber(one: number, other: number): number {
  return one - other;
}
