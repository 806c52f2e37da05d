/** TLS from clients, up to the end of the handshake: every way that it can fail, and what stays open then. */

import assert from "node:assert/strict";
import { connect as connectNode } from "node:net";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { descriptorsReach, settledDescriptors } from "../../support/peers/descriptors.ts";
import * as by from "../../support/bytes/proxy_headers.ts";
import { connect, endOf, readAll, readText, writeAll, writeText } from "../../support/peers/sockets.ts";
import { type CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, terminating, tlsClient } from "../../support/program/tls_termination.ts";
import { Path } from "./slow_path.ts";

const HELLO = clientHello({ sni: NAME });
/** What counts as "at once", in milliseconds. */
const AT_ONCE = 2000;

for (const engine of ["node", "deno"] as const) {
  const how = engine === "node" ? "node:tls" : "Deno.listenTls";
  const tls = () => [`engine: ${engine}`];

  interopTest(
    `clients that leave in the handshake leave nothing behind, with ${how}`,
    OPENSSL,
    async (stack) => {
      const { authority, sluice } = await terminating(stack, {
        tls,
        service: ["limits: { connections: 4 }"],
      });
      await ping(sluice.port(), authority);
      const before = await settledDescriptors(sluice.pid);
      const ways: ((port: number) => Promise<void>)[] = [
        (port) => leave(port, new Uint8Array(0), "end"),
        (port) => leave(port, new Uint8Array(0), "reset"),
        (port) => leave(port, HELLO.subarray(0, 60), "end"),
        (port) => leave(port, HELLO.subarray(0, 60), "reset"),
        (port) => leave(port, HELLO, "end"),
        (port) => leave(port, HELLO, "reset"),
        (port) => plain(port),
      ];
      for (let count = 0; count < 70; count++) await ways[count % ways.length]!(sluice.port());
      assert.equal(await descriptorsReach(sluice.pid, before), before);
      // None of them holds one of the four places either.
      await Promise.all([1, 2, 3, 4].map(() => ping(sluice.port(), authority)));
    },
  );

  interopTest(
    `limits.connections holds for 200 TLS clients at once, with ${how}`,
    OPENSSL,
    async (stack) => {
      let open = 0;
      let most = 0;
      const { authority, sluice } = await terminating(stack, {
        tls,
        service: ["limits: { connections: 50 }"],
        handle: async (conn) => {
          most = Math.max(most, ++open);
          await writeText(conn, "in");
          await endOf(conn);
          open -= 1;
        },
      });
      using clients = new DisposableStack();
      const enter = async () => {
        const client = clients.use(await tlsClient(sluice.port(), authority));
        return await readText(client, 2);
      };
      const all = await Promise.allSettled(Array.from({ length: 200 }, enter));
      assert.deepEqual([all.filter(({ status }) => status === "fulfilled").length, most], [50, 50]);
      const [line] = await sluice.loggedEvents("connection_refused", 1);
      assert.equal(line!.code, "connection_limit");
      clients.dispose();
      await sluice.loggedEvents("connection_closed", 50);
      using next = await tlsClient(sluice.port(), authority);
      assert.equal(await readText(next, 2), "in");
    },
  );

  interopTest(`when_full: wait serves every TLS client, with ${how}`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, {
      tls,
      service: ["limits: { connections: 2, when_full: wait }"],
    });
    await Promise.all(Array.from({ length: 20 }, () => ping(sluice.port(), authority)));
    assert.deepEqual(sluice.events("connection_refused"), []);
  });

  interopTest(`handshakes under way do not delay a second SIGTERM, with ${how}`, OPENSSL, async (stack) => {
    const { sluice } = await terminating(stack, { tls });
    using clients = new DisposableStack();
    for (let count = 0; count < 10; count++) {
      const client = clients.use(await connect(sluice.port()));
      await writeAll(client, HELLO.subarray(0, count * 6));
    }
    sluice.kill("SIGTERM");
    await sluice.logged("no longer accepting");
    const began = performance.now();
    sluice.kill("SIGTERM");
    const { code } = await sluice.ended();
    assert.equal(code, 0);
    assert.ok(performance.now() - began < AT_ONCE);
  });
}

