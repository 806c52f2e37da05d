import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ByteMatcher } from "../../../src/faults/byte_matcher.ts";
import { Random } from "../../support/random.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("ByteMatcher.find() finds one match after another", () => {
  const matcher = new ByteMatcher(bytes("abab"));
  const chunk = bytes("xababab abab");
  assert.equal(matcher.find(chunk), 5);
  assert.equal(matcher.find(chunk, 5), 12);
  assert.equal(matcher.find(chunk, 12), -1);
});

Deno.test("ByteMatcher.pending is how much of the pattern a stream ends with", () => {
  const matcher = new ByteMatcher(bytes("aabaac"));
  assert.equal(matcher.find(bytes("xaabaa")), -1);
  assert.equal(matcher.pending, 5);
  assert.equal(matcher.find(bytes("b")), -1);
  assert.equal(matcher.pending, 3);
  assert.equal(matcher.find(bytes("aac")), 3);
  assert.equal(matcher.pending, 0);
});

Deno.test("ByteMatcher finds what Buffer.indexOf() finds, however the bytes are divided", () => {
  const random = new Random(7);
  for (let round = 0; round < 3000; round++) {
    const draw = (length: number) => Buffer.from(Array.from({ length }, () => random.integer(97, 98)));
    const pattern = draw(random.integer(1, 6));
    const text = draw(random.integer(0, 40));
    const expected: number[] = [];
    for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + pattern.byteLength)) {
      expected.push(at + pattern.byteLength);
    }
    const matcher = new ByteMatcher(pattern);
    const found: number[] = [];
    for (let at = 0; at < text.byteLength;) {
      const chunk = text.subarray(at, at + random.integer(1, 8));
      for (let end = matcher.find(chunk); end >= 0; end = matcher.find(chunk, end)) found.push(at + end);
      at += chunk.byteLength;
    }
    assert.deepEqual(found, expected, `${pattern} in ${text}`);
  }
});

Deno.test("ByteMatcher takes no time that grows with the square of the pattern", () => {
  const length = 100_000;
  const matcher = new ByteMatcher(new Uint8Array(length).fill(97).with(length - 1, 98));
  // A naive search compares half of the pattern for each byte: ten billion comparisons in all.
  assert.equal(matcher.find(new Uint8Array(2 * length).fill(97)), -1);
  assert.equal(matcher.find(bytes("b")), 1);
});

Deno.test("ByteMatcher refuses an empty pattern", () => {
  assert.throws(() => new ByteMatcher(new Uint8Array()), RangeError);
});
