/** Connections to the admin interface: they take no descriptor that a client of a service needs. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Admin } from "../../../support/program/admin.ts";
import { eventually } from "../../../support/eventually.ts";
import { descriptorsReach, settledDescriptors } from "../../../support/peers/descriptors.ts";
import { PATIENCE } from "../../../support/peers/line_reader.ts";
import { Sluice, within } from "../../../support/program/program.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  tryClose,
  upstream,
  writeText,
} from "../../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs prlimit, which Linux has)";

const TOKEN = "correct-horse-battery";
/** More than there are descriptors. */
const SILENT = 300;
const DESCRIPTORS = 256;
/** Clients of the service, each with an upstream: with them and the admin interface nearly all are in use. */
const CLIENTS = 55;
/** `admin.max_connections`, unless it is given. */
const MOST = 64;
/** Milliseconds after which a connection without a request is closed, looked at once a second. */
const HEAD_DEADLINE = 10_000;
const LATE = 15_000;

Deno.test({
  name:
    `silent connections to a TCP port or a unix socket of the admin interface block no client, and end${onLinux}`,
  ignore: !isLinux,
  // At the same time, because both wait for the deadline.
  fn: async () => {
    await Promise.all([silentConnections("a TCP port"), silentConnections("a unix socket")]);
  },
});

Deno.test({
  name:
    `a client takes the descriptor of a silent connection to the admin interface when none is free${onLinux}`,
  ignore: !isLinux,
  fn: async () => {
    await using server = upstream(echo);
    await using sluice = await Sluice.withConfig(
      "admin: { listen: 127.0.0.1:0 }\n" +
        `services: [{ name: test, listen: 0, upstream: "${server.address}" }]\n`,
      [],
      { wrapper: ["prlimit", `--nofile=${DESCRIPTORS}`] },
    );
    const before = await settledDescriptors(sluice.pid);
    const silent = await Promise.all(Array.from({ length: MOST / 2 }, () => knock(sluice)));
    // One that waits to be accepted has no descriptor that could be freed.
    assert.equal(await descriptorsReach(sluice.pid, before + MOST / 2), before + MOST / 2);
    const ends = silent.map((conn) => endOf(conn));
    const clients = await Promise.all(Array.from({ length: DESCRIPTORS }, () => connect(sluice.port())));
    try {
      await within(HEAD_DEADLINE - 2000, "the end of silent connections", Promise.all(ends));
    } finally {
      for (const conn of [...silent, ...clients]) tryClose(conn);
      await Promise.all(ends);
    }
    await eventually("a client served again", async () => {
      using client = await connect(sluice.port());
      await writeText(client, "x");
      return await readText(client, 1).catch(() => "");
    }, (text) => text === "x");
  },
});

Deno.test("event streams count as connections, and leave half of them to requests", async () => {
  await using sluice = await Sluice.withConfig(
    "admin: { listen: 127.0.0.1:0, max_connections: 8 }\n" +
      'services: [{ name: test, listen: 0, upstream: "127.0.0.1:1" }]\n',
  );
  const admin = new Admin(sluice);
  const streams = await Promise.all(Array.from({ length: 4 }, () => admin.events()));
  const { status, text } = await admin.ask("GET", "/api/v1/events");
  assert.equal(status, 503);
  assert.equal(JSON.parse(text).error.code, "too_many_streams");
  const bodies = await Promise.all(Array.from({ length: 4 }, async () => {
    const conn = await knock(sluice);
    const head = "POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n";
    await writeText(conn, `${head}Expect: 100-continue\r\n\r\n`);
    assert.equal(await readText(conn, 12), "HTTP/1.1 100");
    return conn;
  }));
  // Now all have a request in progress: there is no slot, and no connection is evicted.
  using refused = await knock(sluice);
  assert.equal(await readText(refused, 12), "HTTP/1.1 503");
  assert.match(await sluice.logged("admin_connection_refused"), /max_connections/);
  for (const conn of bodies) conn.close();
  const answer = await eventually(
    "an answer",
    () => admin.ask("GET", "/healthz").catch(() => undefined),
    (answer) => answer?.status === 200,
  );
  assert.equal(answer!.status, 200);
  for (const stream of streams) stream[Symbol.dispose]();
});

async function silentConnections(where: "a TCP port" | "a unix socket"): Promise<void> {
  await using server = upstream(echo);
  await using folder = await temporaryFolder();
  const listen = where === "a TCP port" ? "127.0.0.1:0" : `unix:${join(folder.path, "admin.sock")}`;
  await using sluice = await Sluice.withConfig(
    `admin: { listen: "${listen}", token: ${TOKEN} }\n` +
      `services: [{ name: test, listen: 0, upstream: "${server.address}" }]\n`,
    [],
    { wrapper: ["prlimit", `--nofile=${DESCRIPTORS}`] },
  );
  const began = performance.now();
  const silent = await Promise.all(Array.from({ length: SILENT }, () => knock(sluice)));
  const ends = silent.map((conn) => endOf(conn));
  try {
    await Promise.all(Array.from({ length: CLIENTS }, async () => {
      using client = await connect(sluice.port());
      await writeText(client, "hello");
      assert.equal(await within(PATIENCE, "an answer", readText(client, 5)), "hello");
    }));
    const admin = new Admin(sluice, { authorization: `Bearer ${TOKEN}` });
    assert.equal((await admin.status()).state, "running");
    assert.ok(performance.now() - began < HEAD_DEADLINE, "too slow for a verdict");
    // Connections above the limit have already ended; the others end at their timeout.
    await Promise.all(ends);
    const lasted = performance.now() - began;
    assert.ok(lasted > HEAD_DEADLINE - 1000 && lasted < HEAD_DEADLINE + LATE, `${lasted} ms`);
  } finally {
    for (const conn of silent) tryClose(conn);
    await Promise.all(ends);
  }
}

async function knock(sluice: Sluice): Promise<Deno.Conn> {
  const address = sluice.ready.admin!;
  return address.startsWith("unix:")
    ? await Deno.connect({ transport: "unix", path: address.slice("unix:".length) })
    : await connect(Number(/\d+$/.exec(address)![0]));
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "sluice-admin-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
