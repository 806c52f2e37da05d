import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { blockMeantBy, CidrSet, parseCidr } from "../../../../src/wire/ip/cidr.ts";

Deno.test("parseCidr() reads addresses and blocks", () => {
  const cases: [text: string, prefix: number, isIpv4: boolean, first: bigint, last: bigint][] = [
    ["10.0.0.0/8", 8, true, 0xffff_0a00_0000n, 0xffff_0aff_ffffn],
    ["10.1.2.3/8", 8, true, 0xffff_0a00_0000n, 0xffff_0aff_ffffn],
    ["192.0.2.1", 32, true, 0xffff_c000_0201n, 0xffff_c000_0201n],
    ["0.0.0.0/0", 0, true, 0xffff_0000_0000n, 0xffff_ffff_ffffn],
    ["2001:db8::/32", 32, false, 0x2001_0db8n << 96n, (0x2001_0db9n << 96n) - 1n],
    ["::1", 128, false, 1n, 1n],
    ["::/0", 0, false, 0n, (1n << 128n) - 1n],
    ["fe80::1%eth0", 128, false, (0xfe80n << 112n) + 1n, (0xfe80n << 112n) + 1n],
    ["fe80::1%eth0/10", 10, false, 0xfe80n << 112n, (0xfec0n << 112n) - 1n],
    ["::ffff:10.0.0.1", 32, true, 0xffff_0a00_0001n, 0xffff_0a00_0001n],
    ["::FFFF:a00:1/104", 8, true, 0xffff_0a00_0000n, 0xffff_0aff_ffffn],
    ["::ffff:10.0.0.1/95", 95, false, 0xfffe_0000_0000n, 0xffff_ffff_ffffn],
    ["::10.0.0.1", 128, false, 0x0a00_0001n, 0x0a00_0001n],
  ];
  const number = (words: Uint32Array) => words.reduce((sum, word) => sum << 32n | BigInt(word), 0n);
  for (const [text, ...block] of cases) {
    const { prefix, isIpv4, first, last } = parseCidr(text);
    assert.deepEqual([prefix, isIpv4, number(first), number(last)], block, text);
  }
});