interopTest("a lifetime ends a handshake", OPENSSL, async (stack) => {
  const { sluice } = await terminating(stack, { service: ["limits: { lifetime: 1s }"] });
  using client = await connect(sluice.port());
  await writeAll(client, HELLO.subarray(0, 60));
  assert.equal(await endOf(client), "fin");
  const [line] = await sluice.loggedEvents("connection_failed", 1);
  assert.equal(line!.code, "lifetime");
});

for (const names of [[], [["other.test"]]]) {
  const count = names.length + 1;

  interopTest(`a handshake may come byte by byte, ${count} certificates`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, { names });
    const path = stack.use(new Path(sluice.port(), { singly: 800 }));
    await ping(path.port, authority, names[0]?.[0]);
  });

  interopTest(
    `a ClientHello may be of 17 KB, in two records, ${count} certificates`,
    OPENSSL,
    async (stack) => {
      const { authority, sluice } = await terminating(stack, { names });
      const alpn = Array.from({ length: 170 }, (_, index) => `${index}`.padEnd(100, "x"));
      const hostname = names[0]?.[0] ?? NAME;
      using client = await tlsClient(sluice.port(), authority, { hostname, alpn });
      await writeText(client, "ping");
      assert.equal(await readText(client, 4), "ping");
    },
  );

  interopTest(
    `a PROXY header may come with the ClientHello, ${count} certificates`,
    OPENSSL,
    async (stack) => {
      const { authority, sluice } = await terminating(stack, {
        names,
        service: ["accept_proxy_protocol: { from: 127.0.0.1 }"],
      });
      const addresses = by.ipv4Block("192.0.2.7", "198.51.100.1", [1234, 443]);
      const preface = by.bytesOf(by.binaryHeader(by.PROXY, by.TCP4, addresses));
      const path = stack.use(new Path(sluice.port(), { preface, singly: 800 }));
      await ping(path.port, authority, names[0]?.[0]);
      const [line] = await sluice.loggedEvents("connection_closed", 1);
      assert.equal(line!.client, "192.0.2.7:1234");
    },
  );

  interopTest(
    `a handshake keeps the certificate it began with, ${count} certificates`,
    OPENSSL,
    async (stack) => {
      const { authority, pair, sluice } = await terminating(stack, { names });
      const path = stack.use(new Path(sluice.port(), { stopAfter: 100 }));
      const begun = tlsClient(path.port, authority);
      await path.stopped;
      // This client's first bytes came before the next client connects, so sluice reads them before it serves that one.
      await ping(sluice.port(), authority);
      const next = await authority.issue({ name: "next.test" });
      await Deno.copyFile(next.cert, pair.cert);
      await Deno.copyFile(next.key, pair.key);
      await sluice.loggedEvents("certificate_reloaded", 1);
      await ping(sluice.port(), authority, "next.test");
      path.open();
      using client = await begun;
      await writeText(client, "ping");
      assert.equal(await readText(client, 4), "ping");
    },
  );

  interopTest(
    `a client that stops in its ClientHello is closed in time, ${count} certificates`,
    OPENSSL,
    async (stack) => {
      const { sluice } = await terminating(stack, { names, tls: () => ["handshake_timeout: 300ms"] });
      for (const length of [0, 3, 100]) {
        using client = await connect(sluice.port());
        await writeAll(client, HELLO.subarray(0, length));
        assert.equal(await endOf(client), "fin");
      }
      const lines = await sluice.loggedEvents("connection_refused", 3);
      assert.deepEqual(new Set(lines.map(({ code }) => code)), new Set(["tls_handshake_timeout"]));
    },
  );
}

/** Completes a handshake, and receives what it sends. */
async function ping(port: number, authority: CertificateAuthority, hostname = NAME): Promise<void> {
  using client = await tlsClient(port, authority, { hostname });
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  await client.closeWrite();
  await readAll(client);
}

/** A client that speaks no TLS, until sluice closes it. */
async function plain(port: number): Promise<void> {
  using client = await connect(port);
  await writeText(client, "GET / HTTP/1.0\r\n\r\n");
  await endOf(client);
}

/** A client that sends `bytes` and is gone. */
async function leave(port: number, bytes: Uint8Array, how: "end" | "reset"): Promise<void> {
  const socket = connectNode(port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await new Promise((resolve) => socket.once("connect", resolve));
  await new Promise((resolve) => socket.write(bytes, resolve));
  if (how === "reset") socket.resetAndDestroy();
  else socket.end().resume();
  await closed;
}
