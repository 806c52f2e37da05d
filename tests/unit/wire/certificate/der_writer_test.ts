import assert from "node:assert/strict";
import { DER, DerReader } from "../../../../src/wire/certificate/der.ts";
import {
  derBitString,
  derInteger,
  derObjectId,
  derSequence,
  derTime,
  derValue,
} from "../../../../src/wire/certificate/der_writer.ts";
import { readTime } from "../../../../src/wire/certificate/certificate.ts";

Deno.test("derValue() writes each length in its shortest form, which DerReader insists on", () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_531]) {
    const content = new Uint8Array(length).fill(7);
    const read = new DerReader(derValue(DER.octetString, content.subarray(0, 1), content.subarray(1)));
    assert.deepEqual(read.read(DER.octetString).content, content);
    read.finish();
  }
  assert.throws(() => derValue(DER.octetString, new Uint8Array(65_536)), RangeError);
});

Deno.test("derInteger() writes a number without a sign, in its shortest form", () => {
  const written = (...bytes: number[]) => derInteger(Uint8Array.from(bytes)).toHex();
  assert.equal(written(0, 0, 5), "020105");
  assert.equal(written(0x80), "02020080");
  assert.equal(written(0, 0), "020100");
  assert.equal(written(0x7f, 0xff), "02027fff");
});

Deno.test("derObjectId() and derTime() write what is read again", () => {
  for (const id of ["1.2.840.10045.4.3.2", "2.5.29.17", "1.3.6.1.5.5.7.1.31"]) {
    assert.equal(new DerReader(derObjectId(id)).objectId(), id);
  }
  const time = Date.UTC(2051, 1, 3, 4, 5, 6);
  assert.equal(readTime(new DerReader(derTime(time)).any()), time);
  const bits = new DerReader(derSequence(derBitString(Uint8Array.of(1, 2)))).inside(DER.sequence);
  assert.deepEqual(bits.bitString(), Uint8Array.of(1, 2));
});
