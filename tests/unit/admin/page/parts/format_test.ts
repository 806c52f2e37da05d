/** Numbers, sizes and times in the page. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFrequency,
  formatRate,
} from "../../../../../src/admin/page/parts/format.js";

Deno.test("the page writes bytes in binary units, one digit after the point", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1_048_524, "1023.9 KiB"],
    [1_048_575, "1.0 MiB"],
    [5 * 1024 ** 4, "5.0 TiB"],
  ];
  assert.deepEqual(cases.map(([bytes]) => formatBytes(bytes)), cases.map(([, text]) => text));
  assert.equal(formatRate(1536.4), "1.5 KiB/s");
});

Deno.test("the page never writes more bytes of a unit than make one of the next", () => {
  fc.assert(fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (bytes) => {
    const [, value, unit] = /^([\d.]+) ([KMGTP]?i?B)$/.exec(formatBytes(bytes))!;
    assert.ok(Number(value) < 1024);
    const size = 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].indexOf(unit!);
    assert.ok(Math.abs(Number(value) * size - bytes) <= size * 0.0501, `${bytes}`);
  }));
});

Deno.test("the page writes the two largest parts of a duration", () => {
  const cases: [number, string][] = [
    [0, "0 ms"],
    [999, "999 ms"],
    [4210, "4.2 s"],
    [59_940, "59.9 s"],
    [59_960, "1 min 0 s"],
    [192_000, "3 min 12 s"],
    [7_500_000, "2 h 5 min"],
    [86_399_999, "23 h 59 min"],
    [1_050_000_000, "12 d 3 h"],
  ];
  assert.deepEqual(cases.map(([time]) => formatDuration(time)), cases.map(([, text]) => text));
});

Deno.test("the page groups the digits of counts, and shows tenths only below ten", () => {
  assert.equal(formatCount(1_204_117), "1,204,117");
  assert.deepEqual([0, 0.04, 0.4, 9.94, 9.96, 3400].map(formatFrequency), [
    "0",
    "0",
    "0.4",
    "9.9",
    "10",
    "3,400",
  ]);
});
