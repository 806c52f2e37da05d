/** Holds the tables of docs to the source that they follow from. */

import assert from "node:assert/strict";
import { readDoc, TABLES, withTable } from "../support/docs/tables.ts";

for (const table of TABLES) {
  const { file, heading } = table;
  Deno.test(`docs/${file} has the table of the source under "${heading}" (else run deno task docs)`, () => {
    const text = readDoc(file);
    assert.equal(withTable(text, table), text);
  });
}
