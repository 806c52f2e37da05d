/** PROXY headers that go out: the first bytes that an upstream gets, once and for the right client. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { echoAtEof, echoed, latin1 } from "../../support/peers/echo_at_eof.ts";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { Sluice } from "../../support/program/program.ts";
import * as by from "../../support/bytes/proxy_headers.ts";
import {
  connect,
  echo,
  readAll,
  readText,
  refusingAddress,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

const isWindows = Deno.build.os === "windows";
const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs 127.0.0.2 and ::1, which Linux has)";
/** No addresses: haproxy refuses headers with paths. */
const LOCAL = by.binaryHeader(by.LOCAL, by.UNSPEC);
const LOOPBACK6 = [0, 0, 0, 0, 0, 0, 0, 1];

for (const reset of ["close", "pass"]) {
  Deno.test({
    name:
      `the header comes first, with the client's address and where it connected to, with reset: ${reset}${onLinux}`,
    ignore: !isLinux,
    async fn() {
      await using server = upstream(echoAtEof);
      const service = (version: string) =>
        `{ name: ${version}, listen: ":0", reset: ${reset}, send_proxy_protocol: ${version}, ` +
        `upstream: "${server.address}" }`;
      await using sluice = await Sluice.withConfig(`services: [${service("v1")}, ${service("v2")}]`);
      const reflected = async (version: number, hostname: string) => {
        const to = sluice.port(version);
        using conn = await Deno.connect({ hostname, port: to });
        return { from: conn.localAddr.port, to, bytes: await echoed(conn, "ping") };
      };
      // Dual-stack: the kernel shows IPv4 clients as IPv6 ones.
      {
        const { from, to, bytes } = await reflected(0, "127.0.0.2");
        assert.equal(bytes, `PROXY TCP4 127.0.0.1 127.0.0.2 ${from} ${to}\r\nping`);
      }
      {
        const { from, to, bytes } = await reflected(0, "::1");
        assert.equal(bytes, `PROXY TCP6 ::1 ::1 ${from} ${to}\r\nping`);
      }
      {
        const { from, to, bytes } = await reflected(1, "127.0.0.2");
        const addresses = by.ipv4Block("127.0.0.1", "127.0.0.2", [from, to]);
        assert.equal(bytes, `${by.binaryHeader(by.PROXY, by.TCP4, addresses)}ping`);
      }
      {
        const { from, to, bytes } = await reflected(1, "::1");
        const addresses = by.ipv6Block(LOOPBACK6, LOOPBACK6, [from, to]);
        assert.equal(bytes, `${by.binaryHeader(by.PROXY, by.TCP6, addresses)}ping`);
      }
    },
  });

  Deno.test({
    name: `a client on a unix socket has no address in the header, with reset: ${reset}`,
    ignore: isWindows,
    async fn() {
      await using server = upstream(echoAtEof);
      const directory = await Deno.makeTempDir();
      const service = (version: string) =>
        `{ name: ${version}, listen: "unix:${directory}/${version}", reset: ${reset}, ` +
        `send_proxy_protocol: ${version}, upstream: "${server.address}" }`;
      await using sluice = await Sluice.withConfig(`services: [${service("v1")}, ${service("v2")}]`);
      const reflected = async (version: string) => {
        using conn = await Deno.connect({ transport: "unix", path: `${directory}/${version}` });
        return await echoed(conn, "ping");
      };
      assert.equal(await reflected("v1"), "PROXY UNKNOWN\r\nping");
      assert.equal(await reflected("v2"), `${LOCAL}ping`);
      await sluice.stop();
      await Deno.remove(directory, { recursive: true });
    },
  });

  Deno.test(`the addresses of an incoming header are passed on, with reset: ${reset}`, async () => {
    await using server = upstream(echoAtEof);
    const service = (version: string) =>
      `{ name: ${version}, listen: 0, reset: ${reset}, accept_proxy_protocol: { from: 127.0.0.1 }, ` +
      `send_proxy_protocol: ${version}, upstream: "${server.address}" }`;
    await using sluice = await Sluice.withConfig(`services: [${service("v1")}, ${service("v2")}]`);
    const reflected = async (version: number, header: string) => {
      using conn = await connect(sluice.port(version));
      const bytes = await echoed(conn, by.bytesOf(`${header}ping`));
      return { bytes, own: conn.localAddr.port };
    };
    const v1 = "PROXY TCP4 192.0.2.1 198.51.100.7 4001 443\r\n";
    const v2 = by.binaryHeader(by.PROXY, by.TCP4, by.ipv4Block("192.0.2.1", "198.51.100.7", [4001, 443]));
    for (const header of [v1, v2]) {
      assert.equal((await reflected(0, header)).bytes, `${v1}ping`);
      assert.equal((await reflected(1, header)).bytes, `${v2}ping`);
    }
    const paths = by.binaryHeader(by.PROXY, by.UNIX, by.unixBlock("/run/client", "/run/server"));
    assert.equal((await reflected(0, paths)).bytes, "PROXY UNKNOWN\r\nping");
    assert.equal((await reflected(1, paths)).bytes, `${LOCAL}ping`);
    // No header named the client: it is the peer.
    const { own, bytes } = await reflected(0, by.binaryHeader(by.LOCAL, by.UNSPEC));
    assert.equal(bytes, `PROXY TCP4 127.0.0.1 127.0.0.1 ${own} ${sluice.port(0)}\r\nping`);
  });

  Deno.test(`each warm connection gets a header of its own when it is handed out, with reset: ${reset}`, async () => {
    const received: string[] = [];
    await using server = upstream(async (conn) => {
      const index = received.push("") - 1;
      const buffer = new Uint8Array(100);
      // A server that sends first: neither side may wait for the other.
      await writeText(conn, "hello");
      for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
        received[index] += latin1(buffer.subarray(0, count));
        if (received[index]!.endsWith("ping")) await writeText(conn, received[index]!);
      }
    });
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 4 }, {
      service: { reset: reset as "close" | "pass", sendProxyProtocol: "v1" },
    });
    await proxy.holds(4);
    assert.deepEqual(received.filter(Boolean), []);
    const ports: number[] = [];
    for (let client = 0; client < 6; client++) {
      using conn = await connect(proxy.port);
      const { port } = conn.localAddr;
      assert.equal(await readText(conn, 5), "hello");
      await writeText(conn, "ping");
      const expected = `PROXY TCP4 127.0.0.1 127.0.0.1 ${port} ${proxy.port}\r\nping`;
      assert.equal(await readText(conn, expected.length), expected);
      ports.push(port);
      await proxy.holds(4);
    }
    assert.equal(proxy.pool.hits, 6);
    const headers = received.filter(Boolean);
    assert.equal(headers.length, ports.length, "those that wait have none");
    assert.deepEqual(headers.map((header) => Number(header.split(" ")[4])).sort(), ports.sort());
  });
}

