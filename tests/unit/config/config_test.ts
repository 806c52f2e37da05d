import assert from "node:assert/strict";
import { parse } from "@std/yaml/parse";
import { Ajv } from "npm:ajv@8.20.0";
import { ConfigError, formatProblem } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { jsonSchemaText } from "../../../.github/build/json_schema.ts";
import { ConfigFile } from "../../../src/config/load.ts";
import { FAULT_TYPES, kindOf } from "../../../src/faults/registry.ts";
import { toSnakeCase } from "../../../src/config/schema/section.ts";
import { type Schema, schemaKeys } from "./schema_keys.ts";

const ROOT = new URL("../../../", import.meta.url);
const VALID = new URL("tests/config/valid/", ROOT);
const PARAMETERS = new Set(
  FAULT_TYPES.flatMap((type) => Object.keys(kindOf(type).parameters).map(toSnakeCase)),
);
const INVALID = new URL("tests/config/invalid/", ROOT);

Deno.test("ConfigFile.load() accepts every file in tests/config/valid", async () => {
  const files = yamlFiles(VALID);
  assert.ok(files.length >= 20, `only ${files.length} files`);
  for (const file of files) {
    const config = await load(new URL(file, VALID));
    assert.ok(config.services.length > 0, file);
  }
});

Deno.test("ConfigFile.load() reports exactly what every file in tests/config/invalid expects", async () => {
  const files = yamlFiles(INVALID);
  assert.ok(files.length >= 79, `only ${files.length} files`);
  for (const file of files) {
    const url = new URL(file, INVALID);
    const text = await Deno.readTextFile(url);
    const expected = text.split("\n").filter((line) => line.startsWith("# expect: "))
      .map((line) => line.slice("# expect: ".length));
    assert.ok(expected.length > 0, `${file} expects nothing`);
    const error = await rejection(load(url));
    assert.deepEqual(error.problems.map(formatProblem).sort(), expected.sort(), file);
    assert.equal(error.file, path(url));
    // A file without a value has no positions.
    const isEmpty = error.message.includes("The file is empty");
    assert.ok(isEmpty || error.problems.every(({ position }) => position !== undefined), file);
  }
});

Deno.test("config.example.yaml loads", async () => {
  const config = await load(new URL("config.example.yaml", ROOT));
  assert.equal(config.log.level, "info");
  assert.ok(config.services.length > 1);
});

Deno.test("config.example.yaml is also valid with its commented-out keys", async () => {
  const document = parse(await exampleInFull());
  const variables: Record<string, string> = { SLUICE_ADMIN_TOKEN: "correct-horse" };
  const { log, admin, services } = decodeConfig(document, { environment: (name) => variables[name] });
  assert.equal(log.access.path, "/var/log/sluice/access.log");
  assert.equal(admin?.token, "correct-horse");
  assert.equal(services.find(({ name }) => name === "secure")?.tls?.certificates.length, 2);
  assert.ok(services.find(({ name }) => name === "towards-tls")?.upstreamTls?.certificate !== undefined);
});

Deno.test("config.example.yaml shows the defaults of TLS", async () => {
  const { services } = parse(await exampleInFull()) as { services: Record<string, unknown>[] };
  const find = (name: string) => services.find((service) => service["name"] === name)!;
  const { tls } = find("secure") as { tls: Record<string, unknown> };
  const upstreamTls = find("towards-tls")["upstream_tls"] as Record<string, unknown>;
  const decode = (service: object) =>
    decodeConfig({ services: [{ name: "a", listen: 0, upstream: "db:1", ...service }] }).services[0]!;
  const { certificates, client_ca, crl, alpn } = tls;
  const { ca, cert, key, server_name } = upstreamTls;
  assert.deepEqual(decode({ tls }).tls, decode({ tls: { certificates, client_ca, crl, alpn } }).tls);
  assert.deepEqual(
    decode({ upstream_tls: upstreamTls }).upstreamTls,
    decode({ upstream_tls: { ca, cert, key, server_name } }).upstreamTls,
  );
});

