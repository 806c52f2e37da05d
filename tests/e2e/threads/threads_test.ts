/** Every kind of listener with several threads, and that the supervisor's messages reach all of them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, tlsClient } from "../../support/program/tls_termination.ts";
import type { ConnectionPage } from "../../../src/admin/views.ts";
import { Admin } from "../../support/program/admin.ts";
import { eventually } from "../../support/eventually.ts";
import { namesIn } from "../../support/program/directory.ts";
import {
  answeringServer,
  Clients,
  countsOf,
  type NamedServer,
  NamedServers,
} from "../../support/peers/named_server.ts";
import { Sluice, type StartOptions, within } from "../../support/program/program.ts";
import { testThreads, threadOf } from "../../support/program/several_threads.ts";
import {
  connect,
  echo,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

/** Far below the drain of 30 s that is proven not to be waited for, in milliseconds. */
const AT_ONCE = 10_000;

/** So many that each of four threads has some, but for one run in ten million. */
const HELD = 60;

for (const reset of ["close", "pass"]) {
  testThreads(
    `two services on port 0 have a port each, in every thread, with reset: ${reset}`,
    async (threads) => {
      await using members = await NamedServers.start("ab");
      const services = members.endpoints.map((address, index) =>
        `{ name: s${index}, listen: 0, reset: ${reset}, upstream: ${address} }`
      );
      await using sluice = await start(`services: [${services.join(", ")}]`, { workers: threads });
      assert.notEqual(sluice.port(0), sluice.port(1));
      using first = await Clients.connect(sluice.port(0), HELD);
      using second = await Clients.connect(sluice.port(1), HELD);
      assert.deepEqual([first.counts, second.counts], [{ a: HELD }, { b: HELD }]);
      for (const service of ["s0", "s1"]) {
        assert.deepEqual(await busyThreads(sluice, threads, service), everyThread(threads));
      }
    },
  );
}

testThreads("a unix socket is served by one thread, and its file is removed at the end", async (threads) => {
  await using server = upstream(echo);
  const directory = await Deno.makeTempDir({ dir: "/tmp" });
  await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
  const path = join(directory, "test.sock");
  await using sluice = await start(
    `services: [{ name: test, listen: ["unix:${path}", 0], upstream: "${server.address}" }]`,
    { workers: threads },
  );
  const unix = await Promise.all(Array.from({ length: 20 }, () => Deno.connect({ transport: "unix", path })));
  const tcp = await Promise.all(Array.from({ length: HELD }, () => connect(sluice.port(0, 1))));
  for (const conn of [...unix, ...tcp]) {
    await writeText(conn, "ping");
    assert.equal(await readText(conn, 4), "ping");
  }
  assert.deepEqual(await busyThreads(sluice, threads, "unix:"), [0]);
  assert.deepEqual(await busyThreads(sluice, threads, "127.0.0.1:"), everyThread(threads));
  for (const conn of [...unix, ...tcp]) conn.close();
  assert.equal((await sluice.stop()).code, 0);
  assert.deepEqual(await namesIn(directory), []);
});

for (const engine of ["node", "deno"] as const) {
  interopTest(`2 threads: TLS is terminated in each, with engine: ${engine}`, OPENSSL, async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const { cert, key } = await authority.issue({ name: NAME });
    const server = stack.use(upstream(echo));
    const tls = `tls: { cert: "${cert}", key: "${key}", engine: ${engine} }`;
    const sluice = stack.use(
      await start(`services: [{ name: test, listen: 0, upstream: "${server.address}", ${tls} }]`, {
        workers: 2,
      }),
    );
    await Promise.all(Array.from({ length: HELD / 2 }, async () => {
      const conn = stack.use(await tlsClient(sluice.port(), authority));
      await writeText(conn, "ping");
      assert.equal(await readText(conn, 4), "ping");
    }));
    assert.deepEqual(await busyThreads(sluice, 2), Deno.build.os === "linux" ? [0, 1] : [0]);
  });
}

testThreads(
  "drain and down of an endpoint apply in every thread once the request is answered",
  async (threads) => {
    await using members = await NamedServers.start("ab");
    const [a] = members.all as [NamedServer, NamedServer];
    await using sluice = await startGroup(members, threads);
    const admin = new Admin(sluice);
    using held = await Clients.connect(sluice.port(), HELD);
    assert.deepEqual(held.counts, { a: HELD / 2, b: HELD / 2 });
    for (const state of ["drain", "down"] as const) {
      await admin.setEndpoint(a.address, state);
      if (state === "drain") await held.checkAlive();
      const names = await Promise.all(Array.from({ length: HELD }, () => answeringServer(sluice.port())));
      assert.deepEqual(countsOf(names), { b: HELD });
      if (state === "down") assert.deepEqual(new Set(await held.ended("a")), new Set(["fin"]));
      await admin.setEndpoint(a.address, "up");
      const again = await Promise.all(Array.from({ length: HELD }, () => answeringServer(sluice.port())));
      assert.deepEqual(countsOf(again), { a: HELD / 2, b: HELD / 2 });
    }
    held.leave("a");
    await held.checkAlive();
  },
);

testThreads("on_down: close ends the connections of every thread", async (threads) => {
  await using members = await NamedServers.start("ab");
  const checks = ["health_check: { interval: 20ms, fall: 1, rise: 1 }", "on_down: close"];
  await using sluice = await startGroup(members, threads, checks);
  using held = await Clients.connect(sluice.port(), HELD);
  assert.deepEqual(await busyThreads(sluice, threads, members.all[0]!.address), everyThread(threads));
  await members.all[0]!.goDown();
  assert.deepEqual(await held.ended("a"), Array(HELD / 2).fill("fin"));
  held.leave("a");
  await held.checkAlive();
  const lines = await sluice.loggedEvents("connection_closed", HELD / 2);
  assert.deepEqual(new Set(lines.map(({ code }) => code)), new Set(["endpoint_down"]));
});