Deno.test("the endpoint tried after one that refuses gets the header and a megabyte unchanged", async () => {
  const bytes = randomBytes(1_000_000);
  const digest = Promise.withResolvers<string>();
  await using server = upstream(async (conn) => {
    const all = await readAll(conn);
    const header = latin1(all.subarray(0, all.length - bytes.length));
    digest.resolve(header + createHash("sha256").update(all.subarray(-bytes.length)).digest("hex"));
  });
  await using refusing = await refusingAddress();
  await using sluice = await Sluice.beforeGroup(
    [refusing.address, server.address].map((address) => `"${address}"`),
    ["retry: { attempts: 2 }"],
    ["send_proxy_protocol: v1"],
  );
  for (let visit = 0; visit < 2; visit++) {
    using conn = await connect(sluice.port());
    await writeAll(conn, bytes);
    await conn.closeWrite();
    await readAll(conn);
    const header = `PROXY TCP4 127.0.0.1 127.0.0.1 ${conn.localAddr.port} ${sluice.port()}\r\n`;
    if (visit === 0) {
      assert.equal(await digest.promise, header + createHash("sha256").update(bytes).digest("hex"));
    }
  }
  const lines = await sluice.loggedEvents("connection_closed", 2);
  assert.ok(lines.some(({ attempts }) => attempts === 2), JSON.stringify(lines));
  assert.ok(
    lines.every(({ bytes_from_client }) => bytes_from_client === bytes.length),
    JSON.stringify(lines),
  );
});

Deno.test("two sluices in a row, over a unix socket, pass the client's address to the last upstream", {
  ignore: isWindows,
}, async () => {
  await using server = upstream(async (conn) => {
    await writeText(conn, "hello");
    await echo(conn);
  });
  const directory = await Deno.makeTempDir();
  await using back = await Sluice.withConfig(`
services:
  - name: back
    listen: "unix:${directory}/back"
    accept_proxy_protocol: { from: unix }
    upstream: "${server.address}"
`);
  await using front = await Sluice.before(`unix:${directory}/back`, ["send_proxy_protocol: v2"]);
  const conn = await connect(front.port());
  assert.equal(await readText(conn, 5), "hello");
  conn.close();
  const client = `127.0.0.1:${conn.localAddr.port}`;
  assert.match(await back.logged("event=connection_closed"), new RegExp(` client=${client} peer=unix: `));
  await back.stop();
  await Deno.remove(directory, { recursive: true });
});