Deno.test("config.example.yaml has every key of the schema", async () => {
  const example = parse(await exampleInFull());
  const keys = schemaKeys(JSON.parse(jsonSchemaText()) as Schema).map(({ path }) => path)
    // A group written in place has the keys of a group, and appears among these.
    .filter((path) => !path.slice(0, -1).includes("upstream"))
    // The example has them once, in a script.
    .filter((path) => !["body", "expect"].includes(path.at(-2)!) || path.at(-3) === "script")
    // docs/testing.md lists the parameters of faults.
    .filter((path) => path.at(-2) !== "faults" || !PARAMETERS.has(path.at(-1)!))
    // The lists of `defaults` are empty there.
    .map((path) => path[0] === "defaults" && path.at(-1) === "file" ? ["services", ...path.slice(1)] : path);
  assert.ok(keys.length > 85, `only ${keys.length} keys`);
  for (const key of keys) assert.ok(hasKey(example, key), `${key.join(".")} is missing`);
});

Deno.test("config.example.yaml shows the defaults", async () => {
  const example = parse(await Deno.readTextFile(new URL("config.example.yaml", ROOT))) as Record<
    string,
    unknown
  >;
  const { upstreams: _, admin: _admin, services: _services, ...settings } = example;
  const sections = ["workers", "faults", "log", "shutdown", "reload", "limits", "defaults"];
  assert.deepEqual(Object.keys(settings).toSorted(), sections.toSorted());
  const services = [{ name: "a", listen: 0, upstream: "db:1" }];
  assert.deepEqual(
    decodeConfig({ ...settings, services }, { environment: () => undefined }),
    decodeConfig({ services }),
  );
});

Deno.test("config.example.yaml shows the defaults of groups", async () => {
  const { upstreams } = parse(await Deno.readTextFile(new URL("config.example.yaml", ROOT))) as {
    upstreams: Record<"pg" | "memcached" | "orders", Record<string, Record<string, unknown>>>;
  };
  const { pg, memcached, orders } = upstreams;
  const endpoints = ["10.0.0.5:5432", "10.0.0.6:5432"];
  assert.deepEqual(groupOf(pg), groupOf({ endpoints, health_check: {}, passive: {}, pool: {} }));
  const reuse = { endpoints: ["a:1"], pool: { mode: "reuse" } };
  assert.deepEqual(groupOf({ ...reuse, pool: memcached["pool"] }), groupOf(reuse));
  const srv = { endpoints: ["_a._tcp.b"], discovery: { dns: "srv", server: "10.0.0.2" } };
  assert.deepEqual(groupOf({ ...srv, discovery: orders["discovery"] }), groupOf(srv));
});

Deno.test("schema.json is what deno task schema writes", async () => {
  const committed = await Deno.readTextFile(new URL("src/config/schema.json", ROOT));
  assert.equal(committed.replaceAll("\r\n", "\n"), jsonSchemaText(), "run deno task schema");
});

Deno.test("schema.json describes every key", () => {
  const keys = schemaKeys(JSON.parse(jsonSchemaText()) as Schema);
  const silent = keys.filter(({ schema }) => schema.description === undefined);
  assert.deepEqual(silent.map(({ path }) => path.join(".")), []);
});

