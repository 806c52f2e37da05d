/** Incoming PROXY headers: trusted peers, the effects of a header, and refused ones. */

import assert from "node:assert/strict";
import { connect as connectNode } from "node:net";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { startProxy } from "../../../main.ts";
import { Admin } from "../../support/program/admin.ts";
import { eventually, roundTrip } from "../../support/eventually.ts";
import { TestClient } from "../../support/peers/test_client.ts";
import { NamedServer } from "../../support/peers/named_server.ts";
import { echoAtEof, echoed } from "../../support/peers/echo_at_eof.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { HEADER_V1, HEADERS, WRONG } from "../../support/bytes/proxy_header_cases.ts";
import * as by from "../../support/bytes/proxy_headers.ts";
import { assertInOrder } from "../../support/program/several_threads.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs 127.0.0.2, which Linux has)";

for (const reset of ["close", "pass"]) {
  Deno.test(`every PROXY header, sent in any pieces, is removed and used, with reset: ${reset}`, async () => {
    await using server = upstream(echoAtEof);
    await using sluice = await start(server.address, reset, "10s");
    for (const [what, header, client] of HEADERS) {
      const whole = by.bytesOf(header);
      const bytes = Array.from(whole, (byte) => Uint8Array.of(byte));
      for (const pieces of [[by.bytesOf(`${header}ping`)], [whole, "ping"], [...bytes, "pi", "ng"]]) {
        using conn = await connect(sluice.port());
        conn.setNoDelay(true);
        const ours = `127.0.0.1:${conn.localAddr.port}`;
        assert.equal(await echoed(conn, ...pieces), "ping", what);
        const line = JSON.parse(await sluice.logged(ours));
        const expected = client === undefined ? { client: ours } : { client, peer: ours };
        const { event } = line;
        assert.deepEqual(
          { event, client: line.client, ...line.peer === undefined ? {} : { peer: line.peer } },
          { event: "connection_closed", ...expected },
          what,
        );
      }
    }
  });

  Deno.test(`bytes that are not a PROXY header are refused before the upstream sees a connection, with reset: ${reset}`, async () => {
    let accepted = 0;
    await using server = upstream(() => void (accepted += 1));
    await using proxy = await startProxy({
      services: [{
        name: "test",
        listen: 0,
        reset: reset as "close" | "pass",
        acceptProxyProtocol: { from: "127.0.0.1", timeout: "250ms" },
        upstream: server.address,
      }],
    });
    const expected: Record<string, number> = {};
    for (const [what, bytes, code] of WRONG) {
      const began = performance.now();
      using conn = await connect(Number(proxy.services[0]!.listen[0]!.split(":")[1]));
      await writeAll(conn, by.bytesOf(bytes));
      await endOf(conn);
      const took = performance.now() - began;
      assert.ok(took < 1000 && took >= (code === "proxy_header_timeout" ? 245 : 0), `${what}: ${took} ms`);
      expected[code] = (expected[code] ?? 0) + 1;
      const refusedBy = () => proxy.figures()[0]!.refusedBy;
      await eventually(`${what}: ${code}`, refusedBy, (counts) => isDeepStrictEqual(counts, expected));
    }
    assert.equal(accepted, 0);
  });

  Deno.test(`connections that begin with random bytes end in time, with reset: ${reset}`, async () => {
    // Connections that are admitted after all are closed as well.
    await using server = upstream(() => {});
    await using sluice = await start(server.address, reset, "300ms");
    const valid = fc.constantFrom(...HEADERS.map(([, header]) => by.bytesOf(header)));
    const mutated = fc.tuple(valid, fc.nat(), fc.nat(255), fc.nat()).map(([header, at, byte, length]) => {
      const bytes = header.slice(0, length % (header.length + 1));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    });
    for (const beginning of [fc.uint8Array({ maxLength: 5000 }), mutated]) {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const all = fc.sample(beginning, { numRuns: 100, seed });
      await within(
        5000,
        `the beginnings of seed ${seed}`,
        Promise.all(all.map(async (bytes) => {
          using conn = await connect(sluice.port());
          // sluice may refuse it before it has received everything.
          await writeAll(conn, bytes).catch(() => {});
          await endOf(conn);
        })),
      );
    }
    const conn = await connect(sluice.port());
    await writeText(conn, HEADER_V1);
    assert.equal(await endOf(conn), "fin");
    conn.close();
    assert.match(await sluice.logged("192.0.2.1:4001"), /connection_closed/);
    assert.doesNotMatch(sluice.stderr, /"level":"error"|at async/);
  });
}

