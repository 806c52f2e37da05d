/** PROXY headers that come in: who is believed, what it changes, and what is turned away. */

import assert from "node:assert/strict";
import { eventually, roundTrip } from "./eventually.ts";
import { Guest } from "./guest.ts";
import { Member } from "./member.ts";
import { mirror, reflection } from "./mirror.ts";
import { Sluice } from "./program.ts";
import * as by from "./proxy_headers.ts";
import { connect, echo, endOf, readText, upstream, writeAll, writeText } from "./sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs 127.0.0.2, which Linux has)";

const HEADER_V1 = "PROXY TCP4 192.0.2.1 198.51.100.7 4001 443\r\n";
const ADDRESSES = by.ipv4Block("192.0.2.2", "198.51.100.7", [4002, 443]);
const IPV6 = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1];
/** Headers, and who the client is then; undefined is who has the connection. */
const HEADERS: readonly (readonly [what: string, header: string, client: string | undefined])[] = [
  ["version 1, IPv4", HEADER_V1, "192.0.2.1:4001"],
  ["version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 4003 443\r\n", "[2001:db8::1]:4003"],
  ["version 1, mapped", "PROXY TCP6 ::ffff:192.0.2.3 ::ffff:192.0.2.4 4004 443\r\n", "192.0.2.3:4004"],
  ["version 1, UNKNOWN", "PROXY UNKNOWN\r\n", undefined],
  ["version 1, UNKNOWN and more", "PROXY UNKNOWN what ever it is\r\n", undefined],
  ["version 2, IPv4", by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES), "192.0.2.2:4002"],
  [
    "version 2, IPv6",
    by.binaryHeader(by.PROXY, by.TCP6, by.ipv6Block(IPV6, IPV6, [4005, 443])),
    "[2001:db8::1]:4005",
  ],
  [
    "version 2, with TLVs",
    by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES + by.tlv(1, "h2") + by.tlv(0xea, "x".repeat(500))),
    "192.0.2.2:4002",
  ],
  ["version 2, unix", by.binaryHeader(by.PROXY, by.UNIX, by.unixBlock("/run/a", "/run/b")), "unix:/run/a"],
  ["version 2, UNSPEC", by.binaryHeader(by.PROXY, by.UNSPEC), undefined],
  ["version 2, datagrams", by.binaryHeader(by.PROXY, by.UDP4, ADDRESSES), undefined],
  ["version 2, LOCAL", by.binaryHeader(by.LOCAL, by.UNSPEC), undefined],
  ["version 2, LOCAL with addresses", by.binaryHeader(by.LOCAL, by.TCP4, ADDRESSES), undefined],
];

/** What is none, and why it is refused. */
const WRONG: readonly (readonly [what: string, bytes: string, code: string])[] = [
  ["another protocol", "GET / HTTP/1.1\r\n", "proxy_header_invalid"],
  ["version 1 of 108 bytes", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`, "proxy_header_invalid"],
  ["version 1 without an end", `PROXY UNKNOWN ${"x".repeat(200)}`, "proxy_header_invalid"],
  ["a port too large", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 1\r\n", "proxy_header_invalid"],
  ["the wrong family", "PROXY TCP4 ::1 ::1 1 2\r\n", "proxy_header_invalid"],
  ["LF without CR", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "proxy_header_invalid"],
  ["a length too short", by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES, 11), "proxy_header_invalid"],
  ["a length too long", by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES, 65_535), "proxy_header_invalid"],
  ["a length that cuts a TLV", by.binaryHeader(by.PROXY, by.TCP4, `${ADDRESSES}\x04\0`), "proxy_header_invalid"],
  ["a length of more than comes", by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES, 13), "proxy_header_timeout"],
  ["a wrong version", by.binaryHeader(0x31, by.TCP4, ADDRESSES), "proxy_header_invalid"],
  ["a wrong command", by.binaryHeader(0x22, by.TCP4, ADDRESSES), "proxy_header_invalid"],
  ["half a header", "PROXY TCP4 1.1.1.1", "proxy_header_timeout"],
  ["nothing", "", "proxy_header_timeout"],
];

for (const reset of ["close", "pass"]) {
  Deno.test(`every header in every way to send it is taken off, and believed, with reset: ${reset}`, async () => {
    await using server = upstream(mirror);
    await using sluice = await start(server.address, reset, "10s");
    for (const [what, header, client] of HEADERS) {
      const whole = by.bytesOf(header);
      const bytes = Array.from(whole, (byte) => Uint8Array.of(byte));
      for (const pieces of [[by.bytesOf(`${header}ping`)], [whole, "ping"], [...bytes, "pi", "ng"]]) {
        using conn = await connect(sluice.port());
        conn.setNoDelay(true);
        const ours = `127.0.0.1:${conn.localAddr.port}`;
        assert.equal(await reflection(conn, ...pieces), "ping", what);
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

  Deno.test(`what is no header is refused before the upstream sees a connection, with reset: ${reset}`, async () => {
    let accepted = 0;
    await using server = upstream(() => void (accepted += 1));
    await using sluice = await start(server.address, reset, "250ms");
    const began = performance.now();
    for (const [what, bytes, code] of WRONG) {
      using conn = await connect(sluice.port());
      const connected = performance.now();
      await writeAll(conn, by.bytesOf(bytes));
      await endOf(conn);
      const took = performance.now() - connected;
      if (code === "proxy_header_timeout") assert.ok(took >= 245, `${what}: after ${took} ms`);
      assert.ok(took < 1000, `${what}: after ${took} ms`);
      // Where refusals come too fast for it, not each has a line.
      if (performance.now() - began < 10) continue;
    }
    assert.equal(accepted, 0);
  });
}

function start(address: string, reset: string, timeout: string): Promise<Sluice> {
  return Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: ":0"
    reset: ${reset}
    accept_proxy_protocol: { from: 127.0.0.1, timeout: ${timeout} }
    upstream: "${address}"
`);
}
