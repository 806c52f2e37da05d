/** Routes by the ClientHello, without changing a byte of the connection. */

import assert from "node:assert/strict";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { echoed, latin1 } from "../../support/peers/echo_at_eof.ts";
import { PEEK_TIMEOUT, Servers } from "./named_upstreams.ts";
import { Sluice } from "../../support/program/program.ts";
import * as by from "../../support/bytes/proxy_headers.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

/** A timeout that tests wait for, in milliseconds. */
const SHORT = 300;

for (const reset of ["close", "pass"]) {
  Deno.test(`sni and alpn match names, patterns and protocols, and the first route decides, with reset: ${reset}`, async () => {
    await using servers = new Servers("abcd");
    await using sluice = await servers.before(`
    reset: ${reset}
    routes:
      - { sni: [shop.example.com, "*.apps.example.com"], upstream: "${servers.address("b")}" }
      - { sni: "*.example.com", alpn: [imap, h2], upstream: "${servers.address("c")}" }
      - { alpn: h2, upstream: "${servers.address("d")}" }`);
    const answers: [expected: string, hello: Uint8Array][] = [
      ["b", clientHello({ sni: "shop.example.com" })],
      ["b", clientHello({ sni: "SHOP.Example.com", alpn: ["h2"] })],
      ["b", clientHello({ sni: "one.apps.example.com" })],
      ["a", clientHello({ sni: "two.one.apps.example.com" })],
      ["a", clientHello({ sni: "apps.example.com" })],
      ["a", clientHello({ sni: "shop.example.com.example.net" })],
      ["c", clientHello({ sni: "other.example.com", alpn: ["http/1.1", "h2"] })],
      ["a", clientHello({ sni: "other.example.com", alpn: ["http/1.1"] })],
      ["d", clientHello({ sni: "example.com", alpn: ["h2"] })],
      ["d", clientHello({ alpn: ["h2"] })],
      ["a", clientHello({ alpn: ["h2c"] })],
      ["a", clientHello()],
    ];
    for (const [index, [expected, hello]] of answers.entries()) {
      using conn = await connect(sluice.port());
      const text = `${latin1(hello)}and more`;
      assert.equal(await echoed(conn, hello, "and more"), `${expected}${text}`, `number ${index}`);
    }
    const line = JSON.parse(await sluice.logged(`"sni":"one.apps.example.com"`));
    assert.equal(line.upstream, servers.address("b"));
    assert.equal(line.event, "connection_closed");
  });

  Deno.test(`a ClientHello may come byte by byte and in records of one byte, with reset: ${reset}`, async () => {
    await using servers = new Servers("ab");
    await using sluice = await servers.before(`
    reset: ${reset}
    routes: [{ sni: shop.example.com, upstream: "${servers.address("b")}" }]`);
    for (const record of [1, 1000]) {
      const hello = clientHello({ sni: "shop.example.com", alpn: ["h2"], record });
      using conn = await connect(sluice.port());
      conn.setNoDelay(true);
      const bytes = Array.from(hello, (byte) => Uint8Array.of(byte));
      assert.equal(await echoed(conn, ...bytes, "more"), `b${latin1(hello)}more`);
    }
  });

  Deno.test(`a ClientHello of 17 KB needs max_bytes, and gets the default without, with reset: ${reset}`, async () => {
    await using servers = new Servers("ab");
    const routes = `reset: ${reset}, routes: [{ sni: shop.example.com, upstream: "${
      servers.address("b")
    }" }]`;
    await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - { name: large, listen: 0, peek: { timeout: 20s, max_bytes: 32KiB }, ${routes}, upstream: "${
      servers.address("a")
    }" }
  - { name: small, listen: 0, peek: { timeout: 20s }, ${routes}, upstream: "${servers.address("a")}" }
  - { name: refused, listen: 0, peek: { timeout: 20s }, ${routes} }
`);
    const hello = clientHello({ sni: "shop.example.com", padding: 17_000 });
    const text = `${latin1(hello)}more`;
    const answers: string[] = [];
    for (const service of [0, 1, 2]) {
      using conn = await connect(sluice.port(service));
      answers.push(await echoed(conn, hello, "more"));
    }
    assert.ok(answers[0] === `b${text}` && answers[1] === `a${text}` && answers[2] === "");
    const [refused] = await sluice.loggedEvents("connection_refused", 1);
    assert.equal(refused!.code, "no_route");
    assert.equal(refused!.detail, "ClientHello longer than max_bytes");
    assert.equal(refused!.sni, undefined);
  });

  Deno.test(`a silent client gets the default after the timeout, not before, with reset: ${reset}`, async () => {
    let accepted = 0;
    await using server = upstream(async (conn) => {
      accepted += 1;
      await writeText(conn, "220 hello\r\n");
      await echo(conn);
    });
    await using servers = new Servers("b");
    const keys = `reset: ${reset}, peek: { timeout: ${SHORT}ms }, ` +
      `routes: [{ sni: shop.example.com, upstream: "${servers.address("b")}" }]`;
    await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - { name: test, listen: 0, ${keys}, upstream: "${server.address}" }
  - { name: refused, listen: 0, ${keys} }
`);
    const began = performance.now();
    using conn = await connect(sluice.port());
    assert.equal(await readText(conn, 11), "220 hello\r\n");
    const took = performance.now() - began;
    assert.ok(took >= SHORT - 5 && took < SHORT + 1000, `${took} ms`);
    await writeText(conn, "EHLO");
    assert.equal(await readText(conn, 4), "EHLO");
    // Half a ClientHello is not lost either.
    using half = await connect(sluice.port());
    const beginning = clientHello({ sni: "shop.example.com" }).subarray(0, 40);
    await writeAll(half, beginning);
    assert.equal(await readText(half, 11), "220 hello\r\n");
    assert.equal(await echoed(half, "and the end"), `${latin1(beginning)}and the end`);
    using refused = await connect(sluice.port(1));
    assert.equal(await endOf(refused), "fin");
    const [line] = await sluice.loggedEvents("connection_refused", 1);
    assert.deepEqual([line!.code, line!.detail], ["no_route", "no ClientHello in time"]);
    assert.equal(accepted, 2);
  });

  Deno.test(`a client without TLS gets the default at once, and is refused without one, with reset: ${reset}`, async () => {
    await using servers = new Servers("ab");
    const keys = `reset: ${reset}, peek: { timeout: ${PEEK_TIMEOUT}ms }, ` +
      `routes: [{ sni: shop.example.com, upstream: "${servers.address("b")}" }]`;
    await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - { name: test, listen: 0, ${keys}, upstream: "${servers.address("a")}" }
  - { name: refused, listen: 0, ${keys} }
`);
    const began = performance.now();
    // The last two begin like TLS but are not a ClientHello; one closes without sending anything.
    for (
      const bytes of [
        "GET / HTTP/1.1\r\n\r\n",
        "\0",
        "\x16\x03\x01\0\x01\x02",
        "\x16\x03\x01\0\x04\x01\0\0\0",
        "",
      ]
    ) {
      using conn = await connect(sluice.port());
      assert.equal(await echoed(conn, by.bytesOf(bytes)), `a${bytes}`);
    }
    using refused = await connect(sluice.port(1));
    assert.equal(await echoed(refused, "SSH-2.0-OpenSSH\r\n"), "");
    assert.ok(performance.now() - began < PEEK_TIMEOUT / 4);
    const [line] = await sluice.loggedEvents("connection_refused", 1);
    assert.deepEqual([line!.code, line!.detail], ["no_route", "not TLS"]);
    using named = await connect(sluice.port(1));
    assert.equal(await echoed(named, clientHello({ sni: "other.example.com" })), "");
    const [, second] = await sluice.loggedEvents("connection_refused", 2);
    assert.deepEqual([second!.code, second!.detail, second!.sni], [
      "no_route",
      undefined,
      "other.example.com",
    ]);
  });

  Deno.test(`a PROXY header may precede the ClientHello, and passes the name on, with reset: ${reset}`, async () => {
    await using servers = new Servers("ab");
    await using sluice = await servers.before(`
    reset: ${reset}
    accept_proxy_protocol: { from: 127.0.0.1 }
    send_proxy_protocol: v2
    routes: [{ sni: shop.example.com, source_ip: 192.0.2.0/24, upstream: "${servers.address("b")}" }]`);
    const block = by.ipv4Block("192.0.2.1", "198.51.100.7", [4001, 443]);
    const hello = clientHello({ sni: "Shop.example.com" });
    const header = by.bytesOf(by.binaryHeader(by.PROXY, by.TCP4, block));
    const sent = by.binaryHeader(by.PROXY, by.TCP4, block + by.tlv(0x02, "shop.example.com"));
    for (const pieces of [[header, hello], [Uint8Array.of(...header, ...hello)]]) {
      using conn = await connect(sluice.port());
      assert.equal(await echoed(conn, ...pieces), `b${sent}${latin1(hello)}`);
    }
    // The name is only read if it matters: clients from other addresses do not wait.
    using other = await connect(sluice.port());
    assert.match(await echoed(other, "PROXY TCP4 203.0.113.1 198.51.100.7 4001 443\r\nx"), /^a\r\n.*x$/s);
  });
}
