import assert from "node:assert/strict";
import { MalformedError } from "../../../../src/wire/byte_reader.ts";
import { readRevocationList } from "../../../../src/wire/certificate/revocation_list.ts";
import {
  authority,
  der,
  issuingPoint,
  type ListContents,
  reasonCode,
  revocationList,
  sequence,
  text,
  unknownExtension,
} from "../../../support/bytes/certificate_bytes.ts";

const root = authority();
const read = (contents: ListContents) => readRevocationList(revocationList(contents, root));

Deno.test("readRevocationList() reads what an authority signs", () => {
  const { issuer, revoked, issuedAt, expiresAt } = read({
    serials: [[0x01], [0x00, 0xff], Array(20).fill(0x7f)],
    entryExtensions: [reasonCode(1)],
    extensions: [unknownExtension(false)],
    next: 3,
  });
  assert.deepEqual(issuer, root.name);
  assert.deepEqual([...revoked], ["01", "ff", "7f".repeat(20)]);
  assert.ok(Math.abs(issuedAt - Date.now() + 86_400_000) < 2000);
  assert.ok(Math.abs(expiresAt - Date.now() - 3 * 86_400_000) < 2000);
  assert.equal(read({ next: undefined }).expiresAt, Infinity);
  assert.equal(read({}).revoked.size, 0);
});

Deno.test("readRevocationList() takes a list that says where it is published, and none that is about some certificates", () => {
  const place = der(0xa0, der(0xa0, text(0x86, "http://ca.test/a.crl")));
  assert.equal(read({ extensions: [issuingPoint(place)] }).revoked.size, 0);
  // Only certificates of users, of authorities, some reasons, indirect, attribute certificates.
  for (const tag of [0x81, 0x82, 0x83, 0x84, 0x85]) {
    const limited = issuingPoint(place, der(tag, Uint8Array.of(0xff)));
    assert.throws(() => read({ extensions: [limited] }), {
      name: "MalformedError",
      message: "it has a critical extension, 2.5.29.28, that is not understood",
    });
  }
  assert.throws(() => read({ extensions: [unknownExtension(true)] }), /critical extension, 1\.2\.3\.4/);
  assert.throws(
    () => read({ serials: [[0x01]], entryExtensions: [unknownExtension(true)] }),
    /^MalformedError: an entry has a critical extension, 1\.2\.3\.4, that is not understood$/,
  );
});

Deno.test("readRevocationList() refuses every cut and every changed byte that makes it another structure, and throws nothing else", () => {
  const raw = revocationList({ serials: [[0x01], [0x02]], extensions: [unknownExtension(false)] }, root);
  for (let length = 0; length < raw.length; length++) {
    assert.throws(() => readRevocationList(raw.subarray(0, length)), MalformedError);
  }
  for (let at = 0; at < raw.length; at++) {
    for (const bit of [0x01, 0x20, 0x80]) {
      const changed = Uint8Array.from(raw);
      changed[at]! ^= bit;
      try {
        readRevocationList(changed);
      } catch (error) {
        assert.ok(error instanceof MalformedError, `byte ${at}: ${error}`);
      }
    }
  }
  assert.throws(() => readRevocationList(sequence(sequence(), sequence())), MalformedError);
});
