/** What real clients send first, by protocol. */

import type { ProtocolName } from "../../../../src/wire/protocols/registry.ts";
import { clientHello } from "../../../support/bytes/client_hellos.ts";
import { bytesOf } from "../../../support/bytes/proxy_headers.ts";

const hex = (digits: string) => Uint8Array.fromHex(digits.replaceAll(" ", ""));

export const FIRST_MESSAGES: Readonly<Record<ProtocolName, readonly Uint8Array[]>> = {
  tls: [clientHello({ sni: "a.test" }), clientHello({ record: 1 })],
  http: [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\n\n",
    "OPTIONS * HTTP/1.1\r\n",
    "VERSION-CONTROL /a%20b?c=d HTTP/1.1\r\n",
    "CONNECT a.test:443 HTTP/1.1\r\n",
  ].map(bytesOf),
  http2: [bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12")],
  ssh: ["SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "SSH-1.99-old\n"].map(bytesOf),
  postgres: [
    // SSLRequest, GSSENCRequest, CancelRequest with a short and a long key, StartupMessage 3.0 and 3.2.
    hex("00000008 04d2162f"),
    hex("00000008 04d21630"),
    hex("00000010 04d2162e 00000001 00000002"),
    Uint8Array.of(...hex("0000002c 04d2162e 00000001"), ...new Uint8Array(32)),
    Uint8Array.of(...hex("00000029 00030000"), ...bytesOf("user\0ada\0database\0ada\0\0")),
    Uint8Array.of(...hex("00000029 00030002"), ...bytesOf("user\0ada\0database\0ada\0\0")),
  ],
  redis: ["*1\r\n$4\r\nPING\r\n", "*17\r\n$7\r\nCOMMAND\r\n"].map(bytesOf),
  mqtt: [
    "\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04test",
    "\x10\xff\x02\0\x04MQTT\x05\x02\0\x3c\0",
    "\x10\x12\0\x06MQIsdp\x03\x02\0\x3c\0\x04test",
    "\x10\x10\0\x04MQTT\x84\x02\0\x3c\0\x04test",
  ].map(bytesOf),
  // 0-9-1, and 1.0 with and without SASL.
  amqp: [hex("414d5150 00000901"), hex("414d5150 00010000"), hex("414d5150 03010000")],
  mongodb: [
    Uint8Array.of(...hex("3a000000 01000000 00000000 d4070000 00000000"), ...bytesOf("admin.$cmd\0")),
    hex("42000000 02000000 00000000 dd070000 00000000 00"),
  ],
  mssql: [hex("1201002f0000010000001a0006010020000102002100010300220004040026000 1ff".replaceAll(" ", ""))],
  ldap: [
    // Anonymous bind, simple bind of 200 bytes, StartTLS, search.
    hex("300c020101600702010304008000"),
    hex("3081c80201016081c20201030470"),
    hex("301d02010177188016312e332e362e312e342e312e313436362e3230303337"),
    hex("302502010263200400"),
  ],
  dns: [
    // dig +tcp a.test, a query for the root with a cookie, and an AXFR.
    hex("0018 1a2b 0120 0001 0000 0000 0000 0161047465737400 0001 0001"),
    hex("0027 9c01 0100 0001 0000 0000 0001 00 0002 0001 00 0029"),
    hex("0018 0001 0000 0001 0000 0000 0000 0161047465737400 00fc 0001"),
  ],
  xmpp: [
    "<?xml version='1.0'?><stream:stream to='a.test' xmlns='jabber:client'",
    '<?xml version="1.0" encoding="UTF-8" ?>\n<stream:stream\nto=\'a.test\'',
    "<stream:stream xmlns='jabber:server'",
  ].map(bytesOf),
  rtsp: ["OPTIONS rtsp://a.test/stream RTSP/1.0\r\nCSeq: 1\r\n\r\n", "OPTIONS * RTSP/2.0\r\n"].map(bytesOf),
  stun: [
    hex("00010000 2112a442 0102030405060708090a0b0c"),
    hex("00030008 2112a442 0102030405060708090a0b0c"),
  ],
  socks4: [
    hex("04010050 c0000201 00"),
    Uint8Array.of(...hex("040101bb 00000001"), ...bytesOf("ada\0a.test\0")),
  ],
  socks5: [hex("050100"), hex("05020002"), hex("0503000102"), hex("05020080")],
  rdp: [
    hex("0300000b06e00000000000"),
    hex("030000130ee00000000000 0100080003000000"),
    Uint8Array.of(
      ...hex("0300002b26e00000000000"),
      ...bytesOf("Cookie: mstshash=alice\r\n"),
      ...hex("0100080003000000"),
    ),
  ],
  proxy: [
    bytesOf("PROXY TCP4 192.0.2.1 198.51.100.7 4001 443\r\n"),
    bytesOf("PROXY UNKNOWN\r\n"),
    hex("0d0a0d0a000d0a515549540a 20 00 0000"),
  ],
};

/** What is similar to a protocol and is not it. */
export const OTHERS: Readonly<Partial<Record<ProtocolName, readonly Uint8Array[]>>> = {
  http: [
    "EHLO a.test\r\n",
    "GET /\r\n",
    "GET  / HTTP/1.1\r\n",
    "get / HTTP/1.1\r\n",
    "GET /\0 HTTP/1.1\r\n",
    "GET / HTTPS/1.1\r\n",
    "GET / HTTP/1.\r\n",
    "HTTP/1.1 200 OK\r\n",
    " / HTTP/1.1\r\n",
    "220 mail.test ESMTP\r\n",
  ].map(bytesOf),
  redis: ["PING\r\n", "*0\r\n", "*1\r\n+PING\r\n", "*1\n$4", "*12345678\r\n$4"].map(bytesOf),
  ssh: [bytesOf("SSL-2.0-\r\n")],
  proxy: [bytesOf("PROXIES\r\n")],
  // An alert, a ServerHello, a record that is too long, and SSL 2.
  tls: ["15030100020228", "160303007a02", "160301ffff01", "802e0100020015"].map(hex),
  // S7 of a PLC, which uses the same transport; lengths that do not fit; another kind of packet.
  rdp: [
    "0300001611e00000000100c1020100c2020102c0010a",
    "0300001307e00000000000",
    "0300000b06d00000000000",
  ].map(hex),
  // Not a CONNECT, another version, a length of five bytes.
  mqtt: [hex("3010"), bytesOf("\x10\x10\0\x04MQTT\x06"), hex("10808080808001")],
  // Startup packets of protocol 2, too short or too long; requests with another length.
  postgres: [
    "00000029 00020000",
    "00000008 00030000",
    "00002711 00030000",
    "00000009 04d2162f",
    "00000008 04d2162e",
    "00000200 04d2162e",
  ].map(hex),
  // No method, one twice, one that is unassigned.
  socks5: ["0500", "05020000", "050114"].map(hex),
  // No port; a control character in the name.
  socks4: ["04010000 c0000201 00", "04010050 c0000201 0a00"].map(hex),
  // An answer, no question, two questions, too short, a compressed name.
  dns: [
    "0018 1a2b 8180 0001",
    "0018 1a2b 0100 0000",
    "0018 1a2b 0100 0002",
    "0010 1a2b 0100 0001",
    "0018 1a2b 0100 0001 0000 0000 0000 c00c",
  ].map(hex),
  // An answer, another kind, without content.
  mongodb: [
    "3a000000 01000000 01000000 dd070000",
    "3a000000 01000000 00000000 d1070000",
    "10000000 01000000 00000000 dd070000",
  ].map(hex),
  // An answer; a message of Kerberos.
  ldap: ["300c02010161070a010004000400", "6a81c8"].map(hex),
  stun: [hex("00010000 2112a443")],
  // A login packet.
  mssql: [hex("1001002f00000100")],
  xmpp: ["<?xml version='1.0'?><html>", "<stream:streams ", "<html>"].map(bytesOf),
};
