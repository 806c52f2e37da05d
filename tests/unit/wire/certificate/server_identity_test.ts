import assert from "node:assert/strict";
import { readCertificate } from "../../../../src/wire/certificate/certificate.ts";
import { ServerIdentity } from "../../../../src/wire/certificate/server_identity.ts";
import {
  alternativeNames,
  commonName,
  dnsName,
  issue,
  nameOf,
  organization,
  text,
} from "../../../support/bytes/certificate_bytes.ts";

function identity(
  names: Uint8Array[],
  subject: string | Uint8Array = nameOf([organization("Test")]),
): ServerIdentity {
  const extensions = names.length === 0 ? [] : [alternativeNames(...names)];
  return new ServerIdentity(readCertificate(issue({ subject, extensions }).raw));
}

const ip = (...bytes: number[]) => Uint8Array.of(0x87, bytes.length, ...bytes);
const V6 = [0x20, 0x01, 0x0d, 0xb8, ...new Array(11).fill(0), 1];

Deno.test("ServerIdentity goes by DNS names, with a wildcard for one label", () => {
  const names = identity([dnsName("DB.test"), dnsName("*.shop.test")]);
  for (const host of ["db.test", "Db.Test.", "a.shop.test"]) assert.equal(names.isFor(host), true, host);
  for (
    const host of ["a.db.test", "shop.test", "a.b.shop.test", "*.db.test", ".shop.test", "", "xshop.test"]
  ) {
    assert.equal(names.isFor(host), false, host);
  }
  assert.equal(identity([dnsName("*.test")]).isFor("db.test"), false, "a wildcard for a whole domain");
  assert.equal(identity([dnsName("d*.shop.test")]).isFor("db.shop.test"), false, "part of a label");
  assert.equal(String(names), "DNS:DB.test, DNS:*.shop.test");
});

Deno.test("ServerIdentity goes by addresses as numbers", () => {
  const names = identity([ip(10, 0, 0, 1), ip(...V6)]);
  for (const host of ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "2001:0DB8:0::0:1"]) {
    assert.equal(names.isFor(host), true, host);
  }
  for (const host of ["10.0.0.2", "2001:db8::2", "::a00:1"]) assert.equal(names.isFor(host), false, host);
  assert.equal(identity([dnsName("10.0.0.1")]).isFor("10.0.0.1"), false, "a DNS name is no address");
  assert.equal(String(names), "IP Address:10.0.0.1, IP Address:2001:db8:0:0:0:0:0:1");
});

Deno.test("ServerIdentity takes the common name only where there is no DNS name", () => {
  const subject = nameOf([commonName("old.test")], [commonName("db.test")]);
  assert.equal(identity([], subject).isFor("db.test"), true);
  assert.equal(identity([], subject).isFor("old.test"), false, "the last one is the name");
  assert.equal(identity([dnsName("a.test")], subject).isFor("db.test"), false);
  assert.equal(String(identity([], subject)), "CN=db.test");
  assert.equal(String(identity([])), "no name at all");
});

Deno.test("ServerIdentity lets no name look like another one", () => {
  const uri = text(0x86, "http://a.test/, DNS:db.test");
  const email = text(0x81, "a@a.test, DNS:db.test");
  for (const names of [[uri], [email], [dnsName("a.test, DNS:db.test")], [dnsName("a.test\nDNS:db.test")]]) {
    assert.equal(identity(names).isFor("db.test"), false);
    assert.equal(String(identity(names)), "no name at all");
  }
  assert.equal(identity([], nameOf([organization("x\nCN=db.test")])).isFor("db.test"), false);
  assert.equal(identity([dnsName("db.test\0.evil.test")]).isFor("db.test"), false);
  assert.equal(String(identity([], nameOf([commonName("a, DNS:b")]))), "CN=a\\, DNS:b");
});