Deno.test({
  name: `a peer outside "from" is closed at once, also on a dual-stack listener${onLinux}`,
  ignore: !isLinux,
  async fn() {
    let accepted = 0;
    await using server = upstream(async (conn) => {
      accepted += 1;
      await writeText(conn, "hello");
    });
    await using sluice = await start(server.address, "close", "10s");
    for (const localAddress of ["127.0.0.2", "::1"]) {
      const host = localAddress === "::1" ? "::1" : "127.0.0.1";
      using client = await TestClient.connect(sluice.port(), { host, localAddress, header: HEADER_V1 });
      assert.equal(client.name, "");
    }
    for (const line of await sluice.loggedEvents("connection_refused", 2)) {
      assert.equal(line.code, "proxy_not_trusted");
      assert.match(String(line.client), /^(127\.0\.0\.2|\[::1\]):\d+$/);
    }
    assert.equal(accepted, 0);
    using client = await TestClient.connect(sluice.port(), { header: HEADER_V1 });
    assert.equal(client.name, "hello");
  },
});

for (const reset of ["close", "pass"]) {
  Deno.test(`a server that speaks first is connected once the header has arrived, with reset: ${reset}`, async () => {
    let accepted = 0;
    await using server = upstream(async (conn) => {
      accepted += 1;
      await writeText(conn, "220 hello\r\n");
      await echo(conn);
    });
    await using sluice = await start(server.address, reset, "10s");
    using conn = await connect(sluice.port());
    await writeText(conn, HEADER_V1.slice(0, -1));
    await roundTrip();
    assert.equal(accepted, 0);
    await writeText(conn, "\n");
    assert.equal(await readText(conn, 11), "220 hello\r\n");
    await writeText(conn, "QUIT");
    assert.equal(await readText(conn, 4), "QUIT");
  });
}

for (const reset of ["close", "pass"]) {
  Deno.test(`a reset in the middle of a header counts as the client's, with reset: ${reset}`, async () => {
    await using sluice = await start("127.0.0.1:1", reset, "10s", "admin: { listen: 127.0.0.1:0 }");
    const socket = connectNode({ host: "127.0.0.1", port: sluice.port() });
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.write(HEADER_V1.slice(0, -1), () => resolve());
    });
    // A reset before the accept is another case.
    await eventually(
      "it to be accepted",
      () => new Admin(sluice).connections(),
      ({ length }) => length === 1,
    );
    socket.resetAndDestroy();
    const line = JSON.parse(await sluice.logged('"code":"connection_reset"'));
    assert.equal(line.reason, "client reset");
  });
}

