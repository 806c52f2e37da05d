import assert from "node:assert/strict";
import fc from "fast-check";
import { checkPayload, parsePayload, PAYLOAD_PATTERN } from "../../../../src/config/values/payload.ts";

Deno.test("parsePayload() takes text for its UTF-8 bytes", () => {
  assert.deepEqual(parsePayload("PING\r\n"), new Uint8Array([80, 73, 78, 71, 13, 10]));
  assert.deepEqual(parsePayload("é"), new Uint8Array([0xc3, 0xa9]));
  assert.deepEqual(parsePayload("HEX:0a"), new TextEncoder().encode("HEX:0a"));
});

Deno.test("parsePayload() reads hexadecimal digits after hex:", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), fc.boolean(), (bytes, upper) => {
    const digits = upper ? bytes.toHex().toUpperCase() : bytes.toHex();
    assert.deepEqual(parsePayload(`hex:${digits}`), bytes);
  }));
});

Deno.test("parsePayload() refuses no bytes, too many, and digits that are none", () => {
  for (const text of ["hex:", "hex:0", "hex:0g", "hex:0a 0b", "hex:0x0a", "hex:0a\n"]) {
    assert.throws(() => parsePayload(text), {
      name: "SyntaxError",
      message: /: expected pairs of hexadecimal digits such as "hex:0d0a"$/,
    }, text);
  }
  assert.throws(() => parsePayload(""), {
    name: "SyntaxError",
    message: "Expected at least one byte",
  });
  assert.equal(parsePayload("x".repeat(4096)).length, 4096);
  const message = "Cannot use 4097 bytes: expected at most 4096";
  assert.throws(() => parsePayload("x".repeat(4097)), { name: "RangeError", message });
  assert.throws(() => checkPayload(new Uint8Array(4097)), { name: "RangeError", message });
});

Deno.test("PAYLOAD_PATTERN accepts what parsePayload() accepts", () => {
  const pieces = fc.array(fc.constantFrom("hex:", "0", "a", "F", "g", "\n", " ", "é")).map((parts) =>
    parts.join("")
  );
  fc.assert(fc.property(pieces, (text) => {
    let accepted = true;
    try {
      parsePayload(text);
    } catch {
      accepted = false;
    }
    assert.equal(new RegExp(PAYLOAD_PATTERN).test(text), accepted, text);
  }));
});
