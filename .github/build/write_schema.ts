/** Writes what follows from the schema, `schema.json` and `options.ts` of `src/config`: `deno task schema`. */

import type * as z from "zod";
import { directionOf, faultKeys, triggers } from "../../src/config/schema/fault_schema.ts";
import { section } from "../../src/config/schema/section.ts";
import { settingsOfRoute } from "../../src/config/schema/tls_schema.ts";
import { fileSchema, jsonSchemaText, schemaOf } from "./json_schema.ts";
import { DURATION_PATTERN } from "../../src/config/values/duration.ts";
import { PAYLOAD_PATTERN } from "../../src/config/values/payload.ts";
import { type LibraryTerms, optionsText, type SchemaNode } from "./options_text.ts";

const PROXY_OPTIONS =
  "What a program can say about a proxy: everything that a configuration file can, in camelCase. " +
  "Durations may be numbers of milliseconds. Environment variables are not expanded.";

const PROXY_EXAMPLE = `
@example Two endpoints, of which the second is for when the first is down
\`\`\`ts
import { type ProxyOptions, startProxy } from "@sluice/sluice";

const options: ProxyOptions = {
  defaults: { idleTimeout: 60_000 },
  services: [{
    name: "db",
    listen: 0,
    upstream: {
      endpoints: ["127.0.0.1:5432", { address: "127.0.0.1:5433", backup: true }],
      healthCheck: { interval: "1s" },
    },
  }],
};
await using proxy = await startProxy(options);
\`\`\``;

const FAULT_EXAMPLE = `
@example Every third connection ends its answers late
\`\`\`ts
import { type FaultOptions, startProxy } from "@sluice/sluice";

const late: FaultOptions = { type: "slow_close", delay: 200, every: 3 };
await using proxy = await startProxy({
  services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432", faults: [late] }],
});
\`\`\``;

/** What programs say in another way than files, or can say besides. */
function libraryTerms(schema: SchemaNode): LibraryTerms {
  const { all, connections } = faultKeys();
  const ofBytes = { ...all, direction: directionOf("download"), ...triggers() };
  const base = (about: string, keys: z.core.$ZodLooseShape) =>
    schemaOf(section("", keys).describe(about)) as SchemaNode;
  return {
    instead: { [DURATION_PATTERN]: ["number"], [PAYLOAD_PATTERN]: ["Uint8Array"] },
    without: ["reload"],
    bases: {
      defaults: schema.properties!["defaults"]!,
      byte_fault: base("What a fault of bytes can say.", ofBytes),
      connection_fault: base("What a fault of connections can say.", { ...all, ...connections }),
      route_tls: schemaOf(settingsOfRoute) as SchemaNode,
      any_fault: base("What every fault can say.", all),
    },
    examples: { ProxyOptions: PROXY_EXAMPLE.split("\n"), FaultOptions: FAULT_EXAMPLE.split("\n") },
    imports: 'import type { FilterFactory } from "./filter.ts";\n\n',
    more: {
      ServiceOptions:
        `  /** What the bytes of each connection pass through. It needs \`workers: 1\`, the default. */
  readonly filter?: FilterFactory | undefined;
`,
    },
  };
}

/** The options of the library as a module of TypeScript. */
export function optionsModule(): string {
  const schema = { ...fileSchema() as SchemaNode, description: PROXY_OPTIONS };
  return optionsText(schema, libraryTerms(schema));
}

if (import.meta.main) {
  const folder = new URL("../../src/config/", import.meta.url);
  await Deno.writeTextFile(new URL("schema.json", folder), jsonSchemaText());
  await Deno.writeTextFile(new URL("options.ts", folder), optionsModule());
}
