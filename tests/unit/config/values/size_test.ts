import assert from "node:assert/strict";
import fc from "fast-check";
import { formatSize, parseSize, SIZE_PATTERN } from "../../../../src/config/values/size.ts";

Deno.test("parseSize() knows decimal and binary units and bare bytes", () => {
  const cases: [string | number, number][] = [
    ["64KiB", 65_536],
    ["10MB", 10_000_000],
    ["1MiB", 1_048_576],
    ["2GiB", 2_147_483_648],
    ["1GB", 1_000_000_000],
    ["3kB", 3_000],
    ["3kb", 3_000],
    ["3kib", 3_072],
    ["512B", 512],
    ["4096", 4_096],
    [4096, 4_096],
    ["0", 0],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, String(text));
});

Deno.test("parseSize() refuses what is not a size", () => {
  for (
    const text of ["", "KiB", "1.5MiB", "-1", "1e3", "64iB", "64TiB", " 64", "64constructor"]
  ) {
    assert.throws(() => parseSize(text), {
      name: "SyntaxError",
      message: /^Cannot parse size ".*": expected /,
    });
  }
  for (const value of [-1, 1.5, NaN, Infinity]) assert.throws(() => parseSize(value), SyntaxError);
});

Deno.test("parseSize() proposes what is meant by other units and spaces", () => {
  for (
    const [text, meant] of [["64K", "64KiB"], ["64 KiB", "64KiB"], ["2m", "2MiB"], ["1 GB", "1GB"]] as const
  ) {
    const message = `Cannot parse size "${text}": did you mean "${meant}"?`;
    assert.throws(() => parseSize(text), { name: "SyntaxError", message });
    parseSize(meant);
  }
});

Deno.test("parseSize() refuses what cannot be counted in whole bytes", () => {
  for (const text of ["9007199254740992", "99999999GiB"]) {
    assert.throws(() => parseSize(text), {
      name: "RangeError",
      message: /^Cannot use size ".*": it is too large$/,
    });
  }
});

Deno.test("formatSize() uses the largest unit that fits", () => {
  assert.equal(formatSize(262_144), "256KiB");
  assert.equal(formatSize(16 * 1024 * 1024), "16MiB");
  assert.equal(formatSize(1_000), "1000B");
  assert.equal(formatSize(0), "0B");
});

Deno.test("parseSize() reverses formatSize()", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => assert.equal(parseSize(formatSize(bytes)), bytes)));
  const round = fc.tuple(fc.nat(4096), fc.constantFrom(1024, 1024 ** 2, 1024 ** 3));
  fc.assert(fc.property(round, ([count, unit]) => {
    assert.equal(parseSize(formatSize(count * unit)), count * unit);
  }));
});

Deno.test("parseSize() accepts exactly what SIZE_PATTERN does", () => {
  const pieces = fc.array(fc.constantFrom("0", "64", "K", "k", "M", "G", "i", "I", "B", "b", " ", "."), {
    maxLength: 5,
  });
  fc.assert(fc.property(pieces, (parts) => {
    const text = parts.join("");
    let accepted = true;
    try {
      parseSize(text);
    } catch (error) {
      accepted = error instanceof RangeError;
    }
    assert.equal(accepted, new RegExp(SIZE_PATTERN).test(text), text);
  }));
});
