import assert from "node:assert/strict";
import { readAuthority, readCertificate, readHolder } from "../../../../src/wire/certificate/certificate.ts";
import {
  alternativeNames,
  authority,
  authorityFlag,
  type Contents,
  dnsName,
  issue,
  keyUsage,
  nameOf,
  noAuthority,
  onlyNames,
  text,
  unknownExtension,
  usableFor,
} from "../../../support/bytes/certificate_bytes.ts";

const MALFORMED = { name: "MalformedError" };
const read = (contents: Partial<Contents> = {}) => readCertificate(issue({ subject: "a", ...contents }).raw);

Deno.test("readCertificate() reads what chains are judged by", () => {
  const plain = read();
  assert.deepEqual([plain.version, plain.issuer, plain.subject], [3, plain.subject, plain.issuer]);
  assert.deepEqual(plain.extensions, { isAuthority: false, unknownCritical: [] });
  assert.deepEqual([1, 2].map((version) => read({ version: version as 1 | 2 }).version), [1, 2]);
  const { extensions } = read({
    extensions: [
      authorityFlag(3),
      keyUsage(5),
      usableFor("1.2.3"),
      unknownExtension(true),
      onlyNames(dnsName("a")),
    ],
  });
  assert.deepEqual([extensions.isAuthority, extensions.pathLength, extensions.signsCertificates], [
    true,
    3,
    true,
  ]);
  assert.deepEqual([extensions.extendedKeyUsage, extensions.unknownCritical], [["1.2.3"], ["1.2.3.4"]]);
  assert.equal(extensions.nameConstraints!.permitted.length, 1);
  const other = read({ extensions: [noAuthority, keyUsage(0), unknownExtension(false)] }).extensions;
  assert.deepEqual([other.isAuthority, other.signsCertificates, other.unknownCritical], [false, false, []]);
});

Deno.test("readCertificate() reads both kinds of time", () => {
  const dates = (notBefore: Uint8Array, notAfter: Uint8Array) => {
    const { notBefore: from, notAfter: until } = read({ dates: [notBefore, notAfter] });
    return [from, until].map((time) => new Date(time).toISOString());
  };
  const utc = (time: string) => text(0x17, time);
  const general = (time: string) => text(0x18, time);
  assert.deepEqual(dates(utc("500101000000Z"), utc("491231235959Z")), [
    "1950-01-01T00:00:00.000Z",
    "2049-12-31T23:59:59.000Z",
  ]);
  assert.deepEqual(dates(utc("260228010203Z"), general("20500101000000Z")), [
    "2026-02-28T01:02:03.000Z",
    "2050-01-01T00:00:00.000Z",
  ]);
  const good = utc("260101000000Z");
  for (
    const bad of [
      utc("20260101000000Z"),
      general("260101000000Z"),
      utc("260101000000"),
      utc("2601010000Z"),
      utc("260101000000+0100"),
      general("20260101000000.5Z"),
      text(0x0c, "260101000000Z"),
      utc(""),
    ]
  ) {
    assert.throws(() => dates(bad, good), MALFORMED);
    assert.throws(() => dates(good, bad), MALFORMED);
  }
});

Deno.test("readCertificate() refuses what contradicts itself", () => {
  const twice = [authorityFlag(), authorityFlag()];
  assert.throws(() => read({ extensions: twice }), /occurs twice/);
  assert.throws(() => read({ version: 1, extensions: [noAuthority] }), /version 1 has extensions/);
  assert.throws(() => read({ version: 2, extensions: [noAuthority] }), /version 2 has extensions/);
  assert.throws(() => read({ version: 4 as 3 }), /version 4 is unknown/);
  const { raw } = issue({ subject: "a" });
  assert.throws(() => readCertificate(Uint8Array.of(...raw, 0)), MALFORMED);
});

Deno.test("readCertificate() leaves out alternative names that can be none", () => {
  const names = [dnsName("a.test"), dnsName("a, DNS:b"), dnsName("ö.test"), dnsName(""), text(0x87, "12345")];
  const { alternativeNames: found } = read({ extensions: [alternativeNames(...names)] }).extensions;
  assert.deepEqual([found!.dns, found!.ip, found!.all.length], [["a.test"], [], 5]);
});

Deno.test("readHolder() and readAuthority() read no more than they need", () => {
  const odd = authority("Odd", {
    extensions: [authorityFlag(), authorityFlag(), onlyNames(dnsName("a.test"))],
  });
  assert.throws(() => readCertificate(odd.raw), MALFORMED);
  const { subject, nameConstraints } = readAuthority(odd.raw);
  assert.deepEqual([subject, nameConstraints!.permitted.length], [odd.name, 1]);
  assert.deepEqual(readHolder(odd.raw).subject, odd.name);
  for (const version of [1, 2] as const) {
    const { raw, name } = issue({ subject: nameOf(), version });
    assert.deepEqual(readHolder(raw).subject, name);
    assert.deepEqual(readAuthority(raw).subject, name);
  }
});
