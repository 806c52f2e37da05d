/** The JSON Schema of a configuration file, which gives editors completion and checks. */

import { z } from "zod";
import { configFile } from "./config_schema.ts";

/**
 * All keys of a configuration, each with its possible parent keys: `balance` under `upstream` and
 * `upstreams`. The top of the file is "".
 */
export function configKeys(): ReadonlyMap<string, ReadonlySet<string>> {
  const schema = jsonSchema();
  const places = new Map<string, Set<string>>();
  const visited = new Set<string>();
  const visit = (node: unknown, parent: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [name, value] of Object.entries(node)) {
      if (name === "$ref") visitDefinition(String(value).slice("#/$defs/".length), parent);
      else if (name === "properties") {
        for (const [key, inner] of Object.entries(value as object)) {
          places.set(key, (places.get(key) ?? new Set()).add(parent));
          visit(inner, key);
        }
      } else if (name !== "$defs") visit(value, parent);
    }
  };
  const visitDefinition = (name: string, parent: string): void => {
    const visitKey = `${name} in ${parent}`;
    if (visited.has(visitKey)) return;
    visited.add(visitKey);
    visit(schema.$defs?.[name], parent);
  };
  visit(schema, "");
  return places;
}

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
