/** The JSON Schema of a configuration file, which gives editors completion and checks. */

import * as z from "zod";
import { configFile } from "../../src/config/schema/config_schema.ts";
import { listFile } from "../../src/config/schema/list_file.ts";

/** Generates the text of `schema.json`, laid out as `deno fmt` does it. */
export function jsonSchemaText(): string {
  const { $schema, ...schema } = fileSchema();
  const service = (schema.properties!["services"] as Node).items!;
  const shared = takeShared(service.properties!["faults"]!.items!);
  schema.$defs = { ...schema.$defs, ...shared } as typeof schema.$defs & object;
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
export function schemaOf(schema: z.ZodType) {
  // The values are checked by code; "any" keeps the JSON Schema that they bring in their metadata.
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}

/** The JSON Schema of a file, with the definitions that values refer to. */
export function fileSchema() {
  const schema = schemaOf(configFile);
  const { $schema: _, ...definition } = schemaOf(listFile);
  return { ...schema, $defs: { ...schema.$defs, list_file: definition } };
}

interface Node {
  readonly description?: string;
  readonly items?: Node;
  readonly properties?: Record<string, Node>;
  readonly oneOf?: readonly Node[];
}

/**
 * Replaces keys that several mappings of a choice have: there are too many to repeat them.
 *
 * @returns Their definitions.
 */
function takeShared(choice: Node): Record<string, Node> {
  const { oneOf = [] } = choice;
  const texts = oneOf.flatMap(({ properties = {} }) =>
    Object.values(properties).map((each) => JSON.stringify(each))
  );
  const shared: Record<string, Node> = {};
  for (const { properties = {} } of oneOf) {
    for (const [key, property] of Object.entries(properties)) {
      const text = JSON.stringify(property);
      const name = `fault_${key}`;
      if (texts.indexOf(text) === texts.lastIndexOf(text) && shared[name] === undefined) continue;
      const { description, ...definition } = property;
      shared[name] ??= definition;
      if (JSON.stringify(shared[name]) !== JSON.stringify(definition)) continue;
      properties[key] = {
        ...description === undefined ? {} : { description },
        $ref: `#/$defs/${name}`,
      } as Node;
    }
  }
  return shared;
}