testThreads(
  "failures in all threads add up to eject an endpoint, in all threads",
  async (threads) => {
    await using members = await NamedServers.start("ab");
    const passive = `passive: { failures: ${2 * threads}, window: 1h, eject: 1h }`;
    await using sluice = await startGroup(members, threads, [passive]);
    await members.all[0]!.goDown();
    const names = await Promise.all(Array.from({ length: HELD }, () => answeringServer(sluice.port())));
    assert.deepEqual(countsOf(names), { b: HELD });
    await sluice.loggedEvents("endpoint_ejected", 1);
    // Earlier attempts are over: no thread tries it any more.
    const admin = new Admin(sluice);
    await eventually("all to have left", () => admin.connections(), ({ length }) => length === 0);
    const failures = async () => (await admin.metrics()).sum("sluice_upstream_failures_total");
    const before = await failures();
    assert.ok(before >= 2 * threads, `${before} failures`);
    for (let client = 0; client < HELD; client++) assert.equal(await answeringServer(sluice.port()), "b");
    assert.equal(await failures(), before);
    assert.equal(sluice.events("endpoint_ejected").length, 1);
  },
);

testThreads("SIGTERM lets transfers in every thread finish, and admits no new client", async (threads) => {
  const answer = new Uint8Array(1024 * 1024).fill(7);
  const released = Promise.withResolvers<void>();
  await using server = upstream(async (conn) => {
    await readText(conn, 4);
    await writeAll(conn, answer.subarray(0, 1000));
    await released.promise;
    await writeAll(conn, answer.subarray(1000));
    await conn.closeWrite();
  });
  await using sluice = await start(`services: [{ name: test, listen: 0, upstream: "${server.address}" }]`, {
    workers: threads,
  });
  const clients = await Promise.all(Array.from({ length: HELD }, async () => {
    const conn = await connect(sluice.port());
    await writeText(conn, "send");
    await readText(conn, 1000);
    return conn;
  }));
  assert.deepEqual(await busyThreads(sluice, threads), everyThread(threads));
  sluice.kill("SIGTERM");
  const stopping = JSON.parse(await sluice.logged('"event":"stopping"'));
  assert.equal(stopping.open, HELD);
  await assert.rejects(connect(sluice.port()), Deno.errors.ConnectionRefused);
  released.resolve();
  await Promise.all(clients.map(async (conn) => {
    const rest = await readAll(conn);
    assert.equal(rest.byteLength, answer.byteLength - 1000);
    conn.close();
  }));
  const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
  assert.equal(code, 0, stderr);
  assert.equal(sluice.events("connection_closed").length, HELD);
  assert.equal(JSON.parse(stderr.trimEnd().split("\n").at(-1)!).event, "stopped");
});

testThreads("a second SIGTERM closes open connections in every thread", async (threads) => {
  await using members = await NamedServers.start("a");
  await using sluice = await startGroup(members, threads);
  using held = await Clients.connect(sluice.port(), HELD);
  sluice.kill("SIGTERM");
  await sluice.logged('"event":"stopping"');
  await held.checkAlive();
  sluice.kill("SIGTERM");
  assert.deepEqual(new Set(await held.ended("a")), new Set(["fin"]));
  const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
  assert.equal(code, 0, stderr);
  assert.match(stderr, new RegExp(`"event":"stopped","cut":${HELD}`));
  const lines = sluice.events("connection_closed");
  assert.deepEqual(lines.map(({ code }) => code), Array(HELD).fill("shutdown"));
});

Deno.test("workers: auto starts a thread for each CPU if threads can share an address", async () => {
  await using members = await NamedServers.start("a");
  for (const options of [{ workers: "auto" }, { workers: 1 }] as const) {
    const keys = options.workers === 1 ? "workers: auto\n" : "";
    await using sluice = await start(
      `${keys}services: [{ name: test, listen: 0, upstream: ${members.endpoints} }]`,
      options,
    );
    const expected = Deno.build.os === "linux" ? navigator.hardwareConcurrency : 1;
    assert.equal((await new Admin(sluice).status()).threads, expected);
    assert.equal(await answeringServer(sluice.port()), "a");
    assert.equal(
      (await within(AT_ONCE, "Stopping", sluice.stop())).code,
      Deno.build.os === "windows" ? 1 : 0,
    );
  }
});

function start(yaml: string, options: StartOptions): Promise<Sluice> {
  return Sluice.withConfig(`admin: { listen: 127.0.0.1:0 }\nlog: { format: json }\n${yaml}`, [], options);
}

function startGroup(members: NamedServers, threads: number, group: string[] = []): Promise<Sluice> {
  const keys = [`endpoints: [${members.endpoints.join(", ")}]`, ...group].join(", ");
  return start(`upstreams: { group: { ${keys} } }\nservices: [{ name: test, listen: 0, upstream: group }]`, {
    workers: threads,
  });
}

function everyThread(threads: number): number[] {
  return Array.from({ length: threads }, (_, thread) => thread);
}

/** The threads that have connections with this text in their service, listener or endpoint. */
async function busyThreads(sluice: Sluice, threads: number, text = ""): Promise<number[]> {
  const { connections: all } = await new Admin(sluice).view<ConnectionPage>("connections?limit=1000");
  const matching = all.filter(({ service, listener, endpoint }) =>
    [service, listener, endpoint ?? ""].some((each) => each.includes(text))
  );
  return [...new Set(matching.map((each) => threadOf(each, threads)))].toSorted();
}
