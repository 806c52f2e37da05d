import assert from "node:assert/strict";
import { decodeProxyHeader, encodeProxyHeader } from "../../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { crc32c } from "../../../../src/wire/proxy_protocol/tlvs.ts";
import { MAX_PROXY_HEADER, type ProxyHeader } from "../../../../src/wire/proxy_protocol/header.ts";
import { bytesOf, ENDPOINTS, fromHex, hex, joined, proxied, tcp, withChecksum } from "./proxy_headers.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";

Deno.test("version 2: headers are decoded byte by byte as specified", () => {
  const path = (text: string) => hex(bytesOf(text)).padEnd(216, "0");
  const cases: [bytes: string, header: ProxyHeader][] = [
    [`2111000c c0a80001 c0a8000b dc04 01bb`, ENDPOINTS],
    [
      `21210024 20010db8000000000000000000000001 00000000000000000000ffff0a000002 0001 ffff`,
      proxied(tcp("2001:db8::1", 1), tcp("10.0.0.2", 65535)),
    ],
    [`213100d8 ${path("/run/client.sock")} ${path("/run/größe.sock")}`, {
      command: "proxy",
      source: { transport: "unix", path: "/run/client.sock" },
      destination: { transport: "unix", path: "/run/größe.sock" },
    }],
    [`213100d8 ${path("")} ${"78".repeat(108)}`, {
      command: "proxy",
      source: { transport: "unix", path: "" },
      destination: { transport: "unix", path: "x".repeat(108) },
    }],
    [`213100d8 ${path("\0abstract")} ${path("@abstract")}`, {
      command: "proxy",
      source: { transport: "unix", path: "@abstract" },
      destination: { transport: "unix", path: "./@abstract" },
    }],
    ["20000000", { command: "local" }],
    // Family, addresses and anything else are to be ignored.
    ["2011000c c0a80001 c0a8000b dc04 01bb", { command: "local" }],
    ["20ff0003 020009", { command: "local" }],
    ["21000000", { command: "proxy" }],
    ["21000005 020002 6162", { command: "proxy", authority: "ab" }],
    // Datagrams.
    ["2112000c c0a80001 c0a8000b dc04 01bb", { command: "proxy" }],
    [`213200d8 ${path("a")} ${path("b")}`, { command: "proxy" }],
    ["21120010 c0a80001 c0a8000b dc04 01bb 010001 41", { command: "proxy", alpn: "A" }],
    // With LOCAL, invalid combinations of family and transport are ignored as well.
    ["20010000", { command: "local" }],
    ["2010000c c0a80001 c0a8000b dc04 01bb", { command: "local" }],
  ];
  for (const [rest, header] of cases) {
    const bytes = fromHex(SIGNATURE + rest);
    const expected = { kind: "header", header, length: bytes.length };
    assert.deepEqual(decodeProxyHeader(bytes), expected, rest);
    assert.deepEqual(decodeProxyHeader(joined(bytes, SIGNATURE)), expected, rest);
  }
});

Deno.test("version 2: all records are decoded, unknown ones kept and padding dropped", () => {
  const sub = [
    "210007 544c5376312e33",
    "220003 c3b66b",
    "230002 4145",
    "240003 525341",
    "250002 4543",
    "260001 ff",
  ];
  const tls = `05 00000001 ${sub.join("")}`;
  const records = [
    "010002 6832",
    "020004 c3b62e65",
    "040003 ffffff",
    "050002 00ff",
    record("20", tls),
    "300002 6e73",
    "ea0002 0001",
    "040000",
    "ea0000",
  ];
  assert.deepEqual(decodeProxyHeader(withRecords(...records)), {
    kind: "header",
    header: {
      command: "proxy",
      alpn: "h2",
      authority: "ö.e",
      uniqueId: Uint8Array.of(0, 255),
      tls: {
        client: 5,
        verify: 1,
        version: "TLSv1.3",
        commonName: "ök",
        cipher: "AE",
        signatureAlgorithm: "RSA",
        keyAlgorithm: "EC",
        others: [{ type: 0x26, value: Uint8Array.of(255) }],
      },
      namespace: "ns",
      others: [{ type: 0xea, value: Uint8Array.of(0, 1) }, { type: 0xea, value: new Uint8Array(0) }],
    },
    length: withRecords(...records).length,
  });
});

Deno.test("version 2: a header is not complete before its padding", () => {
  const bytes = withRecords("020001 61", "040003 000000");
  for (let length = 16; length < bytes.length; length++) {
    const decoded = decodeProxyHeader(bytes.subarray(0, length));
    assert.deepEqual(decoded, { kind: "need_more", atLeast: bytes.length });
  }
  assert.equal(decodeProxyHeader(bytes).kind, "header");
});

Deno.test("version 2: a name in another encoding than UTF-8 is read as far as possible", () => {
  const decoded = decodeProxyHeader(withRecords(record("20", "07 00000000 220002 f66b")));
  assert.ok(decoded.kind === "header");
  assert.deepEqual(decoded.header.tls, { client: 7, verify: 0, commonName: "\ufffdk" });
});

