import assert from "node:assert/strict";
import { parse } from "@std/yaml/parse";
import { Ajv } from "npm:ajv@8.20.0";
import { decodeConfig } from "../../../src/config/decode.ts";
import { encodeConfig } from "../../../src/config/encode.ts";
import { jsonSchemaText } from "../../../.github/build/json_schema.ts";
import { EVERY_FAULT } from "./every_fault.ts";
import { type Schema, schemaKeys } from "./schema_keys.ts";

const ROOT = new URL("../../../", import.meta.url);
const VALID = new URL("tests/config/valid/", ROOT);
const TOKEN = "correct-horse-battery";

/** Every key with a value, as `encodeConfig()` writes it. */
const EVERYTHING = {
  workers: 4,
  faults: true,
  seed: "42",
  log: {
    level: "debug",
    format: "json",
    access: { path: "/var/log/a.log", format: "text", sample: 0.5, at: ["closed"], skip: ["empty"] },
  },
  shutdown: { drain: "1m30s", drain_idle: "2s", delay: "5s" },
  reload: { watch: true },
  limits: { connections: 1000 },
  admin: {
    listen: "unix:/run/admin.sock",
    token: TOKEN,
    hosts: ["proxy.internal"],
    max_connections: 100,
    toxiproxy: "127.0.0.1:8474",
    unix_mode: "0660",
  },
  upstreams: {
    cache: {
      balance: "least_connections",
      endpoints: [
        { address: "[2001:db8::5]:6379", weight: 2, max_connections: 100, tier: 2, backup: false },
        { address: "unix:/run/redis.sock", weight: 1, backup: true },
      ],
      retry: { attempts: 5, timeout: 0 },
      health_check: {
        interval: "1s",
        fast_interval: "20ms",
        timeout: "500ms",
        rise: 3,
        fall: 4,
        address: "2001:db8::5",
        port: 6380,
        send: "AUTH hunter2\r\n",
        expect: "hex:2b4f4bff",
        tls: false,
        proxy_protocol: "v2",
      },
      passive: { failures: 6, window: "7s", eject: "8s" },
      on_down: "close",
      on_recover: { action: "close", spread: "30s" },
      stick: "none",
      slow_start: "30s",
      rebalance: { share: 0.05, every: "2m", quiet: "5s" },
      drain_idle: "3s",
      on_all_down: "refuse",
      queue: { timeout: "5s", length: 100 },
      pool: { mode: "reuse", max_idle: 9, max_idle_time: "10s", quiet: "11ms", max_uses: 12 },
    },
    script: {
      balance: "round_robin",
      endpoints: [{ address: "db:1", weight: 1, backup: false }],
      retry: { attempts: 3, timeout: "10s" },
      health_check: {
        interval: "5s",
        timeout: "2s",
        rise: 2,
        fall: 3,
        script: [
          { expect: "hunter4" },
          { send: "hunter2" },
          { expect: { contains: "hunter2" } },
          { expect: { regex: "a$|b" } },
        ],
      },
      on_down: "keep",
      on_all_down: "try",
    },
    http: {
      balance: "round_robin",
      endpoints: [{ address: "db:1", weight: 1, backup: false }],
      retry: { attempts: 3, timeout: "10s" },
      health_check: {
        interval: "5s",
        timeout: "2s",
        rise: 2,
        fall: 3,
        http: {
          method: "OPTIONS",
          path: "/health?full",
          host: "db.internal:1",
          status: ["200", "300-399"],
          body: { begins: "hunter2" },
        },
      },
      on_down: "keep",
      on_all_down: "try",
    },
    type: {
      balance: "round_robin",
      endpoints: [{ address: "db:1", weight: 1, backup: false }],
      retry: { attempts: 3, timeout: "10s" },
      health_check: { type: "patroni_primary", interval: "5s", timeout: "2s", rise: 2, fall: 3, port: 8008 },
      on_down: "keep",
      on_all_down: "try",
    },
    orders: {
      balance: "source_hash",
      endpoints: [{ address: "_orders._tcp.internal", weight: 1, backup: false }],
      retry: { attempts: 3, timeout: "10s" },
      on_down: "keep",
      on_all_down: "try",
      pool: { mode: "warm", max_idle: 8, max_idle_time: "5s" },
      discovery: { dns: "srv", interval: "1d2h", server: "[2001:db8::53]:53" },
    },
    sessions: {
      balance: "round_robin",
      retry: { attempts: 3, timeout: "10s" },
      on_down: "keep",
      on_all_down: "try",
      discovery: { file: "/etc/sluice/sessions.json", max_connections: 100 },
    },
    stock: {
      balance: "round_robin",
      retry: { attempts: 3, timeout: "10s" },
      on_down: "keep",
      on_all_down: "try",
      discovery: {
        consul: {
          service: "stock",
          address: "http://127.0.0.1:8500",
          passing_only: false,
          token_file: "/etc/sluice/consul.token",
          wait: "5m",
        },
      },
    },
    carts: {
      balance: "round_robin",
      retry: { attempts: 3, timeout: "10s" },
      on_down: "keep",
      on_all_down: "try",
      discovery: {
        consul: {
          service: "carts",
          address: "https://consul.internal:8501",
          tag: ["primary"],
          datacenter: "west",
          passing_only: true,
          token: "hunter2",
          ca: "/etc/sluice/consul-ca.pem",
          wait: "10m",
        },
      },
    },
    ledger: {
      balance: "round_robin",
      retry: { attempts: 3, timeout: "10s" },
      on_down: "keep",
      on_all_down: "try",
      discovery: {
        kubernetes: {
          service: "ledger",
          namespace: "default",
          port: 5432,
          zone: "eu-west-1a",
          server: "https://10.0.0.1:6443",
          token_file: "/etc/sluice/kubernetes.token",
          ca: "/etc/sluice/kubernetes-ca.crt",
        },
      },
    },
  },
  services: [
    {
      name: "secure",
      listen: ["0.0.0.0:7000-7010", "[::]:7011", "unix:/run/secure.sock"],
      unix_mode: "0660",
      accept_proxy_protocol: { from: ["10.0.0.0/8", "unix"], timeout: "3s" },
      allow: ["10.0.0.0/8", "2001:db8::/32", { file: "/etc/sluice/offices.txt" }],
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
        crl: "/certs/clients.crl",
        client_auth: "request",
        alpn: ["postgresql", "h2", "http/1.1"],
        starttls: "postgres",
        required: false,
        min_version: "1.3",
        engine: "node",
        handshake_timeout: "9s",
      },
      allow_clients: {
        client_name: ["*.devices.example", "alice"],
        client_subject: ["O=Acme, *"],
        client_issuer: ["CN=Device CA"],
      },
      routes: [
        { source_port: ["40000-40999", "41234"], source_ip: ["10.1.0.0/16"], upstream: "db1.internal:5432" },
        {
          listen_port: ["7001-7003"],
          sni: ["*.example.com"],
          alpn: ["h2"],
          tls: false,
          upstream: "db2.internal:5432",
        },
        {
          sni: ["own.example.com"],
          tls: {
            certificates: [{ cert: "/certs/c.pem", key: "/certs/c.key" }],
            client_ca: "/certs/clients.pem",
            crl: "/certs/clients.crl",
            client_auth: "require",
            alpn: ["h2"],
            min_version: "1.2",
            handshake_timeout: "9s",
          },
          upstream: "db2.internal:5432",
        },
        { protocol: ["tls"], tls: false, upstream: "db2.internal:5432" },
      ],
      peek: { timeout: "3s", max_bytes: "16KiB" },
      upstream: "orders",
      send_proxy_protocol: "v2",
      upstream_tls: {
        ca: "/certs/ca.pem",
        cert: "/certs/me.pem",
        key: "/certs/me.key",
        server_name: "db.internal",
        verify: true,
        alpn: ["postgresql"],
        starttls: "postgres",
      },
      mirror: { upstream: "staging.internal:5432", share: 0.1, buffer: "2MiB" },
      filters: ["/filters/upper_case.ts"],
      source_address: "10.0.0.3",
      connect_timeout: "2s",
      idle_timeout: 0,
      half_close_timeout: "30s",
      buffer_size: "1000000B",
      nodelay: false,
      keepalive: true,
      reset: "close",
    },
    {
      name: "by-certificate",
      listen: ["127.0.0.1:0"],
      limits: { when_full: "refuse" },
      tls: {
        certificates: [{ cert: "/certs/a.pem", key: "/certs/a.key" }],
        client_ca: "/certs/clients.pem",
        client_auth: "require",
        min_version: "1.2",
        handshake_timeout: "10s",
        engine: "node",
      },
      routes: [{
        client_name: ["billing.internal"],
        client_subject: ["O=Acme, CN=*"],
        client_issuer: ["CN=Office CA"],
        upstream: "db1.internal:5432",
      }],
      connect_timeout: "5s",
      idle_timeout: "10m",
      half_close_timeout: "10m",
      buffer_size: "1MiB",
      nodelay: true,
      keepalive: false,
      reset: "close",
    },
    {
      name: "names",
      listen: ["127.0.0.1:0"],
      limits: { when_full: "refuse" },
      peek: { timeout: "1s", max_bytes: "64KiB" },
      routes: [
        { protocol: ["ssh", "http"], starts_with: ["HELO", "hex:00ff"], upstream: "other.internal:443" },
        { silent: true, upstream: "other.internal:25" },
        { sni: ["shop.example.com"], upstream: "shop.internal:443" },
      ],
      connect_timeout: "5s",
      idle_timeout: "10m",
      half_close_timeout: "10m",
      buffer_size: "1MiB",
      nodelay: true,
      keepalive: "1m",
      reset: "pass",
      faults: EVERY_FAULT,
    },
    {
      name: "egress",
      listen: ["127.0.0.1:5008"],
      limits: { when_full: "refuse" },
      peek: { timeout: "3s", max_bytes: "16KiB" },
      upstream: "{sni}:443",
      allow_names: ["*.example.com", { file: "/lists/egress.txt" }],
      allow_private: ["10.0.0.0/8"],
      connect_timeout: "5s",
      idle_timeout: "10m",
      half_close_timeout: "10m",
      buffer_size: "1MiB",
      nodelay: true,
      keepalive: false,
      reset: "close",
    },
    {
      name: "ordered",
      listen: ["0.0.0.0:443"],
      limits: { when_full: "refuse" },
      tls: {
        acme: {
          names: ["example.com", "www.example.com"],
          agree_to_terms: true,
          storage: "/acme",
          directory: "https://acme.internal/dir",
          email: "ops@example.com",
          http: "0.0.0.0:80",
          ca: "/certs/acme.pem",
          profile: "shortlived",
          external_account: { key_id: "kid-1", hmac_key: "hunter2hunter2hunter2" },
        },
        client_auth: "none",
        min_version: "1.2",
        handshake_timeout: "10s",
        engine: "node",
      },
      peek: { timeout: "1s", max_bytes: "16KiB" },
      routes: [{
        sni: ["own.example.com"],
        tls: {
          acme: {
            names: ["own.example.com"],
            agree_to_terms: true,
            storage: "/acme",
            directory: "https://acme.internal/dir",
            email: "ops@example.com",
            http: "0.0.0.0:80",
            ca: "/certs/acme.pem",
            profile: "shortlived",
            external_account: { key_id: "kid-1", hmac_key: "hunter2hunter2hunter2" },
          },
          client_auth: "none",
          min_version: "1.2",
          handshake_timeout: "10s",
        },
        upstream: "db2.internal:5432",
      }],
      upstream: "db2.internal:5432",
      connect_timeout: "5s",
      idle_timeout: "10m",
      half_close_timeout: "10m",
      buffer_size: "1MiB",
      nodelay: true,
      keepalive: false,
      reset: "close",
    },
    {
      name: "postgres",
      listen: ["127.0.0.1:0"],
      limits: { when_full: "refuse" },
      peek: { timeout: "1s", starttls: "postgres", max_bytes: "16KiB" },
      routes: [{
        sni: ["own.example.com"],
        tls: {
          certificates: [{ cert: "/certs/c.pem", key: "/certs/c.key" }],
          client_auth: "none",
          alpn: ["postgresql"],
          starttls: "postgres",
          required: false,
          min_version: "1.2",
          handshake_timeout: "9s",
        },
        upstream: "db2.internal:5432",
      }],
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
