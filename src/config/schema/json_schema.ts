/** The JSON Schema of a configuration file, which gives editors completion and checks. */

import { z } from "zod";
import { configFile } from "./config_schema.ts";

/** Generates the text of `schema.json`, laid out as `deno fmt` does it. */
export function jsonSchemaText(): string {
  const { $schema, ...schema } = jsonSchema();
  // zod also writes the name of a definition into it, as a keyword that JSON Schema does not have.
  for (const definition of Object.values(schema.$defs ?? {})) delete definition.id;
  const described = {
    $schema,
    title: "sluice configuration",
    description: "Everything a sluice configuration file can hold.",
    ...schema,
    patternProperties: { "^x-": { description: "Anything, for YAML anchors: it is no setting." } },
  };
  return `${JSON.stringify(described, null, 2)}\n`;
}

/** The JSON Schema as zod has it. */
export function jsonSchema() {
  // The values are checked by code; "any" keeps the JSON Schema that they bring in their metadata.
  return z.toJSONSchema(configFile, { io: "input", unrepresentable: "any" });
}