Deno.test("version 2: a header is refused at its first wrong byte", () => {
  const block = "c0a80001 c0a8000b dc04 01bb";
  const cases: (readonly [right: string, wrong: string, reason: RegExp])[] = [
    ["", "11", /version/],
    ["", "31", /version/],
    ["", "22", /command/],
    ["", "2f", /command/],
    ["21", "41", /family/],
    ["21", "f1", /family/],
    ["21", "13", /transport/],
    ["21", "1f", /transport/],
    ...["01", "02", "10", "20", "30"].map((wrong) => ["21", wrong, /without a transport/] as const),
    ["2111 00", "0b", /addresses/],
    ["2121 00", "23", /addresses/],
    ["2131 00", "d7", /addresses/],
    ["2111", "10", /4096/],
    ["2111", "ff", /4096/],
    ["2111 0f", "f1", /4096/],
    ["2011 0f", "f1", /4096/],
    // One or two bytes cannot be a record.
    ["2111 00", "0d", /too short/],
    ["2111 00", "0e", /too short/],
    [`2111000f ${block} 0200`, "01", /TLV 0x02 runs past the end/],
    [`2111010f ${block} 0101`, "01", /TLV 0x01 runs past the end/],
    [`21110014 ${block} 020005 61`, "ff616161", /UTF-8/],
    [`21110014 ${block} 0300`, "05", /length of the checksum/],
    [`21110013 ${block} 0300`, "03", /length of the checksum/],
    [`211100ff ${block} 0500`, "81", /unique ID/],
    [`21110018 ${block} 020001 61 0200`, "01", /0x02 occurs twice/],
    [`21110014 ${block} 2000`, "04", /TLS record runs past/],
    [`2111001b ${block} 20000c 01 00000000 2100`, "05", /TLV 0x21 runs past/],
    [`2111001b ${block} 20000c 01 00000000 210004 54`, "015454", /ASCII/],
    [`21110021 ${block} 200012 01 00000000 210001 54 ff0000 2100`, "01", /0x21 occurs twice/],
  ];
  for (const [right, wrong, reason] of cases) {
    const before = fromHex(SIGNATURE + right);
    assert.equal(decodeProxyHeader(before).kind, "need_more", right);
    for (const after of [wrong, wrong + "00".repeat(300)]) {
      const decoded = decodeProxyHeader(joined(before, after));
      assert.ok(decoded.kind === "invalid", `${right} ${wrong}: ${decoded.kind}`);
      assert.match(decoded.reason, reason, `${right} ${wrong}`);
    }
  }
  for (let at = 1; at < 12; at++) {
    const bytes = fromHex(SIGNATURE.slice(0, at * 2));
    assert.deepEqual(decodeProxyHeader(bytes), { kind: "need_more", atLeast: 16 });
    assert.equal(decodeProxyHeader(joined(bytes, "ee")).kind, "invalid");
  }
});

Deno.test("version 2: the longest header is 4096 bytes", () => {
  const room = MAX_PROXY_HEADER - 16 - 12 - 3;
  const header = (length: number) => ({
    ...ENDPOINTS,
    others: [{ type: 0xe0, value: new Uint8Array(length) }],
  });
  const bytes = encodeProxyHeader(header(room), 2);
  assert.equal(bytes.length, MAX_PROXY_HEADER);
  assert.deepEqual(decodeProxyHeader(bytes), { kind: "header", header: header(room), length: bytes.length });
  for (const length of [room + 1, 65_535, 65_536 + 1]) {
    assert.deepEqual(encodeProxyHeader(header(length), 2), encodeProxyHeader(ENDPOINTS, 2));
  }
});

Deno.test("version 2: records without room are omitted, and TLS is kept first", () => {
  const other = (type: number, length: number) => ({ type, value: new Uint8Array(length) });
  const all = {
    uniqueId: new Uint8Array(128),
    authority: "a".repeat(200),
    alpn: "h2",
    namespace: "n".repeat(150),
    others: [other(0xe0, 90), other(0xe1, 80), other(0xe2, 30)],
  };
  const cases: [room: number, kept: string[]][] = [
    [131, ["uniqueId"]],
    // Later records stay if they still fit.
    [130, ["alpn", "e0"]],
    [131 + 203, ["uniqueId", "authority"]],
    [131 + 203 + 5, ["uniqueId", "authority", "alpn"]],
    [131 + 203 + 5 + 153, ["uniqueId", "authority", "alpn", "namespace"]],
    [131 + 203 + 5 + 153 + 93 + 82, ["uniqueId", "authority", "alpn", "namespace", "e0", "e2"]],
    [131 + 203 + 5 + 153 + 93 + 83, ["uniqueId", "authority", "alpn", "namespace", "e0", "e1"]],
    [0, []],
  ];
  for (const [room, kept] of cases) {
    // A TLS record that leaves so much room: 3 and 5 bytes, and 3 of the record within it.
    const filler = other(0x40, MAX_PROXY_HEADER - 16 - 12 - 3 - 5 - 3 - room);
    const tls = { client: 7, verify: 0, others: [filler] };
    const decoded = decodeProxyHeader(encodeProxyHeader({ ...ENDPOINTS, ...all, tls }, 2));
    assert.ok(decoded.kind === "header");
    const { command: _command, source: _source, destination: _destination, tls: sent, others = [], ...rest } =
      decoded.header;
    assert.deepEqual(sent, tls);
    const found = [...Object.keys(rest), ...others.map(({ type }) => type.toString(16))];
    assert.deepEqual(found.sort(), kept.sort(), `room for ${room} bytes`);
  }
});

