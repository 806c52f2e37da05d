/** The rows of the table of connections that the page requests. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { isNearItsEnd, rowWindow } from "../../../../../src/admin/page/connections/row_window.js";

const table = fc.record({
  scrollTop: fc.nat({ max: 3_000_000 }),
  height: fc.integer({ min: 1, max: 3000 }),
  rowHeight: fc.integer({ min: 10, max: 100 }),
  rows: fc.nat({ max: 30_000 }),
});

Deno.test("rowWindow() has every visible row, and few others", () => {
  fc.assert(fc.property(table, (table) => {
    const { offset, limit } = rowWindow(table);
    const inSight = Math.ceil(table.height / table.rowHeight) + 1;
    assert.ok(Number.isInteger(offset) && offset >= 0 && limit >= 1);
    assert.ok(limit <= inSight + 20, `${limit} rows for ${inSight} in sight`);
    const first = Math.floor(table.scrollTop / table.rowHeight);
    if (first + inSight > table.rows) return;
    assert.ok(offset <= first && offset + limit >= first + inSight);
  }));
});

Deno.test("rowWindow() has the last rows if the view is beyond the end, as when connections have ended", () => {
  fc.assert(fc.property(table, (table) => {
    const { offset, limit } = rowWindow({ ...table, scrollTop: table.rows * table.rowHeight });
    assert.ok(offset + limit >= table.rows);
    assert.ok(offset <= table.rows);
  }));
});

Deno.test("isNearItsEnd() is true only near the end of the loaded ones", () => {
  const at = (row: number, rows = 1000) =>
    rowWindow({ scrollTop: row * 20, height: 400, rowHeight: 20, rows });
  assert.equal(isNearItsEnd(at(100), at(100), 1000), false);
  assert.equal(isNearItsEnd(at(100), at(104), 1000), false);
  assert.equal(isNearItsEnd(at(100), at(106), 1000), true);
  assert.equal(isNearItsEnd(at(100), at(94), 1000), true);
  assert.equal(isNearItsEnd(at(979), at(999), 1000), false, "there are no more");
  assert.equal(isNearItsEnd(at(0, 5), at(0, 5), 5), false);
});
