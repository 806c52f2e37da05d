/** Which rows of a long table must be in the document. */

/** Extra rows on both sides, for short scrolls. */
const MARGIN = 10;

/**
 * @typedef {object} RowWindow
 * @property {number} offset the first row
 * @property {number} limit how many rows
 */

/**
 * The visible rows and some around them; heights in pixels.
 * @param {{ scrollTop: number, height: number, rowHeight: number, rows: number }} table
 * @returns {RowWindow}
 */
export function rowWindow({ scrollTop, height, rowHeight, rows }) {
  const inSight = Math.ceil(height / rowHeight) + 1;
  const lastStart = Math.max(0, rows - inSight);
  const first = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight)), lastStart);
  const offset = Math.max(0, first - MARGIN);
  return { offset, limit: first + inSight + MARGIN - offset };
}

/**
 * Whether the view is so close to the end of the loaded rows that others are needed.
 * @param {RowWindow} there
 * @param {RowWindow} wanted
 * @param {number} rows of the whole table
 */
export function isNearItsEnd(there, wanted, rows) {
  const end = Math.min(rows, wanted.offset + wanted.limit);
  const missingAbove = there.offset - wanted.offset;
  const missingBelow = end - (there.offset + there.limit);
  return Math.max(missingAbove, missingBelow) > MARGIN / 2;
}