Deno.test("version 2: the longest values, and bytes with a meaning elsewhere, are sent", () => {
  const unix = (path: string) => ({ transport: "unix", path }) as const;
  const header: ProxyHeader = {
    ...proxied(unix("x".repeat(108)), unix("ö".repeat(54))),
    uniqueId: new Uint8Array(128),
    authority: "\ufeffa",
    tls: { client: 0, verify: 0xffff_ffff, commonName: "\ufeffa" },
  };
  const bytes = encodeProxyHeader(header, 2);
  assert.deepEqual(decodeProxyHeader(bytes), { kind: "header", header, length: bytes.length });
});

Deno.test("version 2: the name of an abstract socket begins with a NUL byte, as in the system", () => {
  const unix = (path: string) => ({ transport: "unix", path }) as const;
  const header = proxied(unix("@name"), unix("/run/a.sock"));
  const bytes = encodeProxyHeader(header, 2);
  assert.deepEqual(bytes.slice(16, 22), bytesOf("\0name\0"));
  assert.deepEqual(decodeProxyHeader(bytes), { kind: "header", header, length: bytes.length });
});

Deno.test("version 2: a file whose name begins with @ stays a file", () => {
  const unix = (path: string) => ({ transport: "unix", path }) as const;
  const header = proxied(unix("./@name"), unix("@./@name"));
  const bytes = encodeProxyHeader(header, 2);
  assert.deepEqual(bytes.slice(16, 22), bytesOf("@name\0"));
  assert.deepEqual(bytes.slice(16 + 108, 16 + 116), bytesOf("\0./@name"));
  assert.deepEqual(decodeProxyHeader(bytes), { kind: "header", header, length: bytes.length });
  const longest = proxied(unix(`./@${"x".repeat(107)}`), unix("/a"));
  assert.equal(decodeProxyHeader(encodeProxyHeader(longest, 2)).kind, "header");
});

Deno.test("CRC32c has the values of RFC 3720, appendix B.4", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
  assert.equal(crc32c(bytesOf("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32).fill(7, 3, 7), 3), 0x8a9136aa);
});

Deno.test("version 2: the checksum detects every wrong byte", () => {
  const header: ProxyHeader = { ...ENDPOINTS, authority: "a.example", uniqueId: Uint8Array.of(1, 2, 3) };
  const bytes = withChecksum(encodeProxyHeader(header, 2));
  assert.deepEqual(decodeProxyHeader(bytes), { kind: "header", header, length: bytes.length });
  const sum = new DataView(bytes.buffer).getUint32(bytes.length - 4);
  assert.equal(sum, crc32c(joined(bytes.subarray(0, -4), "00000000")));
  for (let at = 16; at < bytes.length; at++) {
    const wrong = bytes.slice();
    wrong[at]! ^= 1;
    assert.notEqual(decodeProxyHeader(wrong).kind, "header", `byte ${at}`);
  }
});

Deno.test("version 2: an IPv4 and an IPv6 address are sent as two IPv6 ones, an address and a path not at all", () => {
  const mixed = proxied(tcp("10.0.0.1", 1), tcp("2001:db8::1", 2));
  assert.equal(
    hex(encodeProxyHeader(mixed, 2).subarray(12)),
    "2121002400000000000000000000ffff0a00000120010db800000000000000000000000100010002",
  );
  const odd = proxied(tcp("10.0.0.1", 1), { transport: "unix", path: "/run/a.sock" });
  assert.equal(hex(encodeProxyHeader(odd, 2).subarray(12)), "21000000");
  assert.equal(hex(encodeProxyHeader({ command: "local", authority: "a" }, 2).subarray(12)), "20000000");
});

function record(type: string, value: string): string {
  return `${type}${fromHex(value).length.toString(16).padStart(4, "0")}${value}`;
}

/** A header of version 2 without addresses. */
function withRecords(...records: string[]): Uint8Array {
  const bytes = fromHex(records.join(""));
  return joined(fromHex(`${SIGNATURE}2100${bytes.length.toString(16).padStart(4, "0")}`), hex(bytes));
}
