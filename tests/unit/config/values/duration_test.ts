import assert from "node:assert/strict";
import fc from "fast-check";
import {
  DURATION_PATTERN,
  formatDuration,
  MAX_DURATION,
  parseDuration,
} from "../../../../src/config/values/duration.ts";

Deno.test("parseDuration() adds up numbers with units", () => {
  const cases: [string | number, number][] = [
    ["250ms", 250],
    ["5s", 5_000],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["1m30s", 90_000],
    ["1s1ms", 1_001],
    ["0", 0],
    [0, 0],
    ["0s", 0],
    ["007s", 7_000],
    ["24d20h31m23s647ms", MAX_DURATION],
  ];
  for (const [text, milliseconds] of cases) assert.equal(parseDuration(text), milliseconds, String(text));
});

Deno.test("parseDuration() suggests a unit for a bare number", () => {
  const expected = {
    name: "SyntaxError",
    message: 'Cannot parse duration "5": a unit is missing, write "5s" or "5ms"',
  };
  assert.throws(() => parseDuration("5"), expected);
  assert.throws(() => parseDuration(5), expected);
});

Deno.test("parseDuration() refuses what is not a duration", () => {
  for (
    const text of [
      "",
      "-5s",
      "+5s",
      "s",
      "ms5",
      "1e3s",
      "5s,1ms",
      "0x5s",
      "٥s",
    ]
  ) {
    assert.throws(() => parseDuration(text), {
      name: "SyntaxError",
      message: /^Cannot parse duration ".*": expected /,
    });
  }
  for (const value of [-1, 1.5, NaN, Infinity, 1e21]) assert.throws(() => parseDuration(value), SyntaxError);
});

Deno.test("parseDuration() proposes what is meant by other units, letters and spaces", () => {
  const cases: [string, string][] = [
    [" 5s", "5s"],
    ["5s ", "5s"],
    ["5 s", "5s"],
    ["5S", "5s"],
    ["5sec", "5s"],
    ["5 minutes", "5m"],
    ["1 hour", "1h"],
    ["250 msec", "250ms"],
    ["2days", "2d"],
  ];
  for (const [text, meant] of cases) {
    const message = `Cannot parse duration "${text}": did you mean "${meant}"?`;
    assert.throws(() => parseDuration(text), { name: "SyntaxError", message });
    parseDuration(meant);
  }
});

Deno.test("parseDuration() says how to write a fraction", () => {
  assert.throws(() => parseDuration("1.5s"), {
    message: /expected whole numbers, "1s500ms" instead of "1.5s"$/,
  });
});

Deno.test("parseDuration() refuses what is too long for a timer", () => {
  for (const text of [`${MAX_DURATION + 1}ms`, "25d", "1d600h", `${"9".repeat(400)}s`]) {
    assert.throws(() => parseDuration(text), { name: "RangeError", message: /: expected at most 24d$/ });
  }
});

Deno.test("formatDuration() uses the longest units", () => {
  assert.equal(formatDuration(0), "0");
  assert.equal(formatDuration(90_000), "1m30s");
  assert.equal(formatDuration(86_400_001), "1d1ms");
});

Deno.test("parseDuration() reverses formatDuration()", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: MAX_DURATION }), (milliseconds) => {
    assert.equal(parseDuration(formatDuration(milliseconds)), milliseconds);
  }));
});

Deno.test("parseDuration() accepts exactly what DURATION_PATTERN does, length aside", () => {
  const pieces = fc.array(fc.constantFrom("0", "5", "12", "ms", "s", "m", "h", "d", ".", " ", "-"), {
    maxLength: 6,
  });
  fc.assert(fc.property(pieces, (parts) => {
    const text = parts.join("");
    let accepted = true;
    try {
      parseDuration(text);
    } catch (error) {
      accepted = error instanceof RangeError;
    }
    assert.equal(accepted, new RegExp(DURATION_PATTERN).test(text), text);
  }));
});
