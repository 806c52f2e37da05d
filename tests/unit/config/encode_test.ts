import assert from "node:assert/strict";
import { parse } from "@std/yaml/parse";
import { Ajv } from "npm:ajv@8.20.0";
import { decodeConfig } from "../../../src/config/decode.ts";
import { encodeConfig } from "../../../src/config/encode.ts";
import { jsonSchemaText } from "../../../src/config/schema/json_schema.ts";
import { type Schema, schemaKeys } from "./schema_keys.ts";

const ROOT = new URL("../../../", import.meta.url);
const VALID = new URL("tests/config/valid/", ROOT);
const TOKEN = "correct-horse-battery";

/** Every key there is, set to something, and written as `encodeConfig()` writes it. */
const EVERYTHING = {
  workers: 4,
  log: { level: "debug", format: "json", access: { path: "/var/log/a.log", format: "text", sample: 0.5 } },
  shutdown: { drain: "1m30s", delay: "5s" },
  reload: { watch: true },
  limits: { connections: 1000 },
  admin: {
    listen: "unix:/run/admin.sock",
    token: TOKEN,
    hosts: ["proxy.internal"],
    max_connections: 100,
    unix_mode: "0660",
  },
  upstreams: {
    cache: {
      balance: "least_connections",
      endpoints: [
        { address: "[2001:db8::5]:6379", weight: 2, max_connections: 100, backup: false },
        { address: "unix:/run/redis.sock", weight: 1, backup: true },
      ],
      retry: { attempts: 5, timeout: "0" },
      health_check: {
        interval: "1s",
        timeout: "500ms",
        rise: 3,
        fall: 4,
        send: "AUTH hunter2\r\n",
        expect: "hex:2b4f4bff",
        tls: false,
        proxy_protocol: "v2",
      },
      passive: { failures: 6, window: "7s", eject: "8s" },
      on_down: "close",
      pool: { mode: "reuse", max_idle: 9, max_idle_time: "10s", quiet: "11ms", max_uses: 12 },
    },
    orders: {
      balance: "source_hash",
      endpoints: [{ address: "_orders._tcp.internal", weight: 1, backup: false }],
      retry: { attempts: 3, timeout: "10s" },
      on_down: "keep",
      pool: { mode: "warm", max_idle: 8, max_idle_time: "5s" },
      discovery: { dns: "srv", interval: "1d2h", server: "[2001:db8::53]:53" },
    },
  },
  services: [
    {
      name: "secure",
      listen: ["0.0.0.0:7000-7010", "[::]:7011", "unix:/run/secure.sock"],
      unix_mode: "0660",
      accept_proxy_protocol: { from: ["10.0.0.0/8", "unix"], timeout: "3s" },
      allow: ["10.0.0.0/8", "2001:db8::/32"],
      deny: ["10.9.9.9"],
      limits: {
        connections: 1000,
        connections_per_client: 20,
        connects_per_second: { rate: 200, burst: 400 },
        connects_per_second_per_client: { rate: 0.5, burst: 1 },
        upload: "10MB/s",
        download: "64KiB/s",
        when_full: "wait",
        lifetime: "12h",
      },
      tls: {
        certificates: [{ cert: "/certs/a.pem", key: "/certs/a.key" }, {
          cert: "/certs/b.pem",
          key: "/certs/b.key",
        }],
        client_ca: "/certs/clients.pem",
        client_auth: "request",
        alpn: ["h2", "http/1.1"],
        min_version: "1.3",
        engine: "node",
        handshake_timeout: "9s",
      },
      routes: [
        { source_port: ["40000-40999", "41234"], source_ip: ["10.1.0.0/16"], upstream: "db1.internal:5432" },
        { listen_port: ["7001-7003"], sni: ["*.example.com"], alpn: ["h2"], upstream: "db2.internal:5432" },
      ],
      upstream: "orders",
      send_proxy_protocol: "v2",
      upstream_tls: {
        ca: "/certs/ca.pem",
        cert: "/certs/me.pem",
        key: "/certs/me.key",
        server_name: "db.internal",
        verify: true,
        alpn: ["postgresql"],
      },
      source_address: "10.0.0.3",
      connect_timeout: "2s",
      idle_timeout: "0",
      half_close_timeout: "30s",
      buffer_size: "1000000B",
      nodelay: false,
      keepalive: true,
      reset: "close",
    },
    {
      name: "names",
      listen: ["127.0.0.1:0"],
      limits: { when_full: "refuse" },
      peek: { timeout: "1s", max_bytes: "64KiB" },
      routes: [{ sni: ["shop.example.com"], upstream: "shop.internal:443" }],
      connect_timeout: "5s",
      idle_timeout: "10m",
      half_close_timeout: "10m",
      buffer_size: "1MiB",
      nodelay: true,
      keepalive: "1m",
      reset: "pass",
    },
  ],
};

