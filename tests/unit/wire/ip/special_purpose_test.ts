import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCidr } from "../../../../src/wire/ip/cidr.ts";
import { formatIp } from "../../../../src/wire/ip/ip_address.ts";
import { innerAddress, purposeOf } from "../../../../src/wire/ip/special_purpose.ts";

/** Blocks of the IANA special-purpose registries that are not globally reachable, and those of multicast. */
const SPECIAL: readonly (readonly [block: string, name: RegExp])[] = [
  ["0.0.0.0/8", /unspecified/],
  ["10.0.0.0/8", /private/],
  ["100.64.0.0/10", /carrier/],
  ["127.0.0.0/8", /loopback/],
  ["169.254.0.0/16", /link-local/],
  ["172.16.0.0/12", /private/],
  ["192.0.0.0/29", /IETF/],
  ["192.0.0.8/32", /IETF/],
  ["192.0.0.170/31", /IETF/],
  ["192.0.2.0/24", /documentation/],
  ["192.88.99.0/24", /relay/],
  ["192.168.0.0/16", /private/],
  ["198.18.0.0/15", /benchmarks/],
  ["198.51.100.0/24", /documentation/],
  ["203.0.113.0/24", /documentation/],
  ["224.0.0.0/4", /multicast/],
  ["240.0.0.0/5", /reserved/],
  ["255.255.255.255/32", /broadcast/],
  ["::/128", /unspecified/],
  ["::1/128", /loopback/],
  ["64:ff9b:1::/48", /translation/],
  ["100::/64", /discarding/],
  ["100:0:0:1::/64", /discarding/],
  ["2001::/32", /IETF/],
  ["2001:2::/48", /benchmarks/],
  ["2001:10::/28", /IETF/],
  ["2001:db8::/32", /documentation/],
  ["3fff::/20", /documentation/],
  ["5f00::/16", /reserved/],
  ["fc00::/7", /private/],
  ["fe80::/10", /link-local/],
  ["fec0::/10", /site-local/],
  ["ff00::/8", /multicast/],
  // IPv4-compatible addresses (RFC 4291 section 2.5.5.1), and what IANA has assigned to no use.
  ["::a00:0/104", /reserved/],
  ["4000::/3", /reserved/],
];

/** Blocks that are globally reachable, also those inside of others. */
const PUBLIC = [
  "1.0.0.0/8",
  "8.8.8.8/32",
  "9.255.255.255/32",
  "11.0.0.0/32",
  "100.63.255.255/32",
  "100.128.0.0/32",
  "172.15.255.255/32",
  "172.32.0.0/32",
  "192.0.0.9/32",
  "192.0.0.10/32",
  "192.0.1.0/32",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.175.48.0/24",
  "198.17.255.255/32",
  "198.20.0.0/32",
  "223.255.255.255/32",
  "2001:1::1/128",
  "2001:3::/32",
  "2001:4:112::/48",
  "2001:20::/28",
  "2001:30::/28",
  "2001:200::/32",
  "2606:4700::/32",
  "2620:4f:8000::/48",
  "2a00::/16",
  "3ffe::/32",
];

function endsOf(block: string): [first: string, last: string] {
  const { first, last } = parseCidr(block);
  return [formatIp(first), formatIp(last)];
}

Deno.test("purposeOf() distinguishes the special-purpose addresses of IANA from those of hosts on the Internet", () => {
  for (const [block, name] of SPECIAL) {
    for (const address of endsOf(block)) assert.match(purposeOf(address)?.name ?? "none", name, address);
  }
  for (const address of PUBLIC.flatMap(endsOf)) assert.equal(purposeOf(address), undefined, address);
});

Deno.test("purposeOf() says which addresses are never those of one host", () => {
  const addresses = [
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "64:ff9b::",
    "2002:e000:1::",
  ];
  for (const address of addresses) assert.equal(purposeOf(address)?.isUnicast, false, address);
  for (const address of ["127.0.0.1", "10.0.0.1", "fd00::1", "240.0.0.1"]) {
    assert.equal(purposeOf(address)?.isUnicast, true, address);
  }
});

Deno.test("every IPv4 address has the same purpose mapped, in NAT64 and in 6to4", () => {
  const part = fc.integer({ min: 0, max: 255 });
  fc.assert(fc.property(fc.tuple(part, part, part, part), (parts) => {
    const address = parts.join(".");
    const [high, low] = [parts[0]! * 256 + parts[1]!, parts[2]! * 256 + parts[3]!];
    const groups = `${high.toString(16)}:${low.toString(16)}`;
    const purpose = purposeOf(address);
    for (
      const other of [`::ffff:${address}`, `::ffff:${groups}`, `64:ff9b::${address}`, `2002:${groups}::1`]
    ) {
      assert.equal(innerAddress(other), address, other);
      assert.deepEqual(purposeOf(other), purpose, other);
    }
  }));
});

Deno.test("every address of a special block has its purpose", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SPECIAL),
      fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
      ([block, name], bits) => {
        const { first, last } = parseCidr(block);
        const address = first.map((word, index) => (word | bits[index]! & (last[index]! ^ word)) >>> 0);
        assert.match(purposeOf(formatIp(address))?.name ?? "none", name, formatIp(address));
      },
    ),
  );
});

Deno.test("innerAddress() ignores zones, and knows what is no address", () => {
  assert.equal(innerAddress("fe80::1%eth0"), "fe80::1");
  assert.equal(innerAddress("64:ff9b:0:0:1::"), "64:ff9b:0:0:1::");
  for (const text of ["", "a", "127.1", "1.2.3.4.5", "1.2.3.256"]) {
    assert.equal(innerAddress(text), undefined, text);
  }
  assert.throws(() => purposeOf("db.internal"), { name: "SyntaxError", message: /"db\.internal"/ });
});
