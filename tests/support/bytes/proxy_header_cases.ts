/** PROXY headers of every kind, and bytes that are not headers. */

import * as by from "./proxy_headers.ts";

/** Of a client at 192.0.2.1:4001. */
export const HEADER_V1 = "PROXY TCP4 192.0.2.1 198.51.100.7 4001 443\r\n";
const ADDRESSES = by.ipv4Block("192.0.2.2", "198.51.100.7", [4002, 443]);
const IPV6 = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1];
/** Headers, and the client that each one names; undefined is the peer. */
export const HEADERS: readonly (readonly [what: string, header: string, client: string | undefined])[] = [
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

/** Bytes that are not headers, and why they are refused. */
export const WRONG: readonly (readonly [what: string, bytes: string, code: string])[] = [
  ["another protocol", "GET / HTTP/1.1\r\n", "proxy_header_invalid"],
  ["version 1 of 108 bytes", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`, "proxy_header_invalid"],
  ["version 1 without an end", `PROXY UNKNOWN ${"x".repeat(200)}`, "proxy_header_invalid"],
  ["a port too large", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 1\r\n", "proxy_header_invalid"],
  ["the wrong family", "PROXY TCP4 ::1 ::1 1 2\r\n", "proxy_header_invalid"],
  ["LF without CR", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "proxy_header_invalid"],
  ["a length too short", by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES, 11), "proxy_header_invalid"],
  ["a length too long", by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES, 65_535), "proxy_header_invalid"],
  [
    "a length that cuts a TLV",
    by.binaryHeader(by.PROXY, by.TCP4, `${ADDRESSES}\x04\0`),
    "proxy_header_invalid",
  ],
  ["a length of more than comes", by.binaryHeader(by.PROXY, by.TCP4, ADDRESSES, 40), "proxy_header_timeout"],
  ["a wrong version", by.binaryHeader(0x31, by.TCP4, ADDRESSES), "proxy_header_invalid"],
  ["a wrong command", by.binaryHeader(0x22, by.TCP4, ADDRESSES), "proxy_header_invalid"],
  ["half a header", "PROXY TCP4 1.1.1.1", "proxy_header_timeout"],
  ["nothing", "", "proxy_header_timeout"],
];
