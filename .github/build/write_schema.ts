/** Writes what follows from the schema, `schema.json` and `options.ts` of `src/config`: `deno task schema`. */

import { jsonSchema, jsonSchemaText } from "../../src/config/schema/json_schema.ts";
import { DURATION_PATTERN } from "../../src/config/values/duration.ts";
import { PAYLOAD_PATTERN } from "../../src/config/values/payload.ts";
import { type LibraryTerms, optionsText, type SchemaNode } from "./options_text.ts";

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

/** The options of the library as a module of TypeScript. */
export function optionsModule(): string {
  return optionsText({ ...jsonSchema() as SchemaNode, description: PROXY_OPTIONS }, LIBRARY_TERMS);
}

if (import.meta.main) {
  const folder = new URL("../../src/config/", import.meta.url);
  await Deno.writeTextFile(new URL("schema.json", folder), jsonSchemaText());
  await Deno.writeTextFile(new URL("options.ts", folder), optionsModule());
}
