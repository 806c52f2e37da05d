/** Compares the tables of docs with the source from which they are generated. */

import assert from "node:assert/strict";
import { jsonSchemaText } from "../../.github/build/json_schema.ts";
import { withReference } from "../support/docs/reference.ts";
import { readDoc, TABLES, withTable } from "../support/docs/tables.ts";
import { type Schema, schemaKeys } from "./config/schema_keys.ts";

for (const table of TABLES) {
  const { file, heading } = table;
  Deno.test(`docs/${file} has the table of the source under "${heading}" (else run deno task docs)`, () => {
    const text = readDoc(file);
    assert.equal(withTable(text, table), text);
  });
}

Deno.test("docs/configuration.md has the reference of the schema (else run deno task docs)", () => {
  const text = readDoc("configuration.md");
  assert.equal(withReference(text), text);
});

Deno.test("docs/configuration.md has every key of the schema, and no former name", () => {
  const text = readDoc("configuration.md");
  const keys = schemaKeys(JSON.parse(jsonSchemaText()) as Schema);
  assert.ok(keys.length > 85, `only ${keys.length} keys`);
  for (const key of new Set(keys.map(({ path }) => path.at(-1)!))) {
    assert.match(text, new RegExp(`^\\| \`${key}\` `, "m"));
  }
  assert.doesNotMatch(text, /seamless/);
});
