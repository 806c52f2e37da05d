/** The counts of the program in its metrics and its API. */

import assert from "node:assert/strict";
import { interopTest, run } from "../../support/interop.ts";
import { Admin } from "../../support/program/admin.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { eventually } from "../../support/eventually.ts";
import { NamedServer } from "../../support/peers/named_server.ts";
import { echoAtEof } from "../../support/peers/echo_at_eof.ts";
import { Sluice } from "../../support/program/program.ts";
import {
  connect,
  echo,
  endOf,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

const ADMIN = "admin: { listen: 127.0.0.1:0 }\nlog: { level: error }\n";

Deno.test("metrics and API count while a connection is open", async () => {
  await using server = upstream(echo);
  await using sluice = await Sluice.withConfig(
    `${ADMIN}services: [{ name: test, listen: 0, upstream: "${server.address}" }]\n`,
  );
  const admin = new Admin(sluice);
  using client = await connect(sluice.port());
  for (const bytes of [700, 100_000]) {
    await writeText(client, "x".repeat(bytes));
    await readText(client, bytes);
    const total = bytes === 700 ? 700 : 100_700;
    const metrics = await admin.metrics();
    assert.equal(metrics.sum("sluice_bytes_total", "upload"), total);
    assert.equal(metrics.sum("sluice_bytes_total", "download"), total);
    assert.equal(metrics.sum("sluice_connections_active"), 1);
    const { connections, bytes: moved, closed_by } = await admin.service();
    assert.deepEqual(moved, { upload: total, download: total });
    assert.deepEqual([connections.total, connections.active, closed_by], [1, 1, {}]);
    const { client: address, state, endpoint, bytes: own } = await admin.openConnection();
    assert.deepEqual(own, { upload: total, download: total });
    assert.deepEqual([state, endpoint], ["open", server.address]);
    assert.equal(address, `127.0.0.1:${client.localAddr.port}`);
  }
});

Deno.test("metrics are exact after 600 connections that ended in several ways", async () => {
  await using server = upstream(async (conn) => {
    const request = await readAll(conn);
    // The first bytes contain the size of the answer, or an order to close without one.
    const wanted = new DataView(request.buffer).getUint32(0);
    await writeAll(conn, new Uint8Array(wanted));
  });
  await using sluice = await Sluice.withConfig(`${ADMIN}
services:
  - { name: open, listen: 0, upstream: "${server.address}" }
  - { name: closed, listen: 0, upstream: "${server.address}", deny: [0.0.0.0/0] }
  - { name: broken, listen: 0, upstream: "127.0.0.1:1" }
`);
  const admin = new Admin(sluice);
  let [upload, download] = [0, 0];
  const exchange = async () => {
    using client = await connect(sluice.port(0));
    const sent = 4 + Math.floor(Math.random() * 50_000);
    const wanted = Math.floor(Math.random() * 50_000);
    const request = new Uint8Array(sent);
    new DataView(request.buffer).setUint32(0, wanted);
    await writeAll(client, request);
    await client.closeWrite();
    assert.equal((await readAll(client)).byteLength, wanted);
    upload += sent;
    download += wanted;
  };
  const fail = async (service: number) => {
    using client = await connect(sluice.port(service));
    await endOf(client);
  };
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => index < 40 ? exchange() : fail(1 + index % 2)),
    );
  }
  const metrics = await eventually(
    "the end of all connections",
    () => admin.metrics(),
    (each) => each.sum("sluice_connections_active") === 0,
  );
  assert.equal(metrics.sum("sluice_bytes_total", "upload"), upload);
  assert.equal(metrics.sum("sluice_bytes_total", "download"), download);
  assert.equal(metrics.sum("sluice_connections_total", "open"), 400);
  assert.equal(metrics.sum("sluice_connections_closed_total", "open"), 400);
  assert.equal(metrics.sum("sluice_connections_closed_total", "client_closed"), 400);
  assert.equal(metrics.sum("sluice_connections_refused_total", "access_denied"), 100);
  assert.equal(metrics.sum("sluice_connections_failed_total", "connection_refused"), 100);
  assert.equal(metrics.sum("sluice_connections_total"), 600);
  assert.equal(metrics.sum("sluice_connection_duration_seconds", "+Inf"), 400);
  assert.equal(metrics.sum("sluice_upstream_connects_total", server.address), 400);
  assert.equal(metrics.sum("sluice_upstream_failures_total"), 100);
  assert.equal(metrics.sum("sluice_endpoint_connections_active"), 0);
  const { bytes, connections } = await admin.service();
  assert.deepEqual(bytes, { upload, download });
  assert.deepEqual([connections.total, connections.active, connections.failed], [400, 0, 0]);
  assert.deepEqual(await admin.connections(), []);
});

Deno.test("metrics have no more series after three thousand different clients", async () => {
  const [clients, atOnce] = [3_000, 300];
  const [KNOWN, UNKNOWN] = [".known.test", ".test"];
  await using server = upstream(echoAtEof);
  await using sluice = await Sluice.withConfig(`${ADMIN}
services:
  - name: test
    listen: 0
    routes: [{ sni: "*.known.test", upstream: "${server.address}" }]
`);
  const admin = new Admin(sluice);
  const visit = async (domain: string) => {
    using client = await connect(sluice.port());
    await writeAll(client, clientHello({ sni: `${crypto.randomUUID()}${domain}` }));
    if (domain === KNOWN) await client.closeWrite();
    await endOf(client);
  };
  await visit(KNOWN);
  await visit(UNKNOWN);
  const before = await admin.metrics();
  assert.equal(before.sum("sluice_connections_closed_total", "client_closed"), 1);
  assert.equal(before.sum("sluice_connections_refused_total", "no_route"), 1);
  let left = clients;
  const keepVisiting = async () => {
    while (left-- > 0) await visit(left % 10 === 0 ? KNOWN : UNKNOWN);
  };
  await Promise.all(Array.from({ length: atOnce }, keepVisiting));
  const after = await eventually(
    "the end of all connections",
    () => admin.metrics(),
    (each) => each.sum("sluice_connections_active") === 0,
  );
  assert.equal(after.sum("sluice_connections_total"), 2 + clients);
  assert.deepEqual(after.series, before.series);
});

const PROMTOOL = { needs: ["promtool"], install: "apt-get install prometheus" };

interopTest("promtool accepts the metrics of the program", PROMTOOL, async (stack) => {
  const a = stack.use(await NamedServer.start("a"));
  const sluice = stack.use(
    await Sluice.withConfig(`${ADMIN}
limits: { connections: 50 }
upstreams: { group: { endpoints: ["${a.address}", "127.0.0.1:1"], pool: { max_idle: 2 } } }
services:
  - { name: test, listen: 0, upstream: group, limits: { connections: 10 } }
  - { name: denied, listen: 0, upstream: "127.0.0.1:1", deny: [0.0.0.0/0] }
  - { name: broken, listen: 0, upstream: "127.0.0.1:1" }
`),
  );
  for (const service of [0, 0, 1, 2]) {
    using client = await connect(sluice.port(service));
    if (service === 0) await writeText(client, "NAME");
    if (service === 0) await readText(client, 1);
    else await endOf(client);
  }
  const text = await new Admin(sluice).metricsText();
  const { stderr, text: said } = await run("promtool", ["check", "metrics"], { input: text });
  assert.equal(stderr + said, "");
});
