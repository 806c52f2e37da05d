import assert from "node:assert/strict";
import { parse } from "@std/yaml";
import { Ajv } from "npm:ajv@8.20.0";
import { ConfigError, formatProblem } from "../../src/config/config_error.ts";
import { jsonSchemaText } from "../../src/config/json_schema.ts";
import { loadConfigFile } from "../../src/config/load.ts";

const ROOT = new URL("../../", import.meta.url);
const VALID = new URL("tests/config/valid/", ROOT);
const INVALID = new URL("tests/config/invalid/", ROOT);

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

Deno.test("loadConfigFile() accepts every file in tests/config/valid", async () => {
  const files = yamlFiles(VALID);
  assert.ok(files.length >= 8, `only ${files.length} files`);
  for (const file of files) {
    const config = await load(new URL(file, VALID));
    assert.ok(config.services.length > 0, file);
  }
});

Deno.test("loadConfigFile() reports exactly what every file in tests/config/invalid expects", async () => {
  const files = yamlFiles(INVALID);
  assert.ok(files.length >= 25, `only ${files.length} files`);
  for (const file of files) {
    const url = new URL(file, INVALID);
    const text = await Deno.readTextFile(url);
    const expected = text.split("\n").filter((line) => line.startsWith("# expect: "))
      .map((line) => line.slice("# expect: ".length));
    assert.ok(expected.length > 0, `${file} expects nothing`);
    const error = await rejection(load(url));
    assert.deepEqual(error.problems.map(formatProblem).sort(), expected.sort(), file);
    assert.equal(error.file, path(url));
  }
});

Deno.test("config.example.yaml loads", async () => {
  const config = await load(new URL("config.example.yaml", ROOT));
  assert.equal(config.log.level, "info");
  assert.ok(config.services.length > 1);
});

Deno.test("config.example.yaml has every key of the schema", async () => {
  const example = parse(await Deno.readTextFile(new URL("config.example.yaml", ROOT)));
  const keys = schemaKeys(JSON.parse(jsonSchemaText()) as Schema);
  assert.ok(keys.length > 20);
  for (const key of keys) assert.ok(hasKey(example, key), `${key.join(".")} is missing`);
});

Deno.test("config.example.yaml shows the defaults", async () => {
  const example = parse(await Deno.readTextFile(new URL("config.example.yaml", ROOT))) as Record<
    string,
    unknown
  >;
  const shown = { log: example["log"], shutdown: example["shutdown"], defaults: example["defaults"] };
  const services = [{ name: "a", listen: 0, upstream: "db:1" }];
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, JSON.stringify({ services }));
    const silent = await loadConfigFile(file, () => undefined);
    await Deno.writeTextFile(file, JSON.stringify({ ...shown, services }));
    assert.deepEqual(await loadConfigFile(file, () => undefined), silent);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("schema.json is what deno task schema writes", async () => {
  const committed = await Deno.readTextFile(new URL("src/config/schema.json", ROOT));
  assert.equal(committed.replaceAll("\r\n", "\n"), jsonSchemaText(), "run deno task schema");
});

Deno.test("schema.json describes every key", () => {
  const missing = schemaKeys(
    JSON.parse(jsonSchemaText()) as Schema,
    (schema) => schema.description === undefined,
  );
  assert.deepEqual(missing, []);
});

Deno.test("schema.json accepts what loadConfigFile() accepts", async () => {
  // Ajv's default export does not know the draft's name; all keywords in use are older than that.
  const { $schema: _, ...schema } = JSON.parse(jsonSchemaText()) as Record<string, unknown>;
  const validate = new Ajv({ allowUnionTypes: true }).compile(schema);
  const files = [
    ...yamlFiles(VALID).map((file) => new URL(file, VALID)),
    new URL("config.example.yaml", ROOT),
  ];
  for (const file of files) {
    const accepted = validate(parse(await Deno.readTextFile(file)));
    assert.ok(accepted, `${file.pathname}: ${JSON.stringify(validate.errors)}`);
  }
  assert.ok(!validate({ services: [{ name: "a", listen: 1, upstream: "db:1", tls: true }] }));
});

function yamlFiles(directory: URL): string[] {
  return [...Deno.readDirSync(directory)].map((entry) => entry.name).filter((name) => name.endsWith(".yaml"));
}

function load(url: URL) {
  return loadConfigFile(path(url), () => undefined);
}

function path(url: URL): string {
  return Deno.build.os === "windows" ? decodeURI(url.pathname.slice(1)) : decodeURI(url.pathname);
}

async function rejection(promise: Promise<unknown>): Promise<ConfigError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("Expected a ConfigError, got a configuration");
}

/** The paths of all keys in a JSON Schema; list items have the path of their list. */
function schemaKeys(schema: Schema, wanted: (schema: Schema) => boolean = () => true): string[][] {
  if (schema.items?.properties !== undefined) return schemaKeys(schema.items, wanted);
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => [
    ...(wanted(value) ? [[key]] : []),
    ...schemaKeys(value, wanted).map((rest) => [key, ...rest]),
  ]);
}

function hasKey(value: unknown, [key, ...rest]: string[]): boolean {
  if (key === undefined) return true;
  if (Array.isArray(value)) return value.some((entry) => hasKey(entry, [key, ...rest]));
  return typeof value === "object" && value !== null && Object.hasOwn(value, key) &&
    hasKey((value as Record<string, unknown>)[key], rest);
}
