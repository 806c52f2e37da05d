import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { blockMeantBy, type Cidr, CidrSet, parseCidr } from "../../../../src/wire/ip/cidr.ts";

Deno.test("parseCidr() reads addresses and blocks", () => {
  const cases: [string, Cidr][] = [
    ["10.0.0.0/8", { address: "10.0.0.0", prefix: 8, family: "ipv4" }],
    ["10.1.2.3/8", { address: "10.1.2.3", prefix: 8, family: "ipv4" }],
    ["192.0.2.1", { address: "192.0.2.1", prefix: 32, family: "ipv4" }],
    ["0.0.0.0/0", { address: "0.0.0.0", prefix: 0, family: "ipv4" }],
    ["2001:db8::/32", { address: "2001:db8::", prefix: 32, family: "ipv6" }],
    ["::1", { address: "::1", prefix: 128, family: "ipv6" }],
    ["::/0", { address: "::", prefix: 0, family: "ipv6" }],
    ["fe80::1%eth0", { address: "fe80::1", prefix: 128, family: "ipv6" }],
    ["fe80::1%eth0/10", { address: "fe80::1", prefix: 10, family: "ipv6" }],
    ["::ffff:10.0.0.1", { address: "10.0.0.1", prefix: 32, family: "ipv4" }],
    ["::FFFF:a00:1/104", { address: "10.0.0.1", prefix: 8, family: "ipv4" }],
    ["::ffff:10.0.0.1/95", { address: "::ffff:10.0.0.1", prefix: 95, family: "ipv6" }],
    ["::10.0.0.1", { address: "::10.0.0.1", prefix: 128, family: "ipv6" }],
  ];
  for (const [text, cidr] of cases) assert.deepEqual(parseCidr(text), cidr, text);
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
      assert.equal(parseCidr(each).prefix, parseCidr(each).family === "ipv4" ? 32 : 128);
      assert.ok(new CidrSet([each]).has(each));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a set has the addresses of its blocks and no others", () => {
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

Deno.test("an empty address is in no set, and no address is in an empty set", () => {
  const all = new CidrSet(["0.0.0.0/0", "::/0"]);
  for (const address of ["", "localhost", "1.2.3", "%eth0", ":"]) {
    assert.equal(all.has(address), false, address);
  }
  for (const address of ["0.0.0.0", "::", "::ffff:0.0.0.0"]) {
    assert.equal(new CidrSet([]).has(address), false, address);
    assert.equal(all.has(address), true, address);
  }
});

Deno.test("a set with something that is no block is refused", () => {
  assert.throws(() => new CidrSet(["10.0.0.0/8", "ten"]), {
    name: "SyntaxError",
    message: /^Cannot parse "ten"/,
  });
});

Deno.test("a set tells whether it covers everything", () => {
  const cases: [texts: string[], ipv4: boolean, ipv6: boolean][] = [
    [[], false, false],
    [["0.0.0.0/0"], true, false],
    [["::/0"], false, true],
    [["0.0.0.0/1"], false, false],
    [["128.0.0.0/1"], false, false],
    [["::/1"], false, false],
    [["8000::/1"], false, false],
    [["::ffff:0:0/96", "::/0"], true, true],
    [["128.0.0.0/1", "0.0.0.0/1", "8000::/1", "::/1", "10.0.0.0/8"], true, true],
    [["128.0.0.0/1", "0.0.0.0/2", "64.0.0.0/3", "8000::/1", "::1/1"], false, true],
  ];
  for (const [texts, ipv4, ipv6] of cases) {
    const set = new CidrSet(texts);
    assert.deepEqual([set.coversIpv4, set.coversIpv6], [ipv4, ipv6], texts.join());
    assert.equal(set.coversEverything, ipv4 && ipv6, texts.join());
  }
});

Deno.test("a set gives the answers of node:net's BlockList", () => {
  // Few distinct bits, so that blocks overlap, touch, and have the addresses asked for.
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
        // BlockList has 1.2.3.4 outside ::/0 and ::ffff:1.2.3.4 inside, so it is asked in one way only.
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
