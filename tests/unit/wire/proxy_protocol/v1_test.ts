import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeProxyHeader, encodeProxyHeader } from "../../../../src/wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyAddress, ProxyHeader } from "../../../../src/wire/proxy_protocol/header.ts";
import { bytesOf, ENDPOINTS, latin1, proxied, tcp } from "./proxy_headers.ts";

Deno.test("version 1: the line of the specification is decoded and encoded", () => {
  const line = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
  assert.deepEqual(decode(`${line}GET / HTTP/1.1\r\n`), {
    kind: "header",
    header: ENDPOINTS,
    length: line.length,
  });
  assert.equal(latin1(encodeProxyHeader(ENDPOINTS, 1)), line);
});

Deno.test("version 1: every kind of line is decoded, up to the longest", () => {
  const ipv6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const unknown: ProxyHeader = { command: "proxy" };
  const cases: [line: string, header: ProxyHeader, length?: number][] = [
    ["PROXY TCP4 0.0.0.0 255.255.255.255 0 65535", proxied(tcp("0.0.0.0", 0), tcp("255.255.255.255", 65535))],
    [
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
      proxied(tcp("255.255.255.255", 65535), tcp("255.255.255.255", 65535)),
      56,
    ],
    [`PROXY TCP6 ${ipv6} ${ipv6} 65535 65535`, proxied(tcp(ipv6, 65535), tcp(ipv6, 65535)), 104],
    ["PROXY TCP6 2001:0DB8::0:1 :: 1 2", proxied(tcp("2001:db8::1", 1), tcp("::", 2))],
    ["PROXY TCP6 ::ffff:10.0.0.1 ::ffff:a00:2 1 2", proxied(tcp("10.0.0.1", 1), tcp("10.0.0.2", 2))],
    ["PROXY UNKNOWN", unknown, 15],
    ["PROXY UNKNOWN ", unknown],
    [`PROXY UNKNOWN ${ipv6} ${ipv6} 65535 65535`, unknown, 107],
    ["PROXY UNKNOWN \r \n\n \xff\0 PROXY TCP4\r", unknown],
  ];
  for (const [line, header, length] of cases) {
    const expected = { kind: "header", header, length: line.length + 2 };
    assert.deepEqual(decode(`${line}\r\nhello\r\n`), expected, line);
    if (length !== undefined) assert.equal(expected.length, length, line);
  }
});

Deno.test("version 1: a line is refused at its first wrong byte", () => {
  const long = `PROXY UNKNOWN ${"x".repeat(107)}`;
  // A valid beginning, and an invalid byte.
  const cases: [right: string, wrong: string][] = [
    ["", "G"],
    ["", "p"],
    ["", "\n"],
    ["PROXY", "\r"],
    ["PROXY ", " "],
    ["PROXY ", "t"],
    ["PROXY T", "c"],
    ["PROXY TCP", "5"],
    ["PROXY TCP4", "\t"],
    ["PROXY TCP4", "\r"],
    ["PROXY TCP4 ", " "],
    ["PROXY TCP4 ", "\r"],
    ["PROXY TCP4 ", ":"],
    ["PROXY TCP4 ", "\xb2"],
    ["PROXY TCP4 25", "6"],
    ["PROXY TCP4 0", "1"],
    ["PROXY TCP4 1.2.3", " "],
    ["PROXY TCP4 1.2.3.4", "."],
    ["PROXY TCP4 1.2.3.4", "\r"],
    ["PROXY TCP4 1.2.3.4 ", " "],
    ["PROXY TCP4 1.2.3.4 5.6.7.8", "\n"],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 0", "0"],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 6553", "6"],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 ", "-"],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 1", "\r"],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 1 ", "\r"],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 1 2", " "],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 1 2", "\n"],
    ["PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r", "\r"],
    ["PROXY TCP6 1", "."],
    ["PROXY TCP6 1234", "5"],
    ["PROXY TCP6 ", "g"],
    ["PROXY TCP6 :", " "],
    ["PROXY TCP6 ::", ":"],
    ["PROXY TCP6 1::2:", ":"],
    ["PROXY TCP6 fe80::1", "%"],
    ["PROXY TCP6 1:2:3:4:5:6:7", " "],
    ["PROXY TCP6 1:2:3:4:5:6:7:8", ":"],
    ["PROXY TCP6 ::1.2.3.4", ":"],
    ["PROXY UNKNOWN", "\n"],
    ["PROXY UNKNOWN", "S"],
    ["PROXY UNKNOWN\r", " "],
    [long.slice(0, 105), long.charAt(105)],
    [`${long.slice(0, 105)}\r`, "\r"],
  ];
  for (const [right, wrong] of cases) {
    assert.equal(decode(right).kind, "need_more", JSON.stringify(right));
    assert.equal(decode(right + wrong).kind, "invalid", JSON.stringify(right + wrong));
    assert.equal(decode(`${right}${wrong}\r\n`).kind, "invalid", JSON.stringify(right + wrong));
  }
});

