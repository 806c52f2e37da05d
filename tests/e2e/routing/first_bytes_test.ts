/** Routes by what clients send first, without changing a byte of the connection. */

import assert from "node:assert/strict";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { binaryHeader, bytesOf, ipv4Block, PROXY, TCP4 } from "../../support/bytes/proxy_headers.ts";
import { echoed, latin1 } from "../../support/peers/echo_at_eof.ts";
import { PEEK_TIMEOUT, Servers } from "./named_upstreams.ts";
import { Sluice } from "../../support/program/program.ts";
import {
  connect,
  connectAndReset,
  echo,
  endOf,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

/** A timeout that tests wait for, in milliseconds. */
const SHORT = 300;
const SSL_REQUEST = "\0\0\0\x08\x04\xd2\x16\x2f";

for (const reset of ["close", "pass"]) {
  Deno.test(`SSH, TLS, HTTP and PostgreSQL share a port, whatever the pieces, with reset: ${reset}`, async () => {
    await using servers = new Servers("abcdef");
    await using sluice = await servers.before(`
    reset: ${reset}
    routes:
      - { protocol: ssh, source_ip: 192.0.2.0/24, upstream: "${servers.address("f")}" }
      - { protocol: [ssh, proxy], upstream: "${servers.address("b")}" }
      - { protocol: tls, sni: shop.example.com, upstream: "${servers.address("f")}" }
      - { protocol: tls, upstream: "${servers.address("c")}" }
      - { protocol: postgres, upstream: "${servers.address("d")}" }
      - { starts_with: ["GET ", "hex:00ff"], upstream: "${servers.address("e")}" }`);
    const hello = clientHello({ sni: "shop.example.com" });
    const messages: [expected: string, bytes: Uint8Array][] = [
      ["b", bytesOf("SSH-2.0-OpenSSH_9.2\r\n")],
      ["b", bytesOf("PROXY UNKNOWN\r\n")],
      ["f", hello],
      ["c", clientHello()],
      ["c", clientHello({ sni: "other.example.com" })],
      ["d", bytesOf(SSL_REQUEST)],
      ["e", bytesOf("GET / HTTP/1.1\r\n\r\n")],
      ["e", Uint8Array.of(0, 0xff)],
      ["a", bytesOf("EHLO a\r\n")],
      // Undecided at its end, and nothing at all.
      ["a", bytesOf("SSH")],
      ["a", bytesOf("")],
    ];
    const began = performance.now();
    for (const [expected, bytes] of messages) {
      using whole = await connect(sluice.port());
      assert.equal(await echoed(whole, bytes, "more"), `${expected}${latin1(bytes)}more`);
      using pieces = await connect(sluice.port());
      pieces.setNoDelay(true);
      const one = Array.from(bytes, (byte) => Uint8Array.of(byte));
      assert.equal(await echoed(pieces, ...one), `${expected}${latin1(bytes)}`);
    }
    assert.ok(performance.now() - began < PEEK_TIMEOUT, "something waited for the timeout");
    const line = JSON.parse(await sluice.logged(`"sni":"shop.example.com"`));
    assert.equal(line.upstream, servers.address("f"));
  });

  Deno.test(`a client whose route is certain is connected before it sends anything, with reset: ${reset}`, async () => {
    await using greeting = greeter("220 hello\r\n");
    await using sluice = await Sluice.withConfig(`
services:
  - name: test
    listen: 0
    reset: ${reset}
    peek: { timeout: ${PEEK_TIMEOUT}ms }
    routes:
      - { protocol: ssh, source_ip: 192.0.2.0/24, upstream: "127.0.0.1:1" }
      - { source_ip: 127.0.0.1, upstream: "${greeting.address}" }
      - { silent: true, upstream: "127.0.0.1:1" }
`);
    const began = performance.now();
    using conn = await connect(sluice.port());
    assert.equal(await readText(conn, 11), "220 hello\r\n");
    assert.ok(performance.now() - began < PEEK_TIMEOUT / 2);
  });

  Deno.test(`silent takes clients that wait for a greeting, after the timeout, with reset: ${reset}`, async () => {
    await using greeting = greeter("220 hello\r\n");
    await using other = greeter("250 other\r\n");
    await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 0
    reset: ${reset}
    peek: { timeout: ${SHORT}ms }
    routes:
      - { protocol: ssh, upstream: "127.0.0.1:1" }
      - { silent: true, upstream: "${greeting.address}" }
    upstream: "${other.address}"
  - { name: refused, listen: 0, reset: ${reset}, peek: { timeout: ${SHORT}ms }, routes: [{ protocol: ssh, upstream: "127.0.0.1:1" }] }
`);
    const began = performance.now();
    using conn = await connect(sluice.port());
    assert.equal(await readText(conn, 11), "220 hello\r\n");
    assert.ok(performance.now() - began >= SHORT - 5);
    await writeText(conn, "EHLO");
    assert.equal(await readText(conn, 4), "EHLO");
    using half = await connect(sluice.port());
    // It has sent something, and then nothing that decides.
    await writeText(half, "SS");
    assert.equal(await readText(half, 13), "250 other\r\nSS");
    for (const bytes of ["", "GET / HTTP/1.1\r\n", "AUTH secret\r\n"]) {
      using refused = await connect(sluice.port(1));
      await writeText(refused, bytes);
      await endOf(refused);
    }
    const lines = await sluice.loggedEvents("connection_refused", 3);
    assert.deepEqual(lines.map(({ code, detail }) => [code, detail]), [
      ["no_route", "nothing sent in time"],
      ["no_route", "it speaks http"],
      ["no_route", "unknown protocol, it begins with hex:41555448"],
    ]);
  });

  Deno.test(`max_bytes ends what is looked at, and behind a PROXY header too, with reset: ${reset}`, async () => {
    await using servers = new Servers("ab");
    await using sluice = await Sluice.withConfig(`
services:
  - name: test
    listen: 0
    reset: ${reset}
    accept_proxy_protocol: { from: 127.0.0.1 }
    peek: { timeout: ${PEEK_TIMEOUT}ms, max_bytes: 1KiB }
    routes: [{ protocol: http, source_ip: 192.0.2.1, upstream: "${servers.address("b")}" }]
    upstream: "${servers.address("a")}"
`);
    const header = bytesOf(binaryHeader(PROXY, TCP4, ipv4Block("192.0.2.1", "198.51.100.7", [4001, 443])));
    for (const [length, expected] of [[1000, "b"], [1100, "a"]] as const) {
      const request = bytesOf(`GET /${"x".repeat(length)} HTTP/1.1\r\n`);
      using conn = await connect(sluice.port());
      assert.equal(await echoed(conn, Uint8Array.of(...header, ...request)), `${expected}${latin1(request)}`);
    }
  });

  Deno.test(`a client that resets while it is looked at is logged as such, with reset: ${reset}`, async () => {
    await using sluice = await Sluice.withConfig(`
log: { format: json }
services:
  - { name: test, listen: 0, reset: ${reset}, peek: { timeout: ${PEEK_TIMEOUT}ms }, routes: [{ protocol: ssh, upstream: "127.0.0.1:1" }] }
`);
    {
      using conn = await connect(sluice.port());
      await writeAll(conn, bytesOf("SS"));
    }
    await connectAndReset(sluice.port());
    const [closed] = await sluice.loggedEvents("connection_refused", 1);
    assert.deepEqual([closed!.code, closed!.detail], [
      "no_route",
      "unknown protocol, it begins with hex:5353",
    ]);
    const [failed] = await sluice.loggedEvents("connection_failed", 1);
    assert.equal(failed!.code, "connection_reset");
  });
}

/** A server that speaks first, and then echoes. */
function greeter(greeting: string) {
  return upstream(async (conn) => {
    await writeText(conn, greeting);
    await echo(conn);
  });
}