Deno.test("allow, deny, routes and limits use the address in the header", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 0
    accept_proxy_protocol: { from: 127.0.0.1 }
    allow: [192.0.2.0/24, "2001:db8::/32"]
    deny: 192.0.2.66
    limits: { connections_per_client: 2, connects_per_second_per_client: { rate: 0.001, burst: 3 } }
    routes:
      - { source_ip: 192.0.2.128/25, upstream: "${b.address}" }
      - { source_port: 7000, upstream: "${b.address}" }
    upstream: "${a.address}"
`);
  const come = (source: string, port = 4000) => {
    const [family, destination] = source.includes(":") ? ["TCP6", "::1"] : ["TCP4", "127.0.0.1"];
    const header = `PROXY ${family} ${source} ${destination} ${port} 443\r\n`;
    return TestClient.connect(sluice.port(), { header });
  };
  using first = await come("192.0.2.1");
  using second = await come("192.0.2.1", 7000);
  using third = await come("192.0.2.1");
  using other = await come("192.0.2.200");
  using sixth = await come("2001:db8::1");
  using sameBlock = await come("2001:db8::2");
  using full = await come("2001:db8::3");
  using denied = await come("192.0.2.66");
  using notAllowed = await come("198.51.100.1");
  // UNKNOWN stands for the peer itself, which is not allowed.
  using unknown = await TestClient.connect(sluice.port(), { header: "PROXY UNKNOWN\r\n" });
  const clients = [first, second, third, other, sixth, sameBlock, full, denied, notAllowed, unknown];
  assert.equal(clients.map(({ name }) => name || "-").join(""), "ab-baa----");
  const refused = (await sluice.loggedEvents("connection_refused", 5)).map((
    { client, code },
  ) => [client, code]);
  assertInOrder(refused, [
    ["192.0.2.1:4000", "client_connection_limit"],
    ["[2001:db8::3]:4000", "client_connection_limit"],
    ["192.0.2.66:4000", "access_denied"],
    ["198.51.100.1:4000", "access_denied"],
    [`127.0.0.1:${unknown.port}`, "access_denied"],
  ]);
});

function start(address: string, reset: string, timeout: string, more = ""): Promise<Sluice> {
  return Sluice.withConfig(`
log: { format: json }
${more}
services:
  - name: test
    listen: ":0"
    reset: ${reset}
    accept_proxy_protocol: { from: 127.0.0.1, timeout: ${timeout} }
    upstream: "${address}"
`);
}

Deno.test("the TLVs of a header reach the log, the routes and the upstream", async () => {
  await using server = upstream(echoAtEof);
  await using other = upstream(() => {});
  const route = `routes: [{ sni: shop.example.com, upstream: "${server.address}" }]`;
  await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - { name: test, listen: 0, accept_proxy_protocol: { from: 127.0.0.1 }, send_proxy_protocol: v2, ${route},
      upstream: "${other.address}" }
`);
  const addresses = by.ipv4Block("192.0.2.7", "192.0.2.8", [1000, 443]);
  const tls = "\x03\0\0\0\0" + by.tlv(0x21, "TLSv1.3") + by.tlv(0x22, "alice");
  const tlvs = by.tlv(1, "h2") + by.tlv(2, "shop.example.com") + by.tlv(5, "\x01\xff") + by.tlv(0x20, tls) +
    by.tlv(0xea, "more");
  const header = by.binaryHeader(by.PROXY, by.TCP4, addresses + tlvs);
  using conn = await connect(sluice.port());
  // The bytes are not a ClientHello, and none is needed: the peer has terminated TLS.
  assert.equal(await echoed(conn, by.bytesOf(header), "ping"), `${header}ping`);
  const [line] = await sluice.loggedEvents("connection_closed", 1);
  const { sni, alpn, tls: version, client_subject, unique_id } = line!;
  assert.deepEqual([sni, alpn, version, client_subject, unique_id], [
    "shop.example.com",
    "h2",
    "TLSv1.3",
    "CN=alice",
    "01ff",
  ]);
});

Deno.test("a name in a header is logged like a subject, unless it is empty", async () => {
  await using server = upstream(echoAtEof);
  await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - { name: test, listen: 0, accept_proxy_protocol: { from: 127.0.0.1 }, send_proxy_protocol: v2,
      upstream: "${server.address}" }
`);
  const addresses = by.ipv4Block("192.0.2.7", "192.0.2.8", [1000, 443]);
  const withName = (name: string, more = "") => {
    const tls = by.tlv(0x20, "\x07\0\0\0\0" + by.tlv(0x21, "TLSv1.3") + by.tlv(0x22, name));
    return by.binaryHeader(by.PROXY, by.TCP4, addresses + more + tls);
  };
  for (const header of [withName("x\nCN=admin, CN=bob\x1b"), withName("", by.tlv(5, ""))]) {
    using conn = await connect(sluice.port());
    assert.equal(await echoed(conn, by.bytesOf(header), "ping"), `${header}ping`);
  }
  const [forged, empty] = await sluice.loggedEvents("connection_closed", 2);
  assert.equal(forged!.client_subject, "CN=x\\0aCN=admin\\, CN=bob\\1b");
  assert.deepEqual([empty!.tls, empty!.client_subject, empty!.unique_id], ["TLSv1.3", undefined, undefined]);
});
