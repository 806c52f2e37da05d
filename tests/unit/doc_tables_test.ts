/** Compares the tables of docs with the source: with what generates them, or with what they have to list. */

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

Deno.test("docs/library.md lists the members of a running proxy, npm.md those of a proxy in Node.js", () => {
  const [library, npm] = ["library.md", "npm.md"].map((file) =>
    [...readDoc(file).matchAll(/^\|([^|]*)\|(.*)\|$/gm)].map(([, name, text]) => ({
      name: name!,
      text: text!,
    }))
  );
  const members = ({ text }: { text: string }) => [...text.matchAll(/`(\w+)/g)].map(([, word]) => word!);

  const source = "src/runtime/library/running_proxy.ts";
  const start = library!.findIndex(({ name }) => name.trim() === "member");
  const end = library!.findIndex(({ name }) => name.trim() === "error");
  const rows = library!.slice(start + 2, end);
  assert.deepEqual(
    rows.flatMap(({ name }) => members({ text: name })).sort(),
    membersOf("RunningProxy", source).sort(),
  );
  const services = rows.find(({ name }) => name.trim() === "`services`")!;
  assert.deepEqual(members(services).sort(), membersOf("RunningService", source).sort());

  const named = npm!.flatMap(({ name }) => [...name.matchAll(/`proxy\.(\w+)/g)].map(([, word]) => word!));
  assert.deepEqual(
    [...new Set(named)].sort(),
    membersOf("SluiceProxy", "src/npm/start_sluice.ts").sort(),
  );
});

/** The names of the members of an interface. */
function membersOf(name: string, path: string): string[] {
  const text = Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
  const [, body] = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, "m").exec(text)!;
  return [...body!.matchAll(/^ {2}(?:readonly )?(\w+)[<(:]/gm)].map(([, member]) => member!);
}
