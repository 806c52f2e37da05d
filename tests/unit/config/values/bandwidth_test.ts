import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BANDWIDTH_PATTERN,
  formatBandwidth,
  parseBandwidth,
} from "../../../../src/config/values/bandwidth.ts";

Deno.test("parseBandwidth() knows sizes per second, and bare bytes", () => {
  const cases: [string | number, number][] = [
    ["10MB/s", 10_000_000],
    ["64KiB/s", 65_536],
    ["64kib/s", 65_536],
    ["1GB/s", 1_000_000_000],
    ["512B/s", 512],
    ["4096", 4_096],
    [4096, 4_096],
    ["0B/s", 0],
    [0, 0],
  ];
  for (const [text, bytesPerSecond] of cases) {
    assert.equal(parseBandwidth(text), bytesPerSecond, String(text));
  }
});

Deno.test("parseBandwidth() refuses sizes without a second, and seconds without a size", () => {
  for (
    const text of [
      "",
      "10/s",
      "10Mbit/s",
      "10MB/S",
      "10MB/m",
      "1.5MB/s",
      "10 MB/s",
      "-1",
      "/s",
      "1e3",
    ]
  ) {
    assert.throws(() => parseBandwidth(text), {
      name: "SyntaxError",
      message: `Cannot parse rate "${text}": expected bytes a second such as "10MB/s" or "64KiB/s"`,
    });
  }
  for (const text of ["10MB", "10MBps"]) {
    assert.throws(() => parseBandwidth(text), {
      name: "SyntaxError",
      message: `Cannot parse rate "${text}": did you mean "10MB/s"?`,
    });
  }
  for (const value of [-1, 1.5, NaN, Infinity]) assert.throws(() => parseBandwidth(value), SyntaxError);
});

Deno.test("parseBandwidth() refuses what cannot be counted in whole bytes", () => {
  for (const text of ["9007199254740992", "99999999GB/s"]) {
    assert.throws(() => parseBandwidth(text), {
      name: "RangeError",
      message: `Cannot use rate "${text}": it is too large`,
    });
  }
});

Deno.test("formatBandwidth() uses the largest unit that fits, decimal or binary", () => {
  assert.equal(formatBandwidth(10_000_000), "10MB/s");
  assert.equal(formatBandwidth(65_536), "64KiB/s");
  assert.equal(formatBandwidth(1_500_000), "1500KB/s");
  assert.equal(formatBandwidth(1_001), "1001B/s");
  assert.equal(formatBandwidth(0), "0B/s");
});

Deno.test("parseBandwidth() reverses formatBandwidth()", () => {
  const units = [1, 1000, 1024, 1000 ** 2, 1024 ** 2, 1000 ** 3, 1024 ** 3];
  const round = fc.tuple(fc.nat(100_000), fc.constantFrom(...units)).map(([count, unit]) => count * unit);
  fc.assert(fc.property(fc.oneof(fc.maxSafeNat(), round), (bytesPerSecond) => {
    assert.equal(parseBandwidth(formatBandwidth(bytesPerSecond)), bytesPerSecond);
  }));
});

Deno.test("parseBandwidth() accepts exactly what BANDWIDTH_PATTERN does", () => {
  const pieces = fc.array(fc.constantFrom("0", "64", "K", "m", "i", "B", "b", "/s", "/", " ", "."), {
    maxLength: 5,
  });
  fc.assert(fc.property(pieces, (parts) => {
    const text = parts.join("");
    let accepted = true;
    try {
      parseBandwidth(text);
    } catch (error) {
      accepted = error instanceof RangeError;
    }
    assert.equal(accepted, new RegExp(BANDWIDTH_PATTERN).test(text), text);
  }));
});
