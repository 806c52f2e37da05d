import assert from "node:assert/strict";
import { parse } from "@std/yaml/parse";
import { Ajv } from "npm:ajv@8.20.0";
import { decodeConfig } from "../../../src/config/decode.ts";
import { encodeConfig } from "../../../src/config/encode.ts";
import { jsonSchemaText } from "../../../.github/build/json_schema.ts";
import { type Schema, schemaKeys } from "./schema_keys.ts";
import { EVERYTHING, TOKEN } from "./every_setting.ts";

const ROOT = new URL("../../../", import.meta.url);
const VALID = new URL("tests/config/valid/", ROOT);

Deno.test("encodeConfig() writes everything there is as a file has it", () => {
  assert.deepEqual(encodeConfig(decodeConfig(EVERYTHING), (text) => text), EVERYTHING);
});

Deno.test("encodeConfig() has every key of the schema", () => {
  const keys = schemaKeys(JSON.parse(jsonSchemaText()) as Schema).map(({ path }) => path);
  assert.ok(keys.length > 85, `only ${keys.length} keys`);
  const written = new Set(keysOf(encodeConfig(decodeConfig(EVERYTHING))));
  // A certificate beside the other settings becomes a list of one.
  const otherwise = new Set([
    "defaults",
    "services.tls.cert",
    "services.tls.key",
    "services.routes.tls.cert",
    "services.routes.tls.key",
  ]);
  // What it begins with alone is written without a mapping. The others are written in the same way everywhere.
  otherwise.add("upstreams.*.health_check.script.expect.begins");
  for (const place of ["expect", "http.body"]) {
    for (const key of ["begins", "contains", "regex"]) {
      otherwise.add(`upstreams.*.health_check.${place}.${key}`);
    }
  }
  const missing = keys
    // A group written in place has the keys of a group under `upstreams`.
    .filter((path) => !path.slice(0, -1).includes("upstream"))
    // Services have the values of `defaults`.
    .map((path) => path.join(".").replace(/^defaults\./, "services."))
    .filter((key) => !written.has(key) && !otherwise.has(key));
  assert.deepEqual(missing, []);
});

Deno.test("encodeConfig() shows the defaults", () => {
  const services = [{ name: "a", listen: 5000, upstream: "db:5432", tls: { cert: "/a.pem", key: "/a.key" } }];
  const group = {
    endpoints: [{ address: "a:1", max_connections: 9 }],
    health_check: {},
    passive: {},
    queue: "5s",
    pool: {},
    discovery: { dns: "a" },
  };
  const config = decodeConfig({ services, upstreams: { group }, admin: { listen: 9000 } });
  assert.deepEqual(encodeConfig(config), {
    workers: 1,
    faults: false,
    log: { level: "info", format: "text", access: { format: "text", sample: 1, at: ["closed"] } },
    shutdown: { drain: "30s" },
    reload: { watch: false },
    admin: { listen: "127.0.0.1:9000", max_connections: 64 },
    upstreams: {
      group: {
        balance: "round_robin",
        endpoints: [{ address: "a:1", weight: 1, max_connections: 9, backup: false }],
        retry: { attempts: 3, timeout: "10s" },
        health_check: { interval: "5s", timeout: "2s", rise: 2, fall: 3 },
        passive: { failures: 5, window: "10s", eject: "30s" },
        on_down: "keep",
        on_all_down: "try",
        queue: { timeout: "5s", length: 1000 },
        pool: { mode: "warm", max_idle: 8, max_idle_time: "5s" },
        discovery: { dns: "a", interval: "10s" },
      },
    },
    services: [{
      name: "a",
      listen: ["127.0.0.1:5000"],
      limits: { when_full: "refuse" },
      tls: {
        certificates: [{ cert: "/a.pem", key: "/a.key" }],
        client_auth: "none",
        min_version: "1.2",
        engine: "node",
        handshake_timeout: "10s",
      },
      upstream: "db:5432",
      connect_timeout: "5s",
      idle_timeout: "10m",
      half_close_timeout: "10m",
      buffer_size: "1MiB",
      nodelay: true,
      keepalive: false,
      reset: "close",
    }],
  });
});