Deno.test("version 1: a text that needs more can become a header", () => {
  const pieces = [
    "PROXY",
    " ",
    "TCP4",
    "TCP6",
    "UNKNOWN",
    ":",
    "::",
    ".",
    "0",
    "1.2.3.4",
    "fe80",
    "255",
    "\r",
  ];
  const starts = fc.constantFrom(
    "",
    "PROXY TCP4 ",
    "PROXY TCP6 ",
    "PROXY TCP6 ::1 ",
    "PROXY TCP4 1.2.3.4 1.2.3.4 ",
  );
  const addresses = [
    "",
    ...["1.2.3.4", ".2.3.4", "2.3.4", ".3.4", "3.4", ".4", "4"],
    ":",
    "::",
    "::1",
    "4::",
  ];
  const tails = ["", "\n", "\r\n", " 1\r\n", " 1 1\r\n", "1\r\n", "1 1\r\n"];
  const completions = [
    "PROXY UNKNOWN\r\n",
    "TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
    ...addresses.flatMap((address) => tails.map((tail) => address + tail)),
    ...addresses.flatMap((address) => [`${address} ::1 1 1\r\n`, `${address} 1.2.3.4 1 1\r\n`]),
  ];
  const text = fc.tuple(starts, fc.array(fc.constantFrom(...pieces), { maxLength: 9 }));
  let completed = 0;
  fc.assert(
    fc.property(text, ([start, rest]) => {
      const line = start + rest.join("");
      // Version 2 begins with CR.
      if (line.startsWith("\r")) return;
      if (line.length > 80 || decode(line).kind !== "need_more") return;
      completed++;
      const words = ["PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN"].map((word) => word.slice(line.length));
      const lines = ["", ...words].flatMap((word) => completions.map((each) => line + word + each));
      assert.ok(lines.some((each) => decode(each).kind === "header"), JSON.stringify(line));
    }),
    { numRuns: 1000 },
  );
  assert.ok(completed > 100, `${completed}`);
});

Deno.test("version 1: paths, mixed families and connections of the proxy itself are UNKNOWN", () => {
  const unix: ProxyAddress = { transport: "unix", path: "/run/a.sock" };
  const headers: ProxyHeader[] = [
    { command: "local" },
    { command: "proxy" },
    proxied(unix, unix),
    proxied(unix, tcp("10.0.0.1", 1)),
    proxied(tcp("10.0.0.1", 1), tcp("2001:db8::1", 2)),
  ];
  for (const header of headers) assert.equal(latin1(encodeProxyHeader(header, 1)), "PROXY UNKNOWN\r\n");
});

Deno.test("formatIp() writes IPv6 addresses as in RFC 5952", () => {
  const cases = [
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["0:0:1:0:0:0:0:0", "0:0:1::"],
    ["fe80::1%eth0", "fe80::1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
  ];
  for (const [text, canonical] of cases) {
    const bytes = encodeProxyHeader(proxied(tcp(text!, 1), tcp("::2", 1)), 1);
    assert.equal(latin1(bytes), `PROXY TCP6 ${canonical} ::2 1 1\r\n`);
  }
});

function decode(text: string): ReturnType<typeof decodeProxyHeader> {
  return decodeProxyHeader(bytesOf(text, true));
}
