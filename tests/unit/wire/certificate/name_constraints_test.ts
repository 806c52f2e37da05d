import assert from "node:assert/strict";
import { DerReader } from "../../../../src/wire/certificate/der.ts";
import { allows } from "../../../../src/wire/certificate/name_constraints.ts";
import {
  commonName,
  der,
  dnsName,
  nameOf,
  organization,
  text,
} from "../../../support/bytes/certificate_bytes.ts";

const ip = (...bytes: number[]) => der(0x87, Uint8Array.from(bytes));
const directory = (...sets: Uint8Array[][]) => der(0xa4, nameOf(...sets));
const email = (address: string) => text(0x81, address);
const read = (names: readonly Uint8Array[]) => names.map((name) => new DerReader(name).any());

function allowed(
  names: readonly Uint8Array[],
  permitted: readonly Uint8Array[],
  excluded: readonly Uint8Array[] = [],
) {
  return allows({ permitted: read(permitted), excluded: read(excluded) }, read(names));
}

const isPermitted = (name: Uint8Array, constraint: Uint8Array) => allowed([name], [constraint]);
const isExcluded = (name: Uint8Array, constraint: Uint8Array) => !allowed([name], [], [constraint]);

Deno.test("allows() compares DNS names by their labels", () => {
  const cases: [string, string, boolean][] = [
    ["shop.test", "shop.test", true],
    ["a.Shop.test", "SHOP.test", true],
    ["a.b.shop.test", "shop.test", true],
    ["workshop.test", "shop.test", false],
    ["test", "shop.test", false],
    ["a.shop.test", ".shop.test", true],
    ["shop.test", ".shop.test", false],
    ["*.shop.test", "shop.test", true],
    ["anything.test", "", true],
  ];
  for (const [name, constraint, isWithin] of cases) {
    assert.equal(isPermitted(dnsName(name), dnsName(constraint)), isWithin, `${name} in ${constraint}`);
    assert.equal(isExcluded(dnsName(name), dnsName(constraint)), isWithin, `${name} in ${constraint}`);
  }
  assert.equal(isPermitted(dnsName("*.test"), dnsName("shop.test")), false);
  assert.equal(isExcluded(dnsName("*.test"), dnsName("shop.test")), true, "it stands for that name too");
});

Deno.test("allows() compares addresses under a mask", () => {
  const net = ip(10, 0, 0, 0, 255, 0, 0, 0);
  assert.equal(isPermitted(ip(10, 1, 2, 3), net), true);
  assert.equal(isPermitted(ip(11, 1, 2, 3), net), false);
  assert.equal(isExcluded(ip(10, 1, 2, 3), net), true);
  assert.equal(isExcluded(ip(11, 1, 2, 3), net), false);
  assert.equal(
    isExcluded(ip(...[42, 46], 1, 2), ip(9, 9, 9, 9, 255, 46, 1, 2)),
    false,
    "no wildcard, though *. too",
  );
  const net6 = ip(0xfd, ...new Array(15).fill(0), 0xff, ...new Array(15).fill(0));
  assert.equal(isPermitted(ip(0xfd, ...new Array(15).fill(1)), net6), true);
  assert.equal(isPermitted(ip(10, 1, 2, 3), net6), false, "the other family");
  assert.throws(() => isPermitted(ip(10, 1, 2, 3), ip(10, 0, 0, 0)), { name: "MalformedError" });
  assert.throws(() => isExcluded(ip(10, 1, 2, 3), ip()), { name: "MalformedError" });
});

Deno.test("allows() compares directory names from their beginning", () => {
  const acme = directory([organization("Acme")]);
  assert.equal(isPermitted(directory([organization("Acme")], [commonName("a")]), acme), true);
  assert.equal(isPermitted(acme, acme), true);
  assert.equal(isPermitted(directory([commonName("a")], [organization("Acme")]), acme), false);
  assert.equal(isPermitted(directory(), acme), false);
  assert.equal(isPermitted(acme, directory()), true);
});

Deno.test("allows() asks each kind of name for its own constraints, and every name", () => {
  const names = [dnsName("a.test"), ip(10, 0, 0, 1)];
  assert.equal(allowed(names, []), true);
  assert.equal(allowed(names, [dnsName("a.test")]), true, "nothing is said of addresses");
  assert.equal(allowed(names, [dnsName("b.test"), dnsName("a.test")]), true, "one will do");
  assert.equal(allowed(names, [dnsName("a.test"), ip(11, 0, 0, 0, 255, 0, 0, 0)]), false);
  assert.equal(allowed(names, [dnsName("a.test")], [dnsName("a.test")]), false, "what is excluded counts");
  assert.equal(allowed([email("a@a.test")], [dnsName("b.test")]), true);
  // What cannot be compared is not allowed, on either side.
  assert.equal(isPermitted(email("a@a.test"), email("a.test")), false);
  assert.equal(isExcluded(email("a@a.test"), email("b.test")), true);
});
