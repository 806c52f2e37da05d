import assert from "node:assert/strict";
import { DER, DerReader, sameBytes, wholeSequence } from "../../../../src/wire/certificate/der.ts";
import { der, objectId } from "../../../support/bytes/certificate_bytes.ts";

const reader = (...bytes: number[]) => new DerReader(Uint8Array.from(bytes));
const MALFORMED = { name: "MalformedError" };

Deno.test("DerReader reads values one after the other, with their tags", () => {
  const values = reader(0x02, 1, 7, 0x05, 0);
  assert.equal(values.isAtEnd, false);
  assert.equal(values.optional(DER.boolean), undefined);
  const first = values.any();
  assert.deepEqual([first.tag, [...first.content], [...first.raw]], [2, [7], [2, 1, 7]]);
  assert.deepEqual([...values.optional(5)!.raw], [5, 0]);
  assert.equal(values.isAtEnd, true);
  assert.equal(values.optional(5), undefined);
  values.finish();
  assert.throws(() => values.any(), MALFORMED);
  assert.throws(() => reader(0x02, 1, 7).finish(), MALFORMED);
  assert.throws(() => reader(0x02, 1, 7).read(DER.boolean), MALFORMED);
  assert.equal(reader(0x30, 3, 0x02, 1, 9).inside(DER.sequence).integer(), 9);
});

Deno.test("DerReader takes lengths in their shortest form only", () => {
  for (const size of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const value = der(0x04, new Uint8Array(size));
    assert.equal(new DerReader(value).any().content.length, size);
    assert.throws(() => new DerReader(value.subarray(0, value.length - 1)).any(), MALFORMED, `${size}, cut`);
  }
  const content = new Array(256).fill(0);
  assert.throws(() => reader(0x04, 0x81, 1, ...content).any(), MALFORMED);
  assert.throws(() => reader(0x04, 0x81, 127, ...content).any(), MALFORMED);
  assert.throws(() => reader(0x04, 0x82, 0, 128, ...content).any(), MALFORMED);
  assert.throws(() => reader(0x04, 0x82, 0, 255, ...content).any(), MALFORMED);
  assert.throws(() => reader(0x30, 0x80, ...content).any(), MALFORMED, "no length at all");
  assert.throws(() => reader(0x04, 0x84, 1, 0, 0, 0).any(), /out of range/);
  assert.throws(() => reader(0x04, 2, 0).any(), MALFORMED, "it runs past the end");
  assert.throws(() => reader(0x04).any(), MALFORMED);
  assert.throws(() => reader(0x04, 0x82, 1).any(), MALFORMED);
  assert.throws(() => reader(0x1f, 1, 0).any(), MALFORMED, "a tag of more than one byte");
});

Deno.test("DerReader reads numbers that are not negative, up to six bytes", () => {
  assert.equal(reader(0x02, 1, 0).integer(), 0);
  assert.equal(reader(0x02, 2, 0, 0x80).integer(), 128);
  assert.equal(reader(0x02, 6, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff).integer(), 2 ** 47 - 1);
  for (const bytes of [[0x02, 0], [0x02, 1, 0x80], [0x02, 7, 1, 0, 0, 0, 0, 0, 0], [0x04, 1, 0]]) {
    assert.throws(() => reader(...bytes).integer(), MALFORMED, String(bytes));
  }
});

Deno.test("DerReader reads booleans and bit strings of bytes", () => {
  assert.equal(reader(0x01, 1, 0).boolean(), false);
  assert.equal(reader(0x01, 1, 0xff).boolean(), true);
  for (const bytes of [[0x01, 1, 1], [0x01, 0], [0x01, 2, 0, 0], [0x01, 2, 0xff, 0]]) {
    assert.throws(() => reader(...bytes).boolean(), MALFORMED, String(bytes));
  }
  assert.deepEqual([...reader(0x03, 3, 0, 5, 6).bitString()], [5, 6]);
  for (const bytes of [[0x03, 0], [0x03, 2, 1, 6]]) {
    assert.throws(() => reader(...bytes).bitString(), MALFORMED, String(bytes));
  }
});

Deno.test("DerReader reads object IDs", () => {
  for (
    const id of ["2.5.4.3", "1.2.840.113549.1.1.11", "0.9.2342.19200300.100.1.25", "1.3.101.112", "2.999.0"]
  ) {
    const [root, second] = id.split(".").map(Number) as [number, number];
    // The builder writes small ones only.
    const bytes = root === 2 && second > 39 ? Uint8Array.of(6, 3, 0x88, 0x37, 0) : objectId(id);
    assert.equal(new DerReader(bytes).objectId(), id);
  }
  const cases = [[6, 0], [6, 1, 0x80], [6, 2, 0x2a, 0x80], [6, 3, 0x2a, 0x80, 1], [
    6,
    10,
    ...new Array(9).fill(0xff),
    1,
  ]];
  for (const bytes of cases) assert.throws(() => reader(...bytes).objectId(), MALFORMED, String(bytes));
});

Deno.test("wholeSequence() and sameBytes() take no more and no less", () => {
  assert.equal(wholeSequence(Uint8Array.of(0x30, 0)).isAtEnd, true);
  assert.throws(() => wholeSequence(Uint8Array.of(0x30, 0, 0)), MALFORMED);
  assert.throws(() => wholeSequence(Uint8Array.of(0x31, 0)), MALFORMED);
  assert.equal(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
  assert.equal(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false);
  assert.equal(sameBytes(Uint8Array.of(1), Uint8Array.of(1, 2)), false);
});
