import assert from "node:assert/strict";
import { LONGEST_QUOTE, quoted } from "../../../src/wire/quoted.ts";

const quote = (text: string) => quoted(new TextEncoder().encode(text));

Deno.test("quoted() keeps printable characters and escapes all others", () => {
  assert.equal(quote(""), '""');
  assert.equal(quote(" az~"), '" az~"');
  assert.equal(quote('\t\n\r"\\'), '"\\t\\n\\r\\"\\\\"');
  assert.equal(quoted(new Uint8Array([0, 9, 0x1f, 0x7f, 0xff])), '"\\x00\\t\\x1f\\x7f\\xff"');
});

Deno.test("quoted() cuts long text, never within an escape", () => {
  assert.equal(LONGEST_QUOTE, 160);
  const longest = "x".repeat(160);
  assert.equal(quote(longest), `"${longest}"`);
  assert.equal(quote(`${longest}y`), `"${longest}…"`);
  assert.equal(quote(`${"x".repeat(158)}\0y`), `"${"x".repeat(158)}…"`);
  assert.equal(quote(`${"x".repeat(156)}\0`), `"${"x".repeat(156)}\\x00"`);
});
