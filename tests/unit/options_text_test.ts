import assert from "node:assert/strict";
import type { ProxyOptions } from "../../src/config/options.ts";
import type { ConfigFileInput } from "../../src/config/schema/config_schema.ts";
import { optionsModule } from "../../.github/build/write_schema.ts";
import { optionsText, type SchemaNode } from "../../.github/build/options_text.ts";
import type { CamelCase } from "../../src/config/schema/section.ts";

/** A type with all its keys, and the keys of everything in it, in camelCase. */
type CamelCased<T> = T extends Uint8Array ? T
  : T extends readonly (infer Entry)[] ? readonly CamelCased<Entry>[]
  : T extends object ? { [Key in keyof T as CamelCase<Key>]: CamelCased<T[Key]> }
  : T;

Deno.test("options.ts is up to date", async () => {
  const committed = await Deno.readTextFile(new URL("../../src/config/options.ts", import.meta.url));
  assert.equal(committed.replaceAll("\r\n", "\n"), optionsModule(), "run deno task schema");
});

Deno.test("ProxyOptions are what the schema reads, spelled as programs spell it", () => {
  // The types are the test: this must compile.
  type Read = CamelCased<Omit<ConfigFileInput, "reload">>;
  const read = (options: ProxyOptions): Read => options;
  const keys = (options: Read): Record<keyof ProxyOptions, unknown> =>
    options as Record<keyof ProxyOptions, unknown>;
  const options: ProxyOptions = {
    services: [{ name: "db", listen: 0, upstream: "db:1", idleTimeout: 5000 }],
  };
  assert.equal(keys(read(options)).services, options.services);
});

const TERMS = {
  instead: { duration: ["number"] },
  without: ["reload"],
  bases: { group_defaults: { properties: { nagle: { type: "boolean" } } } },
  examples: { ProxyOptions: ["", "@example One", "```ts", "const a = 1;", "```"] },
  imports: 'import type { B } from "./b.ts";\n\n',
  more: { GroupOptions: "  readonly b: B;\n" },
};

const FAULT: SchemaNode = {
  oneOf: ["slow_close", "down"].map((type) => ({
    properties: { type: { const: type } },
    required: ["type"],
  })),
};

const SCHEMA: SchemaNode = {
  description: "All of it.",
  properties: {
    reload: { type: "boolean" },
    idle_timeout: {
      description: "How long.",
      default: "5s",
      anyOf: [{ type: "string", pattern: "duration" }, { const: 0 }, {
        type: "string",
        pattern: "\\$\\{NAME\\}",
      }],
    },
    nodelay: {
      deprecated: true,
      description: "Old.",
      anyOf: [{ type: "boolean" }, { enum: ["true", "false"] }],
    },
    services: {
      type: "array",
      items: {
        properties: {
          nagle: { type: "boolean" },
          faults: { type: "array", items: FAULT },
          tls: { properties: { cert: { type: "string" } } },
        },
      },
    },
    group_defaults: { properties: { nagle: { type: "boolean" } } },
    groups: { type: "object", additionalProperties: { $ref: "#/$defs/group" } },
    upstream: { $ref: "#/$defs/upstream" },
  },
  required: ["services"],
  $defs: {
    group: { properties: { tls: { properties: { ca: { type: "string" } } }, mode: { enum: ["a", "b"] } } },
    upstream: { anyOf: [{ type: "string" }, { type: "array", items: { type: "integer" } }] },
  },
};

Deno.test("optionsText() declares an interface for each mapping, in camelCase and with what it is by default", () => {
  const text = optionsText(SCHEMA, TERMS);
  assert.equal(
    text.slice(text.indexOf("import")),
    `import type { B } from "./b.ts";

/**
 * All of it.
 *
 * @example One
 * \`\`\`ts
 * const a = 1;
 * \`\`\`
 */
export interface ProxyOptions {
  /** How long. Default: \`5s\`. */
  readonly idleTimeout?: string | number | undefined;
  /** Old. @deprecated */
  readonly nodelay?: boolean | undefined;
  readonly services: readonly ServiceOptions[];
  readonly groupDefaults?: GroupDefaultsOptions | undefined;
  readonly groups?: Readonly<Record<string, GroupOptions>> | undefined;
  readonly upstream?: UpstreamOptions | undefined;
}

export type UpstreamOptions = string | readonly number[];

export interface GroupOptions {
  readonly tls?: GroupTlsOptions | undefined;
  readonly mode?: "a" | "b" | undefined;
  readonly b: B;
}

export interface GroupTlsOptions {
  readonly ca?: string | undefined;
}

export interface ServiceOptions extends GroupDefaultsOptions {
  readonly faults?: readonly FaultOptions[] | undefined;
  readonly tls?: TlsOptions | undefined;
}

export interface GroupDefaultsOptions {
  readonly nagle?: boolean | undefined;
}

export interface TlsOptions {
  readonly cert?: string | undefined;
}

export interface DownFaultOptions {
  readonly type: "down";
}

export interface SlowCloseFaultOptions {
  readonly type: "slow_close";
}

export type FaultOptions =
  | SlowCloseFaultOptions
  | DownFaultOptions;
`,
  );
});

Deno.test("optionsText() wraps long descriptions, and cannot be made to end a comment", () => {
  const description = `${"word ".repeat(40)}*/ end`;
  const text = optionsText({ properties: { a: { type: "number", description } } }, TERMS);
  assert.match(text, / {2}\/\*\*\n( {3}\* [\w *\\/]{1,117}\n){2,} {3}\*\/\n {2}readonly a\?: number/);
  assert.match(text, / \*\\\/ end\n/);
});

Deno.test("optionsText() refuses what it has no type for", () => {
  assert.throws(
    () => optionsText({ properties: { a: { type: "null" } } }, TERMS),
    /ProxyOptions\.a: no type/,
  );
});
