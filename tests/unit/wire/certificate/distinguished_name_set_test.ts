import assert from "node:assert/strict";
import { DistinguishedName } from "../../../../src/wire/certificate/distinguished_name.ts";
import { DistinguishedNameSet } from "../../../../src/wire/certificate/distinguished_name_set.ts";
import { commonName, nameOf, organization } from "../../../support/bytes/certificate_bytes.ts";

const shown = (...sets: Uint8Array[][]) => String(new DistinguishedName(nameOf(...sets)));

Deno.test("DistinguishedNameSet matches whole names, values, and all parts behind the first ones", () => {
  const cases: [pattern: string, inside: string[], outside: string[]][] = [
    ["O=Acme, CN=alice", ["O=Acme, CN=alice"], [
      "O=Acme",
      "CN=alice",
      "O=acme, CN=alice",
      "O=Acme, CN=alice, UID=1",
    ]],
    ["O=Acme,CN=alice", ["O=Acme, CN=alice"], ["O=Acme, CN=alice2"]],
    ["O=Acme, CN=*", ["O=Acme, CN=alice", "O=Acme, CN="], [
      "O=Acme, OU=x, CN=alice",
      "O=Acme, CN=a+UID=1",
      "O=Acme, UID=1",
    ]],
    ["O=Acme, *", ["O=Acme, CN=alice", "O=Acme, OU=x, CN=a"], [
      "O=Acme",
      "O=Acme+OU=x, CN=a",
      "C=DE, O=Acme, CN=a",
      "O=AcmeX, CN=a",
    ]],
    ["O=*, *", ["O=Acme, CN=a"], ["CN=a, O=Acme"]],
    ["CN=Smith\\, Alice", ["CN=Smith\\, Alice"], ["CN=Smith, Alice=1"]],
  ];
  for (const [pattern, inside, outside] of cases) {
    const set = new DistinguishedNameSet([pattern]);
    for (const name of inside) assert.ok(set.has(name), `${pattern} has ${name}`);
    for (const name of outside) assert.ok(!set.has(name), `${pattern} has not ${name}`);
  }
});

Deno.test("DistinguishedNameSet is not misled by a value that looks like other parts", () => {
  const set = new DistinguishedNameSet(["O=Acme, CN=alice", "O=Acme, *", "OU=x, CN=*"]);
  const forged = [
    shown([organization("Acme, CN=alice")]),
    shown([organization("Acme\\")], [commonName("alice")]),
    shown([organization("Acme\0")], [commonName("alice")]),
    shown([organization("Evil/O=Acme")], [commonName("alice")]),
    shown([organization("Acme"), commonName("eve")], [commonName("alice")]),
    shown([organization("Evil")], [organization("Acme")], [commonName("alice")]),
    shown([commonName("x\nO=Acme, CN=alice")]),
  ];
  for (const name of forged) assert.ok(!set.has(name), name);
  assert.ok(set.has(shown([organization("Acme")], [commonName("alice")])));
});

Deno.test("DistinguishedNameSet refuses what is no such name, and says how to write it", () => {
  const cases: [pattern: string, message: RegExp][] = [
    ["/O=Acme/CN=alice", /write it with commas, as the log does: "O=Acme, CN=alice"$/],
    ["alice", /"alice" is not an attribute such as "CN=alice"$/],
    ["", /expected|character/],
    ["*", /"\*" is not an attribute/],
    ["*, CN=alice", /"\*" is not an attribute/],
    ["O=Acme, *, CN=alice", /"\*" is not an attribute/],
    ["CN=al*", /a "\*" can only be a whole value/],
    ["CN=a+UID=*", /a "\*" can only be a whole value/],
    ["O=Acme, CN=alice,", /expected a name/],
    ["CN=alice\\", /a character is missing after the backslash/],
  ];
  for (const [pattern, message] of cases) {
    assert.throws(() => new DistinguishedNameSet([pattern]), { name: "SyntaxError", message }, pattern);
  }
});
