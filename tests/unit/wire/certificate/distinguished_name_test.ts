import assert from "node:assert/strict";
import { commonNameText, DistinguishedName } from "../../../../src/wire/certificate/distinguished_name.ts";
import {
  attribute,
  commonName,
  der,
  nameOf,
  organization,
  text,
} from "../../../support/bytes/certificate_bytes.ts";

const shown = (...sets: Uint8Array[][]) => String(new DistinguishedName(nameOf(...sets)));
const named = (...sets: Uint8Array[][]) => new DistinguishedName(nameOf(...sets)).commonName;

Deno.test("DistinguishedName shows its parts in the certificate's order", () => {
  assert.equal(shown([organization("Acme")], [commonName("alice")]), "O=Acme, CN=alice");
  assert.equal(
    shown([attribute("2.5.4.97", "NTRDE-1")], [attribute("1.2.3", "x")]),
    "organizationIdentifier=NTRDE-1, 1.2.3=x",
  );
  assert.equal(shown([organization("Acme"), commonName("alice")]), "O=Acme+CN=alice");
  assert.equal(shown(), "");
});

Deno.test("DistinguishedName finds the common name, of several the last, also in a set of attributes", () => {
  assert.equal(named([organization("Acme")], [commonName("alice")]), "alice");
  assert.equal(named([organization("Acme"), commonName("alice")]), "alice");
  assert.equal(named([commonName("alice"), organization("Acme")]), "alice");
  assert.equal(named([commonName("users")], [commonName("alice")]), "alice");
  assert.equal(named([organization("Acme")]), undefined);
  assert.equal(named([commonName("alice")], [commonName(der(0x04, Uint8Array.of(1)))]), undefined, "no text");
});

Deno.test("DistinguishedName lets no value look like another part", () => {
  const forged = [[organization("x\nCN=admin")], [commonName("bob")]];
  assert.equal(shown(...forged), "O=x\\0aCN=admin, CN=bob");
  assert.equal(named(...forged), "bob");
  assert.equal(shown([organization("x, CN=admin")], [commonName("bob")]), "O=x\\, CN=admin, CN=bob");
  assert.equal(shown([organization("x+CN=admin")]), "O=x\\+CN=admin");
  assert.equal(shown([commonName('a"b;c<d>e\\')]), 'CN=a\\"b\\;c\\<d\\>e\\\\');
  assert.equal(shown([commonName(" a b ")]), "CN=\\ a b\\ ");
  assert.equal(shown([commonName("#a#")]), "CN=\\#a#");
  assert.equal(shown([commonName("\0\x1b[31m\x7f\u0085")]), "CN=\\00\\1b[31m\\7f\\c2\\85");
  assert.equal(shown([commonName("\u202egnp.exe\u2028")]), "CN=\\e2\\80\\aegnp.exe\\e2\\80\\a8");
  assert.equal(shown([commonName("Zoë 🙂")]), "CN=Zoë 🙂");
  assert.equal(commonNameText("x, CN=admin\n"), "CN=x\\, CN=admin\\0a");
});

Deno.test("DistinguishedName reads every kind of string, and shows what is none in hexadecimal", () => {
  for (const tag of [0x0c, 0x13, 0x16, 0x1a]) assert.equal(named([commonName(text(tag, "alice"))]), "alice");
  assert.equal(named([commonName(der(0x14, Uint8Array.of(0x5a, 0x6f, 0xeb)))]), "Zoë");
  assert.equal(
    named([commonName(der(0x1e, Uint8Array.of(0, 0x5a, 0, 0xeb, 0xd8, 0x3d, 0xde, 0x42)))]),
    "Zë🙂",
  );
  assert.equal(named([commonName(der(0x1c, Uint8Array.of(0, 1, 0xf6, 0x42)))]), "🙂");
  assert.equal(shown([commonName(der(0x0c, Uint8Array.of(0xff)))]), "CN=#0c01ff");
  assert.equal(shown([commonName(der(0x1e, Uint8Array.of(0)))]), "CN=#1e0100");
  assert.equal(shown([commonName(der(0x1e, Uint8Array.of(0, 65, 0)))]), "CN=#1e03004100");
  assert.equal(named([commonName("\ufeffa")]), "\ufeffa");
  assert.equal(shown([commonName(der(0x1c, Uint8Array.of(0xff, 0, 0, 0)))]), "CN=#1c04ff000000");
  assert.equal(shown([commonName(der(0x02, Uint8Array.of(7)))]), "CN=#020107");
});

Deno.test("DistinguishedName refuses what is no name", () => {
  for (
    const bytes of [[], [0x31, 0], [0x30, 1], [0x30, 0x80, 0, 0], [0x30, 0x81, 0], [0x30, 2, 0x31, 1], [
      0x30,
      0,
      0,
    ]]
  ) {
    assert.throws(
      () => new DistinguishedName(Uint8Array.from(bytes)),
      { name: "MalformedError" },
      String(bytes),
    );
  }
});
