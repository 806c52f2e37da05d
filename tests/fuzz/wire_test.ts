/** The generation of wrong bytes, and the validity of the samples. */

import assert from "node:assert/strict";
import { parseClientHello } from "../../src/wire/client_hello/client_hello.ts";
import { decodeProxyHeader } from "../../src/wire/proxy_protocol/proxy_protocol.ts";
import { encodeFrame, FrameReader } from "./peers/frames.ts";
import { mutate, split } from "./wire/mutation.ts";
import { HELLOS, PROXY_HEADERS } from "./wire/samples.ts";
import { Random } from "../support/random.ts";

Deno.test("each sample is of the kind that its name says", () => {
  assert.ok(HELLOS.every((bytes) => parseClientHello(bytes).kind === "hello"));
  assert.ok(PROXY_HEADERS.filter((bytes) => decodeProxyHeader(bytes).kind === "header").length > 10);
});

Deno.test("mutate() returns changed bytes, the same for the same seed, and leaves its argument alone", () => {
  const before = HELLOS[0]!.slice();
  const mutants = Array.from({ length: 100 }, (_, seed) => mutate(HELLOS[0]!, new Random(seed), HELLOS[1]!));
  assert.deepEqual(HELLOS[0], before);
  assert.ok(mutants.filter((bytes) => bytes.toHex() !== before.toHex()).length > 90);
  assert.deepEqual(mutate(HELLOS[0]!, new Random(5), HELLOS[1]!), mutants[5]);
});

Deno.test("split() keeps every byte", () => {
  const bytes = HELLOS[0]!.subarray(0, 150);
  for (let seed = 0; seed < 20; seed++) {
    const pieces = split(bytes, new Random(seed));
    assert.equal(pieces.map((piece) => piece.toHex()).join(""), bytes.toHex());
  }
});

Deno.test("FrameReader separates frames, however they are cut", () => {
  const bytes = [...encodeFrame(7, Uint8Array.of(1, 2, 3)), ...encodeFrame(8, Uint8Array.of(4))];
  const got = new Map<number, number[]>();
  const reader = new FrameReader();
  for (const byte of bytes) {
    reader.push(Uint8Array.of(byte), (id, payload) => got.set(id, [...got.get(id) ?? [], ...payload]));
  }
  assert.deepEqual([...got], [[7, [1, 2, 3]], [8, [4]]]);
  assert.throws(() => reader.push(new Uint8Array(12), () => {}), /no frame/);
});
