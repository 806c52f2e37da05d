/** Every end of a connection releases its slot; and clients that wait for one. */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { type TestClient, type TestClientOptions, TestClients } from "../../support/peers/test_client.ts";
import { NamedServer } from "../../support/peers/named_server.ts";
import { Sluice, within } from "../../support/program/program.ts";
import {
  blackHole,
  connect,
  endOf,
  readText,
  tryClose,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs prlimit, which Linux has)";
const isWindows = Deno.build.os === "windows";

/** The connection limit of each service of these tests. */
const LIMIT = 3;

for (const reset of ["close", "pass"]) {
  Deno.test(`a slot of the limit is released however a connection ends, with reset: ${reset}`, async () => {
    await using a = await NamedServer.start("a");
    await using sluice = await Sluice.withConfig(`
services:
  - { name: plain, listen: 0, reset: ${reset}, limits: { connections: ${LIMIT} }, upstream: "${a.address}" }
  - name: header
    listen: 0
    reset: ${reset}
    limits: { connections: ${LIMIT}, connections_per_client: ${LIMIT} }
    deny: 192.0.2.66
    accept_proxy_protocol: { from: 127.0.0.1, timeout: 200ms }
    upstream: "${a.address}"
`);
    const [plain, header] = [sluice.port(0), sluice.port(1)];
    using clients = new TestClients();
    for (const client of await fill(clients, plain)) client[Symbol.dispose]();
    for (const client of await fill(clients, plain)) client.reset();
    for (const client of await fill(clients, plain)) client[Symbol.dispose]();
    await a.goDown();
    await eventually("the upstream to refuse", () => turnedAway(clients, plain), (code) => {
      return code && sluice.stderr.includes("code=connection_refused");
    });
    a.comeBack();
    await fill(clients, plain);
    // Nothing until the timeout, a wrong header, half a header, and one of a denied client.
    for (const bytes of ["", "GET / HTTP/1.1\r\n", "PROXY TCP4 192.0", headerOf("192.0.2.66")]) {
      const refused = await Promise.all(Array.from({ length: LIMIT }, () => connect(header)));
      for (const client of refused) if (bytes !== "") await writeText(client, bytes);
      await Promise.all(refused.map(endOf));
      refused.forEach(tryClose);
      const from = { header: headerOf("192.0.2.1") };
      for (const client of await fill(clients, header, from)) client.reset();
    }
  });

  Deno.test(`limits.lifetime ends busy and idle connections in time, with reset: ${reset}`, async () => {
    await using server = upstream(async (conn) => {
      await writeText(conn, "N");
      // Never idle, but not so fast that it keeps the machine busy.
      for (;; await pause(1)) await conn.write(new Uint8Array(1024));
    });
    await using silent = await NamedServer.start("a");
    const limits = `limits: { connections: ${LIMIT}, lifetime: 1s }`;
    await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - { name: busy, listen: 0, reset: ${reset}, ${limits}, upstream: "${server.address}" }
  - { name: idle, listen: 0, reset: ${reset}, ${limits}, upstream: "${silent.address}" }
`);
    using clients = new TestClients();
    const began = performance.now();
    const busy = await fill(clients, sluice.port(0));
    const idle = await fill(clients, sluice.port(1));
    const connected = performance.now();
    const ends = await Promise.all([...busy, ...idle].map(({ ended }) => ended));
    // The program's clock began with each connection: after this one's first reading, before its second.
    assert.ok(Math.min(...ends) - began >= 995, `${Math.min(...ends) - began} ms`);
    assert.ok(Math.max(...ends) - connected <= 1200, `${Math.max(...ends) - connected} ms`);
    await fill(clients, sluice.port(0));
    await fill(clients, sluice.port(1));
    const lines = await sluice.loggedEvents("connection_closed", 2 * LIMIT);
    for (const { code, reason, duration_ms } of lines.slice(0, 2 * LIMIT)) {
      assert.deepEqual({ code, reason }, { code: "lifetime", reason: "lifetime over" });
      assert.ok(Number(duration_ms) >= 995 && Number(duration_ms) <= 1200, `${duration_ms} ms`);
    }
  });
}

Deno.test({
  name: "a client in the queue does not keep the program from stopping",
  ignore: isWindows,
  async fn() {
    await using a = await NamedServer.start("a");
    await using sluice = await Sluice.before(a.address, ["limits: { connections: 1, when_full: wait }"]);
    const inside = await connect(sluice.port());
    await writeText(inside, "NAME");
    assert.equal(await readText(inside, 1), "a");
    const waiting = await Promise.all(Array.from({ length: 5 }, () => connect(sluice.port())));
    const ends = Promise.all(waiting.map(endOf));
    sluice.kill("SIGTERM");
    await within(2000, "the end of those that wait", ends);
    await writeText(inside, "more");
    assert.equal(await readText(inside, 4), "more");
    inside.close();
    const { code, stderr } = await within(2000, "the stop", sluice.ended());
    assert.equal(code, 0, stderr);
    assert.equal(a.clients, 1);
    const failed = stderr.split("\n").filter((line) => line.includes("event=connection_failed"));
    assert.deepEqual(
      failed.map((line) => /code=.*$/.exec(line)![0]),
      Array(waiting.length).fill("code=shutdown"),
    );
    for (const client of waiting) tryClose(client);
  },
});

Deno.test({
  name: `more connections than descriptors allow are an error at start with a remedy${onLinux}`,
  ignore: !isLinux,
  async fn() {
    await using a = await NamedServer.start("a");
    const start = (connections: number, nofile: number) =>
      Sluice.withConfig(
        `limits: { connections: ${connections} }\nservices: [{ name: test, listen: 0, upstream: "${a.address}" }]`,
        [],
        { wrapper: ["prlimit", `--nofile=${nofile}`] },
      );
    await assert.rejects(start(1000, 64), (error: Error) => {
      assert.match(error.message, /ended with code 1 before it was ready/);
      assert.match(error.message, /Cannot have 1000 connections \(limits\.connections\)/);
      assert.match(error.message, /ulimit -n \d+/);
      assert.doesNotMatch(error.message, /listening on|\n {4}at /);
      return true;
    });
    await using sluice = await start(10, 128);
    using clients = new TestClients();
    assert.equal((await clients.connectMany(sluice.port(), 20)).filter(Boolean).length, 10);
  },
});

function headerOf(address: string): string {
  return `PROXY TCP4 ${address} 192.0.2.2 1 2\r\n`;
}

async function turnedAway(clients: TestClients, port: number): Promise<boolean> {
  return (await clients.connect(port)).name === "";
}

/** Connects as many clients as the limit allows, each as soon as there is a slot. The next is refused. */
async function fill(clients: TestClients, port: number, options?: TestClientOptions): Promise<TestClient[]> {
  const all: TestClient[] = [];
  while (all.length < LIMIT) {
    all.push(await eventually("a place", () => clients.connect(port, options), ({ name }) => name !== ""));
  }
  assert.equal((await clients.connect(port, options)).name, "");
  return all;
}

Deno.test("limits.lifetime that passes during a dial releases the slot at once", async () => {
  await using hole = await blackHole();
  await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 0
    connect_timeout: 1h
    limits: { connections: 1, lifetime: 1s }
    upstream: "${hole.address}"
`);
  for (let round = 1; round <= 2; round++) {
    using client = await connect(sluice.port());
    assert.equal(await endOf(client), "fin");
    const lines = await sluice.loggedEvents("connection_failed", round);
    assert.equal(lines[round - 1]!.code, "lifetime");
  }
});
