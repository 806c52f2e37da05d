import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeProxyHeader, encodeProxyHeader } from "../../../../src/wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyHeader } from "../../../../src/wire/proxy_protocol/header.ts";
import {
  bytesOf,
  canonical,
  encoded,
  ENDPOINTS,
  fromHex,
  headers,
  ipv4,
  ipv6,
  mutated,
  port,
  proxied,
  tcp,
  withChecksum,
} from "./proxy_headers.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";

Deno.test("encodeProxyHeader() throws a RangeError for values that cannot be sent", () => {
  const headers: ProxyHeader[] = [
    proxied(tcp("localhost", 1), tcp("10.0.0.1", 1)),
    proxied(tcp("10.0.0.1", 65536), tcp("10.0.0.1", 1)),
    proxied(tcp("10.0.0.1", 1), tcp("10.0.0.1", -1)),
    proxied(tcp("10.0.0.1", 1.5), tcp("10.0.0.1", 1)),
  ];
  for (const header of headers) {
    for (const version of [1, 2] as const) {
      assert.throws(() => encodeProxyHeader(header, version), RangeError);
    }
  }
  const path = { transport: "unix", path: "ö".repeat(55) } as const;
  for (
    const header of [
      proxied(path, path),
      { ...ENDPOINTS, uniqueId: new Uint8Array(129) },
      {
        ...ENDPOINTS,
        alpn: "→",
      },
      { ...ENDPOINTS, namespace: "ö" },
      { ...ENDPOINTS, tls: { client: 1, verify: 0, version: "\n" } },
    ]
  ) {
    assert.throws(() => encodeProxyHeader(header, 2), RangeError);
  }
});

Deno.test("decodeProxyHeader() restores an encoded header", () => {
  fc.assert(
    fc.property(headers(), fc.boolean(), ({ header, expected }, checksum) => {
      const plain = encodeProxyHeader(header, 2);
      const bytes = checksum ? withChecksum(plain) : plain;
      assert.deepEqual(decodeProxyHeader(bytes), { kind: "header", header: expected, length: bytes.length });
    }),
    { numRuns: 1000 },
  );
  const families = fc.oneof(fc.tuple(ipv4(), ipv4()), fc.tuple(ipv6(), ipv6()));
  fc.assert(
    fc.property(families, port(), port(), ([source, destination], sourcePort, destinationPort) => {
      const header = proxied(tcp(source, sourcePort), tcp(destination, destinationPort));
      const bytes = encodeProxyHeader(header, 1);
      const expected = proxied(
        tcp(canonical(source), sourcePort),
        tcp(canonical(destination), destinationPort),
      );
      assert.deepEqual(decodeProxyHeader(bytes), { kind: "header", header: expected, length: bytes.length });
    }),
    { numRuns: 1000 },
  );
});

Deno.test("decodeProxyHeader() needs more for a header that is cut anywhere, and ignores bytes after it", () => {
  fc.assert(
    fc.property(encoded(), fc.uint8Array({ maxLength: 40 }), (bytes, payload) => {
      for (let length = 0; length < bytes.length; length++) {
        const decoded = decodeProxyHeader(bytes.subarray(0, length));
        assert.ok(decoded.kind === "need_more", `${length} of ${bytes.length}: ${JSON.stringify(decoded)}`);
        assert.ok(decoded.atLeast > length && decoded.atLeast <= bytes.length, `${decoded.atLeast}`);
      }
      const decoded = decodeProxyHeader(bytes);
      assert.ok(decoded.kind === "header" && decoded.length === bytes.length);
      assert.deepEqual(decodeProxyHeader(Uint8Array.of(...bytes, ...payload)), decoded);
    }),
  );
});

Deno.test("decodeProxyHeader() returns no view of the buffer", () => {
  fc.assert(fc.property(encoded(), (bytes) => {
    const decoded = decodeProxyHeader(bytes);
    const before = structuredClone(decoded);
    bytes.fill(0xff);
    assert.deepEqual(decoded, before);
  }));
});

Deno.test("decodeProxyHeader() never throws, and never changes its decision with more bytes", () => {
  const words = ["PROXY ", "TCP4 ", "TCP6 ", "UNKNOWN", "1.2.3.4 ", "::1 ", "80", " ", "\r\n", "\xff"];
  const lines = fc.array(fc.constantFrom(...words), { maxLength: 14 }).map((each) =>
    bytesOf(each.join(""), true)
  );
  const tails = fc.uint8Array({ maxLength: 60 });
  const binary = fc.tuple(
    fc.constantFrom(0x20, 0x21),
    fc.constantFrom(0, 0x11, 0x21, 0x31),
    fc.nat(80),
    tails,
  )
    .map(([command, family, length, rest]) =>
      Uint8Array.of(...fromHex(SIGNATURE), command, family, 0, length, ...rest)
    );
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), lines, binary, mutated()), (bytes) => {
      let last = decodeProxyHeader(bytes.subarray(0, 0));
      for (let length = 1; length <= bytes.length; length++) {
        const next = decodeProxyHeader(bytes.subarray(0, length));
        if (last.kind !== "need_more") assert.deepEqual(next, last);
        if (next.kind === "header") assert.ok(last.kind === "header" || next.length === length);
        last = next;
      }
    }),
    { numRuns: 1000 },
  );
});
