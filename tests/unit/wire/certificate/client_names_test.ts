import assert from "node:assert/strict";
import { identityByName, identityOf } from "../../../../src/wire/certificate/client_identity.ts";
import { ClientNameSet } from "../../../../src/wire/certificate/client_names.ts";
import {
  alternativeNames,
  authority,
  commonName,
  dnsName,
  issue,
  nameOf,
  organization,
  text,
} from "../../../support/bytes/certificate_bytes.ts";

const root = authority();
const withNames = (...names: Uint8Array[]) =>
  identityOf(issue({ subject: "cn", extensions: [alternativeNames(...names)] }, root).raw);
const withSubject = (subject: string | Uint8Array) => identityOf(issue({ subject }, root).raw);
const email = (address: string) => text(0x81, address);
const uri = (address: string) => text(0x86, address);

Deno.test("ClientNameSet matches DNS names in any case, and * stands for one label", () => {
  const set = new ClientNameSet(["A.devices.example", "*.sensors.example"]);
  for (
    const name of ["a.devices.example", "A.Devices.EXAMPLE", "x_1-y.sensors.example", "X.SENSORS.example"]
  ) {
    assert.ok(set.has(withNames(dnsName("other.test"), dnsName(name))), name);
  }
  for (
    const name of [
      "b.devices.example",
      "x.a.devices.example",
      "sensors.example",
      ".sensors.example",
      "a.b.sensors.example",
      "*.sensors.example",
      "x.sensors.example.evil",
      "a.devices.example\0.evil",
      "evil\0.sensors.example",
      "evil/CN=x.sensors.example",
      "a.devices.example.",
    ]
  ) assert.ok(!set.has(withNames(dnsName(name))), JSON.stringify(name));
});

Deno.test("ClientNameSet matches addresses of mail, case aside behind the @ only", () => {
  const set = new ClientNameSet(["alice@Example.com", "*@staff.example"]);
  for (const name of ["alice@example.COM", "bob@staff.example", "b.o+b@STAFF.example"]) {
    assert.ok(set.has(withNames(email(name))), name);
  }
  for (
    const name of [
      "Alice@example.com",
      "@staff.example",
      "a@b@staff.example",
      "bob@x.staff.example",
      "a b@staff.example",
    ]
  ) {
    assert.ok(!set.has(withNames(email(name))), name);
  }
  // A name of another kind is another name.
  assert.ok(!set.has(withNames(uri("alice@example.com"))));
});

Deno.test("ClientNameSet matches URIs, and * at the end all below", () => {
  const set = new ClientNameSet(["spiffe://acme.example/db", "spiffe://acme.example/ns/prod/*"]);
  for (
    const name of [
      "spiffe://acme.example/db",
      "spiffe://acme.example/ns/prod/x",
      "spiffe://acme.example/ns/prod/x/y",
    ]
  ) {
    assert.ok(set.has(withNames(uri(name))), name);
  }
  for (
    const name of [
      "spiffe://acme.example/db/x",
      "spiffe://acme.example/ns/prod/",
      "spiffe://acme.example/ns/production",
      "spiffe://evil.example/db",
    ]
  ) {
    assert.ok(!set.has(withNames(uri(name))), name);
  }
});

Deno.test("ClientNameSet takes no name of more than 2048 characters, so that many slashes take no time", () => {
  const set = new ClientNameSet(["spiffe://acme.example/*"]);
  const long = (length: number) => uri(`spiffe://acme.example/${"/".repeat(length - 22)}`);
  assert.ok(set.has(withNames(long(2048))));
  assert.ok(!set.has(withNames(long(2049))));
});

Deno.test("ClientNameSet takes the common name only where there are no alternative names, and only if it is one", () => {
  const set = new ClientNameSet(["alice", "*.devices.example", "bob@example.com", "*@staff.example"]);
  for (const name of ["alice", "a.devices.example", "bob@example.com", "eve@staff.example"]) {
    assert.ok(set.has(withSubject(name)), name);
    assert.ok(set.has(identityByName(name)), name);
    assert.ok(set.has(withSubject(nameOf([organization("Acme")], [commonName(name)]))), name);
    const twice = [
      nameOf([commonName("eve")], [commonName(name)]),
      nameOf([commonName(name)], [commonName("eve")]),
      nameOf([commonName("eve"), commonName(name)]),
      nameOf([commonName(name), commonName(name)]),
    ];
    for (const subject of twice) assert.ok(!set.has(withSubject(subject)), name);
    const named = issue({ subject: name, extensions: [alternativeNames(dnsName("other.test"))] }, root);
    assert.ok(!set.has(identityOf(named.raw)), name);
  }
  for (
    const name of [
      "Alice",
      "alice\0",
      "alice\0.evil",
      "alice\n",
      " alice",
      "/CN=alice",
      "eve/CN=alice",
      "eve, CN=alice",
      "eve\0.devices.example",
      "eve/x.devices.example",
      "a.b.devices.example",
    ]
  ) assert.ok(!set.has(withSubject(name)), JSON.stringify(name));
});

Deno.test("identityOf() of a certificate that cannot be read has no names", () => {
  const set = new ClientNameSet(["alice"]);
  const { raw } = issue({ subject: "alice" }, root);
  assert.ok(set.has(identityOf(raw)));
  assert.ok(!set.has(identityOf(raw.subarray(0, raw.length - 1))));
});

Deno.test("ClientNameSet refuses a * that would stand for more than it says", () => {
  const wrong = [
    "*",
    "a*.example",
    "*example.com",
    "a.*.example",
    "*.*.example",
    "*.",
    "*..example",
    "a*@example.com",
    "*@*",
    "spiffe://*/db",
  ];
  for (
    const pattern of [...wrong, "spiffe://acme.example/*/x", "spiffe://acme.example/x*", "a\0b", "a\n", ""]
  ) {
    assert.throws(() => new ClientNameSet([pattern]), {
      name: "SyntaxError",
      message: /^Cannot match names of clients with "[^]*": /,
    }, JSON.stringify(pattern));
  }
});
