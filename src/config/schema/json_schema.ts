/** The JSON Schema of a configuration file, which gives editors completion and checks. */

import { z } from "zod";
import { DURATION_PATTERN } from "../values/duration.ts";
import { PAYLOAD_PATTERN } from "../values/payload.ts";
import { configFile } from "./config_schema.ts";
import { type LibraryTerms, optionsText, type SchemaNode } from "./options_text.ts";

/**
 * All keys of a configuration, each with its possible parent keys: `balance` under `upstream` and
 * `upstreams`. The top of the file is "".
 */
export function configKeys(): ReadonlyMap<string, ReadonlySet<string>> {
  const schema = generate();
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
  const { $schema, ...schema } = generate();
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

const PROXY_OPTIONS =
  "What a program can say about a proxy: everything that a configuration file can, in camelCase. " +
  "Durations may be numbers of milliseconds. Environment variables are not expanded.";

/** What programs say in another way than files, or can say besides. */
const LIBRARY_TERMS: LibraryTerms = {
  instead: { [DURATION_PATTERN]: ["number"], [PAYLOAD_PATTERN]: ["Uint8Array"] },
  without: ["reload"],
  example: [
    "",
    "@example Two endpoints, of which the second is for when the first is down",
    "```ts",
    'import { type ProxyOptions, startProxy } from "@sluice/sluice";',
    "",
    "const options: ProxyOptions = {",
    "  defaults: { idleTimeout: 60_000 },",
    "  services: [{",
    '    name: "db",',
    "    listen: 0,",
    "    upstream: {",
    '      endpoints: ["127.0.0.1:5432", { address: "127.0.0.1:5433", backup: true }],',
    '      healthCheck: { interval: "1s" },',
    "    },",
    "  }],",
    "};",
    "await using proxy = await startProxy(options);",
    "```",
  ],
  imports: 'import type { FilterFactory } from "./filter.ts";\n\n',
  more: {
    ServiceOptions:
      `  /** What the bytes of each connection pass through. It needs \`workers: 1\`, the default. */
  readonly filter?: FilterFactory | undefined;
`,
  },
};

/** Generates the options of the library as a module of TypeScript. */
export function optionsModule(): string {
  return optionsText({ ...generate() as SchemaNode, description: PROXY_OPTIONS }, LIBRARY_TERMS);
}

function generate() {
  // The values are checked by code; "any" keeps the JSON Schema that they bring in their metadata.
  return z.toJSONSchema(configFile, { io: "input", unrepresentable: "any" });
}