Deno.test("parseCidr() refuses what is neither address nor block", () => {
  const expected = /^Cannot parse ".*": expected an address or block such as 10\.0\.0\.0\/8$/;
  const wrong = ["", "/8", "localhost", "10.0.0/8", "10.0.0.256", "010.0.0.1", " 10.0.0.1", "10.0.0.1%eth0"];
  for (const text of [...wrong, "10.0.0.1.", "1:2", ":::", "1::2::3", "::12345", "::g", "1::2:3:4:5:6:7:8"]) {
    assert.throws(() => parseCidr(text), { name: "SyntaxError", message: expected }, text);
  }
  const prefixes: [string, string][] = [
    ["10.0.0.0/33", 'Cannot parse "10.0.0.0/33": expected a prefix of 0-32 after the slash'],
    ["::/129", 'Cannot parse "::/129": expected a prefix of 0-128 after the slash'],
  ];
  for (
    const text of ["10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8.5", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/ 8"]
  ) {
    prefixes.push([text, `Cannot parse "${text}": expected a prefix of 0-32 after the slash`]);
  }
  for (const [text, message] of prefixes) {
    assert.throws(() => parseCidr(text), { name: "SyntaxError", message }, text);
  }
});

Deno.test("parseCidr() takes the addresses that node:net takes", () => {
  const piece = fc.constantFrom(
    "::",
    ":",
    ".",
    "0",
    "1",
    "01",
    "255",
    "256",
    "ffff",
    "AbC",
    "12345",
    "g",
    "1.2.3.4",
  );
  const pieces = fc.array(piece, { maxLength: 18 }).map((each) => each.join(""));
  const groups = fc.array(fc.constantFrom("0", "1f", "ffff", "", "1.2.3.4"), { minLength: 5, maxLength: 9 });
  const text = fc.oneof(fc.ipV4(), fc.ipV6(), pieces, groups.map((each) => each.join(":")));
  fc.assert(
    fc.property(text, (each) => {
      const family = isIP(each);
      if (family === 0) return assert.throws(() => parseCidr(each), SyntaxError);
      assert.equal(parseCidr(each).prefix, parseCidr(each).isIpv4 ? 32 : 128);
      assert.ok(new CidrSet([each]).has(each));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("CidrSet has the addresses of its blocks and no others", () => {
  const cases: [block: string, inside: string[], outside: string[]][] = [
    ["10.1.2.3/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "::a00:1"]],
    ["192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"], ["192.0.2.0", "192.0.2.2"]],
    ["192.0.2.1/31", ["192.0.2.0", "192.0.2.1"], ["192.0.2.2"]],
    ["0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::", "::1", "fe80::1"]],
    ["::ffff:10.0.0.0/104", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.0", "::ffff:11.0.0.0"]],
    ["::/0", ["::", "ffff::ffff", "::1.2.3.4"], ["1.2.3.4", "::ffff:1.2.3.4"]],
    ["2001:db8::5/63", ["2001:db8::", "2001:db8:0:1:ffff::"], ["2001:db8:0:2::", "2001:db7::"]],
    ["fe80::%eth0/10", ["fe80::1", "fe80::1%eth1", "febf::"], ["fec0::"]],
    ["fe80::1%eth0", ["fe80::1%eth1", "FE80:0::1"], ["fe80::2%eth0"]],
  ];
  for (const [block, inside, outside] of cases) {
    const set = new CidrSet([block]);
    for (const address of inside) assert.ok(set.has(address), `${block} has ${address}`);
    for (const address of outside) assert.ok(!set.has(address), `${block} does not have ${address}`);
  }
});

Deno.test("CidrSet never has the empty address, and an empty one has no address", () => {
  const all = new CidrSet(["0.0.0.0/0", "::/0"]);
  for (const address of ["", "localhost", "1.2.3", "%eth0", ":"]) {
    assert.equal(all.has(address), false, address);
  }
  for (const address of ["0.0.0.0", "::", "::ffff:0.0.0.0"]) {
    assert.equal(new CidrSet([]).has(address), false, address);
    assert.equal(all.has(address), true, address);
  }
});

Deno.test("CidrSet refuses a text that is not a block", () => {
  assert.throws(() => new CidrSet(["10.0.0.0/8", "ten"]), {
    name: "SyntaxError",
    message: /^Cannot parse "ten"/,
  });
});

Deno.test("CidrSet knows whether it covers everything", () => {
  const cases: [texts: string[], coversAll: boolean][] = [
    [[], false],
    [["0.0.0.0/0"], false],
    [["::/0"], false],
    [["::/0", "0.0.0.0/1"], false],
    [["::/0", "128.0.0.0/1"], false],
    [["0.0.0.0/0", "::/1"], false],
    [["0.0.0.0/0", "8000::/1"], false],
    [["::ffff:0:0/96", "::/0"], true],
    [["128.0.0.0/1", "0.0.0.0/1", "8000::/1", "::/1", "10.0.0.0/8"], true],
    [["128.0.0.0/1", "0.0.0.0/2", "64.0.0.0/3", "8000::/1", "::1/1"], false],
  ];
  for (const [texts, coversAll] of cases) {
    assert.equal(new CidrSet(texts).coversEverything, coversAll, texts.join());
  }
});

Deno.test("CidrSet gives the answers of node:net's BlockList", () => {
  // Few distinct bits, so that blocks overlap, touch, and contain the tested addresses.
  const byte = fc.constantFrom(0, 1, 2, 3, 127, 128, 254, 255);
  const ipv4 = fc.array(byte, { minLength: 4, maxLength: 4 }).map((bytes) => bytes.join("."));
  const group = fc.constantFrom("0", "1", "7fff", "8000", "fffe", "ffff");
  // Never starts with 0, where the mapped addresses are.
  const ipv6 = fc.array(group, { minLength: 7, maxLength: 7 }).map((groups) => `2001:${groups.join(":")}`);
  const mapped = ipv4.map((address) => `::ffff:${address}`);
  const block = fc.oneof(
    fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })),
    fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })),
    fc.tuple(mapped, fc.integer({ min: 96, max: 128 })),
  );
  const blocks = fc.array(block, { maxLength: 30 });
  const addresses = fc.array(fc.oneof(ipv4, ipv6, mapped), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(blocks, addresses, (list, clients) => {
      const set = new CidrSet(list.map(([address, prefix]) => `${address}/${prefix}`));
      const oracle = new BlockList();
      for (const [address, prefix] of list) oracle.addSubnet(address, prefix, familyOf(address));
      for (const client of clients) {
        // In BlockList, 1.2.3.4 is outside ::/0 and ::ffff:1.2.3.4 inside, so the test uses only one form.
        const asked = client.replace("::ffff:", "");
        assert.equal(set.has(client), oracle.check(asked, familyOf(asked)), client);
      }
    }),
    { numRuns: 300 },
  );
});

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

Deno.test("blockMeantBy() gives the block of an address inside it, and nothing for what is a block", () => {
  const cases: [string, string | undefined][] = [
    ["10.0.0.5/8", "10.0.0.0/8"],
    ["10.0.0.0/8", undefined],
    ["10.0.0.5", undefined],
    ["10.0.0.5/32", undefined],
    ["1.2.3.4/0", "0.0.0.0/0"],
    ["2001:db8::1/32", "2001:db8::/32"],
    ["2001:db8::/32", undefined],
    ["::1/0", "::/0"],
    ["::ffff:10.0.0.5/104", "10.0.0.0/8"],
    ["2001:0:0:1:0:0:0:1/127", "2001:0:0:1::/127"],
    ["1:2:3:4:5:6:7:9/127", "1:2:3:4:5:6:7:8/127"],
    ["1:0:0:4:0:0:7:9/127", "1::4:0:0:7:8/127"],
  ];
  for (const [text, block] of cases) assert.equal(blockMeantBy(text), block, text);
});

Deno.test("blockMeantBy() gives a block that has the same addresses, and stands for itself", () => {
  fc.assert(fc.property(fc.ipV6(), fc.nat(128), (address, prefix) => {
    const text = `${address}/${prefix}`;
    const block = blockMeantBy(text);
    if (block === undefined) return;
    assert.equal(blockMeantBy(block), undefined, block);
    assert.equal(new CidrSet([block]).has(address), true, block);
    assert.equal(parseCidr(block).prefix, parseCidr(text).prefix);
  }));
});
