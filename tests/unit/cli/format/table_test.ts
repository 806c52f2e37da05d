import assert from "node:assert/strict";
import fc from "fast-check";
import { formatAge, formatBytes, formatBytesShort } from "../../../../src/cli/format/figures.ts";
import { type Column, cut, tableLines } from "../../../../src/cli/format/table.ts";

const COLUMNS: Column<readonly string[]>[] = [
  { title: "ID", cell: ([id]) => id, align: "right", reserve: 4 },
  { title: "CLIENT", cell: ([, client]) => client, reserve: 9, least: 5 },
  { title: "STATE", cell: ([, , state]) => state, leaveOut: 1 },
  { title: "BYTES", cell: ([, , , bytes]) => bytes, align: "right", leaveOut: 2 },
];

const ROWS = [["1", "10.0.0.1:5000", "open", "12"], ["22", "[::1]:80", "connecting", "1.5 KiB"]];

Deno.test("tableLines() is as wide as its cells, with numbers at the right and no trailing blanks", () => {
  assert.deepEqual(tableLines(COLUMNS, ROWS), [
    "  ID  CLIENT         STATE         BYTES",
    "   1  10.0.0.1:5000  open             12",
    "  22  [::1]:80       connecting  1.5 KiB",
  ]);
  assert.deepEqual(tableLines(COLUMNS.slice(0, 2), [["1", "a"]]), ["  ID  CLIENT", "   1  a"]);
});

Deno.test("tableLines() in little space shortens cells to the reserve, omits columns, then shortens to the minimum", () => {
  assert.deepEqual(tableLines(COLUMNS, ROWS, { width: 36 }), [
    "  ID  CLIENT     STATE         BYTES",
    "   1  10.0…5000  open             12",
    "  22  [::1]:80   connecting  1.5 KiB",
  ]);
  assert.deepEqual(tableLines(COLUMNS, ROWS, { width: 30 }), [
    "  ID  CLIENT        STATE",
    "   1  10.0.0…:5000  open",
    "  22  [::1]:80      connecting",
  ]);
  assert.deepEqual(tableLines(COLUMNS, ROWS, { width: 13 }), [
    "  ID  CLIENT",
    "   1  10.…000",
    "  22  [::…:80",
  ]);
});

Deno.test("tableLines() makes no line longer than the width, whatever the cells", () => {
  const cell = fc.string({ unit: "grapheme-composite", maxLength: 30 });
  const rows = fc.array(fc.array(cell, { minLength: 4, maxLength: 4 }), { maxLength: 5 });
  fc.assert(
    fc.property(
      rows,
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 1, max: 3 }),
      (rows, width, gap) => {
        const lines = tableLines(COLUMNS, rows, { width, gap });
        assert.equal(lines.length, rows.length + 1);
        for (const line of lines) {
          assert.ok(Array.from(line).length <= width, JSON.stringify(line));
          assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
        }
      },
    ),
  );
});

Deno.test("printable() replaces characters that control a terminal", () => {
  const [, line] = tableLines([{ title: "PATH", cell: String }], ["/run/\x1b[2J\u202egnp.sock\n"]);
  assert.equal(line, "/run/\ufffd[2J\ufffdgnp.sock\ufffd");
});

Deno.test("cut() keeps both ends", () => {
  assert.equal(cut("10.0.0.1:5000", 13), "10.0.0.1:5000");
  assert.equal(cut("10.0.0.1:5000", 12), "10.0.0…:5000");
  assert.equal(cut("10.0.0.1:5000", 2), "1…");
  assert.equal(cut("10.0.0.1:5000", 1), "…");
  assert.equal(cut("10.0.0.1:5000", 0), "");
  assert.equal(cut("𝒜𝒜𝒜𝒜𝒜", 3), "𝒜…𝒜");
});

for (
  const [bytes, long, short] of [
    [0, "0 B", "0 B"],
    [1023, "1023 B", "1023 B"],
    [1024, "1.0 KiB", "1.0 KiB"],
    [102_348, "99.9 KiB", "99.9 KiB"],
    [102_400, "100.0 KiB", "100 KiB"],
    [1024 ** 2 - 1, "1.0 MiB", "1.0 MiB"],
    [3.2 * 1024 ** 3, "3.2 GiB", "3.2 GiB"],
    [5000 * 1024 ** 4, "5000.0 TiB", "5000 TiB"],
  ] as const
) {
  Deno.test(`formatBytes() writes ${bytes} bytes as ${long}, or ${short} in little space`, () => {
    assert.equal(formatBytes(bytes), long);
    assert.equal(formatBytesShort(bytes), short);
  });
}

Deno.test("formatBytesShort() takes at most eight characters for less than 1000 TiB", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 999 * 1024 ** 4, noNaN: true }), (bytes) => {
    assert.ok(formatBytesShort(bytes).length <= 8, formatBytesShort(bytes));
  }));
});

for (
  const [milliseconds, text] of [
    [-5, "0s"],
    [999, "0s"],
    [59_999, "59s"],
    [60_000, "1m00s"],
    [187_000, "3m07s"],
    [18_000_000, "5h00m"],
    [86_399_999, "23h59m"],
    [1_051_200_000, "12d04h"],
  ] as const
) {
  Deno.test(`formatAge() writes ${milliseconds} ms as ${text}`, () =>
    assert.equal(formatAge(milliseconds), text));
}