Deno.test("encodeConfig() writes everything there is as a file has it", () => {
  assert.deepEqual(encodeConfig(decodeConfig(EVERYTHING), { secrets: "keep" }), EVERYTHING);
});

Deno.test("encodeConfig() has every key of the schema", () => {
  const keys = schemaKeys(JSON.parse(jsonSchemaText()) as Schema).map(({ path }) => path);
  assert.ok(keys.length > 85, `only ${keys.length} keys`);
  const written = new Set(keysOf(encodeConfig(decodeConfig(EVERYTHING))));
  // A certificate beside the other settings becomes a list of one.
  const otherwise = new Set(["defaults", "services.tls.cert", "services.tls.key"]);
  const missing = keys
    // What is written in place has the keys of a group under `upstreams`.
    .filter((path) => !path.slice(0, -1).includes("upstream"))
    // What defaults say is what services then have.
    .map((path) => path.join(".").replace(/^defaults\./, "services."))
    .filter((key) => !written.has(key) && !otherwise.has(key));
  assert.deepEqual(missing, []);
});

Deno.test("encodeConfig() shows the defaults", () => {
  const services = [{ name: "a", listen: 5000, upstream: "db:5432", tls: { cert: "/a.pem", key: "/a.key" } }];
  const group = { endpoints: ["a:1"], health_check: {}, passive: {}, pool: {}, discovery: { dns: "a" } };
  const config = decodeConfig({ services, upstreams: { group }, admin: { listen: 9000 } });
  assert.deepEqual(encodeConfig(config), {
    workers: 1,
    log: { level: "info", format: "text", access: { format: "text", sample: 1 } },
    shutdown: { drain: "30s" },
    reload: { watch: false },
    admin: { listen: "127.0.0.1:9000", max_connections: 64 },
    upstreams: {
      group: {
        balance: "round_robin",
        endpoints: [{ address: "a:1", weight: 1, backup: false }],
        retry: { attempts: 3, timeout: "10s" },
        health_check: { interval: "5s", timeout: "2s", rise: 2, fall: 3 },
        passive: { failures: 5, window: "10s", eject: "30s" },
        on_down: "keep",
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

Deno.test("encodeConfig() masks the token and what health checks send and expect, and nothing else", () => {
  const config = decodeConfig(EVERYTHING);
  const masked = encodeConfig(config);
  const text = JSON.stringify(masked);
  for (const secret of [TOKEN, "hunter2", "AUTH", "2b4f4bff"]) assert.ok(!text.includes(secret), secret);
  const expected = structuredClone(EVERYTHING);
  expected.admin.token = "***";
  Object.assign(expected.upstreams.cache.health_check, { send: "*** (14B)", expect: "*** (4B)" });
  assert.deepEqual(masked, expected);
  assert.deepEqual(encodeConfig(config, { secrets: "mask" }), expected);
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
  // With what is commented out: no space is behind its `#`.
  documents.push(["all of config.example.yaml", parse(example.replace(/^( +)#(?=\S| {2})/gm, "$1"))]);

  for (const [name, document] of documents) {
    const environment = (variable: string) => variable === "SLUICE_ADMIN_TOKEN" ? TOKEN : undefined;
    const config = decodeConfig(document, { environment });
    const encoded = encodeConfig(config, { secrets: "keep" });
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

/** The paths of all keys, those of a list's entries being in the list; a name of a group is `*`. */
function keysOf(value: unknown, path: readonly string[] = []): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => keysOf(entry, path));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => {
    const here = [...path, path.join() === "upstreams" ? "*" : key];
    return [here.join("."), ...keysOf(entry, here)];
  });
}