Deno.test("schema.json accepts what ConfigFile.load() accepts", async () => {
  // Ajv's default export does not know the draft; all keywords in use are older.
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
  const service = { name: "a", listen: 1 };
  const wrong = [
    { services: [{ ...service, upstream: "db:1", tls: true }] },
    { services: [service] },
    { services: [{ ...service, upstream: "http://db:1" }] },
    { services: [{ ...service, upstream: { endpoints: [] } }] },
    { services: [{ ...service, upstream: ["db:1", 5] }] },
    { services: [{ ...service, routes: [{ source_port: "1:2", upstream: "db:1" }] }] },
    { services: [{ ...service, routes: [{ sni: "*", upstream: "db:1" }] }] },
    { services: [{ ...service, upstream: "db:1", accept_proxy_protocol: { from: [] } }] },
    { services: [{ ...service, upstream: "db:1", accept_proxy_protocol: { timeout: "3s" } }] },
    { services: [{ ...service, upstream: "db:1", allow: ["db.internal"] }] },
    { services: [{ ...service, upstream: "db:1", limits: { connects_per_second: 0 } }] },
    { services: [{ ...service, upstream: "db:1", limits: { connects_per_second: { burst: 5 } } }] },
    { services: [{ ...service, upstream: "db:1", limits: { upload: "10MB" } }] },
    { services: [{ ...service, upstream: "db:1", send_proxy_protocol: "v3" }] },
    { services: [{ ...service, upstream: "db:1" }], limits: { upload: "10MB/s" } },
    { services: [{ ...service, upstream: "db:1", tls: {} }] },
    { services: [{ ...service, upstream: "db:1", tls: { cert: "a.pem" } }] },
    { services: [{ ...service, upstream: "db:1", tls: { certificates: [] } }] },
    {
      services: [{ ...service, upstream: "db:1", tls: { cert: "a.pem", key: "a.key", min_version: "1.1" } }],
    },
    { services: [{ ...service, upstream: "db:1", upstream_tls: { server_name: "*.internal" } }] },
    { services: [{ ...service, upstream: "db:1", source_address: "eth0" }] },
    { services: [{ ...service, upstream: "db:1" }], workers: 0 },
    { services: [{ ...service, upstream: "db:1" }], workers: "all" },
    { services: [{ ...service, upstream: "db:1" }], shutdown: { delay: 5 } },
    { services: [{ ...service, upstream: "db:1" }], reload: true },
    { services: [{ ...service, upstream: "db:1" }], admin: {} },
    { services: [{ ...service, upstream: "db:1" }], admin: { listen: "9000-9010" } },
    { services: [{ ...service, upstream: "db:1" }], admin: { listen: 9000, token: "short" } },
    { services: [{ ...service, upstream: "db:1" }], log: { access: { sample: 0 } } },
    { services: [{ ...service, upstream: "pg" }], upstreams: { "p g": { endpoints: ["db:1"] } } },
    { services: [{ ...service, upstream: "pg" }], upstreams: { pg: { endpoints: ["db:1"], balnce: "x" } } },
  ];
  for (const document of wrong) assert.ok(!validate(document), JSON.stringify(document));
  assert.ok(validate({ services: [{ ...service, upstream: "db:1" }] }));
});

function yamlFiles(directory: URL): string[] {
  return [...Deno.readDirSync(directory)].map((entry) => entry.name).filter((name) => name.endsWith(".yaml"));
}

/** Includes commented-out keys, whose `#` has no space after it. */
async function exampleInFull(): Promise<string> {
  const text = await Deno.readTextFile(new URL("config.example.yaml", ROOT));
  const full = text.replace(/^( *)#(?=\S| {2})/gm, "$1");
  assert.ok(full.includes("\n    tls:\n      certificates:"), "nothing is commented out");
  return full;
}

function load(url: URL) {
  return new ConfigFile(path(url), () => undefined).load();
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

function groupOf(group: unknown) {
  return decodeConfig({ upstreams: { group }, services: [{ name: "a", listen: 0, upstream: "group" }] })
    .upstreams[0];
}

function hasKey(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  if (Array.isArray(value)) return value.some((entry) => hasKey(entry, [key, ...rest]));
  if (typeof value !== "object" || value === null) return false;
  if (key === "*") return Object.values(value).some((entry) => hasKey(entry, rest));
  return Object.hasOwn(value, key) && hasKey((value as Record<string, unknown>)[key], rest);
}
