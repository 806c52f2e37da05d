/** Headers of the PROXY protocol for tests: fixed and random ones. */

import fc from "fast-check";
import { crc32c } from "../../../../src/wire/proxy_protocol/tlvs.ts";
import { encodeProxyHeader } from "../../../../src/wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyAddress, ProxyHeader } from "../../../../src/wire/proxy_protocol/header.ts";

/** Otherwise fast-check makes records without a prototype, which deepEqual treats as different. */
const PLAIN = { noNullPrototype: true };

/** The client and the server of the example in section 2.1 of the specification. */
export const ENDPOINTS: ProxyHeader = {
  command: "proxy",
  source: tcp("192.168.0.1", 56324),
  destination: tcp("192.168.0.11", 443),
};

export function tcp(hostname: string, port: number): ProxyAddress {
  return { transport: "tcp", hostname, port };
}

export function proxied(source: ProxyAddress, destination: ProxyAddress): ProxyHeader {
  return { command: "proxy", source, destination };
}

export function joined(bytes: Uint8Array, more: string): Uint8Array {
  return Uint8Array.of(...bytes, ...fromHex(more));
}

export function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** UTF-8, or a byte per character. */
export function bytesOf(text: string, isLatin1 = false): Uint8Array {
  return isLatin1 ? Uint8Array.from(text, (each) => each.charCodeAt(0)) : new TextEncoder().encode(text);
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

export function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** Headers that version 2 can send, with their decoded form. */
export function headers(): fc.Arbitrary<{ header: ProxyHeader; expected: ProxyHeader }> {
  const text = fc.string({ unit: "binary", maxLength: 40 }).filter((each) => each.isWellFormed());
  const ascii = fc.string({ unit: "grapheme-ascii", maxLength: 40 });
  const others = fc.array(
    fc.record({ type: fc.integer({ min: 0x40, max: 0xff }), value: fc.uint8Array({ maxLength: 40 }) }, PLAIN),
    { minLength: 1, maxLength: 4 },
  );
  const tls = fc.record({
    client: fc.nat(255),
    verify: fc.nat(0xffff_ffff),
    version: ascii,
    commonName: text,
    cipher: ascii,
    signatureAlgorithm: ascii,
    keyAlgorithm: ascii,
    others,
  }, { ...PLAIN, requiredKeys: ["client", "verify"] });
  const tlvs = fc.record({
    alpn: fc.uint8Array({ maxLength: 20 }).map(latin1),
    authority: text,
    uniqueId: fc.uint8Array({ maxLength: 128 }),
    tls,
    namespace: ascii,
    others,
  }, { ...PLAIN, requiredKeys: [] });
  const address = fc.tuple(fc.oneof(ipv4(), ipv6()), port());
  const path = text.map((each) => each.replaceAll("\0", "").slice(0, 25));
  const addresses = fc.oneof(
    fc.constant({ given: {}, expected: {} }),
    fc.tuple(address, address).map(([from, to]) => ({
      given: { source: tcp(...from), destination: tcp(...to) },
      expected: { source: tcp(canonical(from[0]), from[1]), destination: tcp(canonical(to[0]), to[1]) },
    })),
    fc.tuple(path, path).map((paths) => {
      const [source, destination] = paths.map((each) => ({ transport: "unix" as const, path: each }));
      const pair = { source: source!, destination: destination! };
      return { given: pair, expected: pair };
    }),
  );
  const proxy = fc.tuple(addresses, tlvs).map(([{ given, expected }, rest]) => ({
    header: { command: "proxy" as const, ...given, ...rest },
    expected: { command: "proxy" as const, ...expected, ...rest },
  }));
  const local = { command: "local" as const };
  return fc.oneof({ weight: 9, arbitrary: proxy }, {
    weight: 1,
    arbitrary: fc.constant({ header: local, expected: local }),
  });
}

/** Both versions, with and without a checksum. */
export function encoded(): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  return fc.tuple(headers(), fc.constantFrom(1, 2, 3)).map(([{ header }, kind]) => {
    if (kind === 1) return encodeProxyHeader(header, 1);
    const bytes = encodeProxyHeader(header, 2);
    return kind === 2 ? bytes : withChecksum(bytes);
  });
}

/** A header of version 2 with a checksum as its last record, which sluice verifies and never sends. */
export function withChecksum(header: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from([...header, 3, 0, 4, 0, 0, 0, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(14, bytes.length - 16);
  // The sum is defined over a header that has zeros in its place, as it has until here.
  view.setUint32(bytes.length - 4, crc32c(bytes));
  return bytes;
}

/** A header with one byte changed. */
export function mutated(): fc.Arbitrary<Uint8Array> {
  return fc.tuple(encoded(), fc.nat(), fc.integer({ min: 1, max: 255 })).map(([bytes, at, change]) => {
    bytes[at % bytes.length]! ^= change;
    return bytes;
  });
}

export function ipv4(): fc.Arbitrary<string> {
  return fc.ipV4();
}

/** Many zeros, because they allow several spellings of one address. */
export function ipv6(): fc.Arbitrary<string> {
  const group = fc.constantFrom("0", "0", "0", "0000", "1", "0db8", "ABCD");
  const groups = fc.array(group, { minLength: 7, maxLength: 7 }).map((each) => `2001:${each.join(":")}`);
  return fc.oneof(fc.ipV6().filter((text) => !canonical(text).includes(".")), groups);
}

export function port(): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 65535 });
}

/** As in URLs, which follow RFC 5952 except for the dots of IPv4-mapped addresses. */
export function canonical(address: string): string {
  if (!address.includes(":")) return address;
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(text);
  if (mapped === null) return text;
  const [high, low] = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