Deno.test("encodeConfig() masks the token, the key for ACME and what health checks send and expect, and nothing else", () => {
  const config = decodeConfig(EVERYTHING);
  const masked = encodeConfig(config);
  const text = JSON.stringify(masked);
  for (const secret of [TOKEN, "hunter2", "AUTH", "2b4f4bff"]) assert.ok(!text.includes(secret), secret);
  const expected = structuredClone(EVERYTHING);
  expected.admin.token = "***";
  expected.upstreams.carts.discovery.consul.token = "***";
  const masked7 = "*** (7B)";
  Object.assign(expected.upstreams.cache.health_check, { send: "*** (14B)", expect: "*** (4B)" });
  Object.assign(expected.upstreams.http.health_check.http.body, { begins: masked7 });
  const [greeting, question, answer] = expected.upstreams.script.health_check.script;
  Object.assign(greeting!, { expect: masked7 });
  Object.assign(question!, { send: masked7 });
  Object.assign(answer!, { expect: { contains: masked7 } });
  for (const { tls, routes } of expected.services as { tls?: unknown; routes?: { tls?: unknown }[] }[]) {
    for (const each of [tls, ...(routes ?? []).map((route) => route.tls)]) {
      const account = (each as { acme?: { external_account: object } } | undefined)?.acme?.external_account;
      if (account !== undefined) Object.assign(account, { hmac_key: "***" });
    }
  }
  assert.deepEqual(masked, expected);
});

Deno.test("encodeConfig() masks what is in groups written in place", () => {
  const group = { endpoints: ["db:1"], health_check: { send: "hunter2", expect: "hunter3" } };
  const routes = [{ source_ip: "10.0.0.1", upstream: group }];
  const config = decodeConfig({ services: [{ name: "a", listen: 1, routes, upstream: group }] });
  const text = JSON.stringify(encodeConfig(config));
  assert.doesNotMatch(text, /hunter/);
  assert.equal(text.match(/"send":"\*\*\* \(7B\)"/g)?.length, 2);
});

Deno.test("encodeConfig() has peek exactly where a route needs it and no tls stands before it", () => {
  const peekWith = (condition: object, service: object = {}) => {
    const routes = [{ ...condition, upstream: "db:1" }];
    const config = decodeConfig({
      services: [{ name: "a", listen: 1, routes, upstream: "db:2", ...service }],
    });
    return encodeConfig(config).services[0]?.peek;
  };
  const peek = { timeout: "3s", max_bytes: "16KiB" };
  assert.deepEqual(peekWith({ sni: "a.example.com" }), peek);
  assert.deepEqual(peekWith({ alpn: "h2" }), peek);
  assert.equal(peekWith({ source_port: 5 }), undefined);
  assert.equal(peekWith({ sni: "a.example.com" }, { tls: { cert: "a.pem", key: "a.key" } }), undefined);
});

Deno.test("decodeConfig() makes of an encoding what it was made of, for every configuration there is", async () => {
  const { $schema: _, ...schema } = JSON.parse(jsonSchemaText()) as Record<string, unknown>;
  const fitsSchema = new Ajv({ allowUnionTypes: true }).compile(schema);
  const entries = await Array.fromAsync(Deno.readDir(VALID));
  const files = entries.map(({ name }) => name).filter((name) => name.endsWith(".yaml"));
  assert.ok(files.length >= 20, `only ${files.length} files`);
  const documents: [name: string, document: unknown][] = [["everything", EVERYTHING]];
  for (const file of files) documents.push([file, parse(await Deno.readTextFile(new URL(file, VALID)))]);
  const example = await Deno.readTextFile(new URL("config.example.yaml", ROOT));
  documents.push(["config.example.yaml", parse(example)]);
  // Includes commented-out keys, whose `#` has no space after it.
  documents.push(["all of config.example.yaml", parse(example.replace(/^( +)#(?=\S| {2})/gm, "$1"))]);

  for (const [name, document] of documents) {
    const environment = (variable: string) => variable === "SLUICE_ADMIN_TOKEN" ? TOKEN : undefined;
    const config = decodeConfig(document, { environment });
    const encoded = encodeConfig(config, (text) => text);
    const decoded = decodeConfig(encoded);
    assert.deepEqual(decoded, config, name);
    assert.deepEqual(JSON.parse(JSON.stringify(encoded)), encoded, name);
    assert.ok(fitsSchema(encoded), `${name}: ${JSON.stringify(fitsSchema.errors)}`);
    for (const { upstream, routes } of decoded.services) {
      const used = [...routes.map((route) => route.upstream), ...upstream === undefined ? [] : [upstream]];
      for (const group of used) assert.ok(decoded.upstreams.includes(group), `${name}: ${group.name}`);
    }
  }
});

/** The paths of all keys. Keys of a list's entries have the path of the list; the name of a group is `*`. */
function keysOf(value: unknown, path: readonly string[] = []): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => keysOf(entry, path));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => {
    const here = [...path, path.join() === "upstreams" ? "*" : key];
    return [here.join("."), ...keysOf(entry, here)];
  });
}
