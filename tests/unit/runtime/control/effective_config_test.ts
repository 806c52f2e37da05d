import assert from "node:assert/strict";
import { parse } from "@std/yaml/parse";
import fc from "fast-check";
import type { Config } from "../../../../src/config/config.ts";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { encodeConfig } from "../../../../src/config/encode.ts";
import { effectiveConfig } from "../../../../src/runtime/control/effective_config.ts";
import type { LoadedFiles } from "../../../../src/runtime/files/tls_files.ts";

const VALID = new URL("../../../config/valid/", import.meta.url);
const TOKEN = "correct-horse-battery";

Deno.test("effectiveConfig() writes all of a small configuration, with the socket API of each leg", () => {
  assert.equal(
    shown({ services: [{ name: "a", listen: 5000, upstream: "db:5432" }] }),
    `workers: 1
faults: false

log:
  level: info
  format: text
  access:
    format: text
    sample: 1
    at: [closed]

shutdown:
  drain: 30s

reload:
  watch: false

services:
  - name: a
    listen:
      - 127.0.0.1:5000 # Deno.listen
    limits:
      when_full: refuse
    upstream: db:5432 # Deno.connect
    connect_timeout: 5s
    idle_timeout: 10m
    half_close_timeout: 10m
    buffer_size: 1MiB
    nodelay: true
    keepalive: false
    reset: close
`,
  );
});

Deno.test("effectiveConfig() notes the socket API of each leg", () => {
  const lines = linesOf({
    services: [
      { name: "a", listen: 5000, upstream: "db:5432" },
      { name: "b", listen: ["[::1]:5001", "unix:/run/b.sock"], upstream: "unix:/run/db.sock", reset: "pass" },
      { name: "c", listen: ":0", upstream: "db:5432", keepalive: "60s" },
      { name: "d", listen: 5002, upstream: "db:5432", source_address: "10.0.0.3" },
      { name: "e", listen: 5003, upstream: "db:5432", faults: [{ type: "refuse" }] },
    ],
  });
  assert.deepEqual(lines.filter((line) => /^(- .* # |upstream)/.test(line)), [
    "- 127.0.0.1:5000 # Deno.listen",
    "upstream: db:5432 # Deno.connect",
    '- "[::1]:5001" # node:net',
    "- unix:/run/b.sock # Deno.listen",
    "upstream: unix:/run/db.sock # Deno.connect",
    '- "[::]:0" # node:net',
    "upstream: db:5432 # node:net",
    "- 127.0.0.1:5002 # Deno.listen",
    "upstream: db:5432 # node:net",
    "- 127.0.0.1:5003 # node:net",
    "upstream: db:5432 # node:net",
  ]);
});

Deno.test("effectiveConfig() puts ports that follow each other together", () => {
  const listen = [":7000-7010", 7011, 7012, 0, 0, "[::1]:8000", "unix:/run/a.sock", 9000];
  const lines = linesOf({ services: [{ name: "a", listen, upstream: "db:5432" }] });
  assert.deepEqual(lines.filter((line) => line.endsWith("# Deno.listen")), [
    '- "[::]:7000-7010" # Deno.listen',
    "- 127.0.0.1:7011-7012 # Deno.listen",
    "- 127.0.0.1:0 # Deno.listen",
    "- 127.0.0.1:0 # Deno.listen",
    '- "[::1]:8000" # Deno.listen',
    "- unix:/run/a.sock # Deno.listen",
    "- 127.0.0.1:9000 # Deno.listen",
  ]);
});

Deno.test("effectiveConfig() writes routes in their order, and notes whether some clients are refused", () => {
  const routes = [
    { source_port: [40000, "41000-42000"], upstream: "a:1" },
    { source_ip: "10.0.0.0/8", listen_port: 5000, upstream: ["b:1", "unix:/run/b.sock"] },
  ];
  const of = (service: object) =>
    linesOf({ services: [{ name: "a", listen: 5000, reset: "pass", ...service }] });
  const refused = "# Clients that meet the conditions of none are refused.";
  const lines = of({ routes });
  const from = lines.indexOf("routes:");
  assert.deepEqual(lines.slice(from, from + 14), [
    "routes:",
    refused,
    '- source_port: ["40000", 41000-42000]',
    "upstream: a:1 # node:net",
    "- source_ip: [10.0.0.0/8]",
    'listen_port: ["5000"]',
    "upstream:",
    "# node:net, Deno.connect",
    "endpoints:",
    "- address: b:1",
    "weight: 1",
    "backup: false",
    "- address: unix:/run/b.sock",
    "weight: 1",
  ]);
  const others = of({ routes, upstream: "d:1" });
  assert.ok(others.includes("upstream: d:1 # node:net") && !others.includes(refused));
  assert.ok(!of({ routes: [...routes, { upstream: "d:1" }] }).includes(refused));
});

Deno.test("effectiveConfig() writes groups, how their checks begin, and never what a check sends", () => {
  const text = shown({
    upstreams: {
      pg: {
        endpoints: ["10.0.0.5:5432", {
          address: "10.0.0.66:5432",
          weight: 2,
          max_connections: 100,
          backup: true,
        }],
        retry: { attempts: 1, timeout: 0 },
        health_check: { send: "AUTH secret\r\n", expect: "+OK", proxy_protocol: "v2" },
        passive: {},
        pool: { mode: "reuse" },
        on_down: "close",
      },
      orders: { endpoints: ["_orders._tcp.internal"], discovery: { dns: "srv", server: "10.0.0.2" } },
    },
    services: [{ name: "a", listen: 5000, upstream: "pg", upstream_tls: { server_name: "db" } }],
  });
  assert.doesNotMatch(text, /AUTH|secret\b(?!$)/m);
  const groups = text.slice(text.indexOf("upstreams:"), text.indexOf("\nservices:"));
  assert.equal(
    groups,
    `upstreams:
  pg:
    endpoints:
      - address: 10.0.0.5:5432
        weight: 1
        backup: false
      - address: 10.0.0.66:5432
        weight: 2
        max_connections: 100
        backup: true
    balance: round_robin
    retry:
      attempts: 1
      timeout: 0
    health_check:
      # PROXY v2, TLS as a
      interval: 5s
      timeout: 2s
      rise: 2
      fall: 3
      send: \${UPSTREAMS_PG_HEALTH_CHECK_SEND} # not shown, it may be a secret
      expect: \${UPSTREAMS_PG_HEALTH_CHECK_EXPECT} # not shown, it may be a secret
      proxy_protocol: v2
    passive:
      failures: 5
      window: 10s
      eject: 30s
    on_down: close
    on_all_down: try
    pool:
      mode: reuse
      max_idle: 8
      max_idle_time: 5s
      quiet: 50ms
      max_uses: 1000
  orders:
    # No service uses it.
    endpoints:
      - address: _orders._tcp.internal
        weight: 1
        backup: false
    balance: round_robin
    retry:
      attempts: 3
      timeout: 10s
    on_down: keep
    on_all_down: try
    discovery:
      # Endpoints come from DNS (SRV records, 10.0.0.2:53).
      dns: srv
      interval: 10s
      server: 10.0.0.2:53
`,
  );
});

Deno.test("effectiveConfig() notes the TLS implementation of each leg, and what certificates are for", () => {
  const tls = {
    certificates: [{ cert: "/c/a.pem", key: "/c/a.key" }, { cert: "/c/b.pem", key: "/c/b.key" }],
  };
  const one = { cert: "/c/a.pem", key: "/c/a.key" };
  const config = decodeConfig({
    services: [
      {
        name: "a",
        listen: [5000, "unix:/run/a.sock"],
        tls,
        routes: [{ sni: "b.example.com", upstream: ["b:1", "unix:/run/b.sock"] }, {
          source_ip: "10.0.0.0/8",
          tls: one,
          upstream: "c:1",
        }],
        upstream: "c:1",
        upstream_tls: { ca: "/c/up.pem", cert: "/c/me.pem", key: "/c/me.key", server_name: "c.d" },
        source_address: "10.0.0.3",
      },
      {
        name: "b",
        listen: 5001,
        tls: { ...one, engine: "deno" },
        upstream: "c:1",
        upstream_tls: { verify: false },
      },
      { name: "c", listen: 5002, tls: one, upstream: "c:1", reset: "pass", upstream_tls: {} },
    ],
  });
  const certificate = (subject: string, names: string[]) => ({
    subject,
    names,
    expiresAt: new Date("2030-01-31"),
  });
  const certificates = [
    { section: {}, index: 0, credentials: certificate("CN=a", ["a.b", "*.a.b"]) },
    { section: {}, index: 1, credentials: certificate("CN=b", []) },
    { section: { route: 1 }, index: 0, credentials: certificate("CN=c", []) },
  ];
  const files = new Map([["a", { certificates, upstreamCertificate: certificate("CN=me", []) }]]);
  const notes = effectiveConfig(config, files as unknown as LoadedFiles).split("\n")
    .map((line) => line.trim()).filter((line) => line.includes("#"));
  assert.deepEqual(notes, [
    "- 127.0.0.1:5000 # Deno.listen, node:tls",
    "- unix:/run/a.sock # Deno.listen, node:tls",
    "- cert: /c/a.pem # for a.b, *.a.b, until 2030-01-31",
    "- cert: /c/b.pem # for CN=b, until 2030-01-31",
    "# node:net, Deno.connect, node:tls",
    "- cert: /c/a.pem # for CN=c, until 2030-01-31",
    "upstream: c:1 # node:net, node:tls",
    "upstream: c:1 # node:net, node:tls",
    "cert: /c/me.pem # for CN=me, until 2030-01-31",
    "- 127.0.0.1:5001 # Deno.listenTls",
    "upstream: c:1 # Deno.connect, node:tls",
    "verify: false # accepts any certificate",
    "- 127.0.0.1:5002 # node:net, node:tls",
    "upstream: c:1 # node:net, node:tls",
    "# Checked with the authorities of Deno.",
  ]);
});

Deno.test("effectiveConfig() writes what holds for all services, and never the token", () => {
  const text = shown({
    workers: "auto",
    log: { access: { path: "/log/a", sample: 0.1 } },
    limits: { connections: 5 },
    shutdown: { delay: "1m30s" },
    reload: { watch: true },
    admin: { listen: ":9000", token: TOKEN, hosts: ["a.internal", "b.internal"] },
    services: [{ name: "a", listen: 5000, upstream: "db:5432" }],
  });
  assert.doesNotMatch(text, /correct/);
  assert.equal(
    text.slice(0, text.indexOf("\nservices:")),
    `workers: auto # one thread for each CPU
faults: false

log:
  level: info
  format: text
  access:
    path: /log/a
    format: text
    sample: 0.1
    at: [closed]

shutdown:
  drain: 30s
  delay: 1m30s

reload:
  watch: true

limits:
  connections: 5

admin:
  listen: "[::]:9000"
  token: \${ADMIN_TOKEN} # not shown, it may be a secret
  hosts: [a.internal, b.internal]
  max_connections: 64
`,
  );
});

Deno.test("decodeConfig() makes the same of what effectiveConfig() writes, for every configuration there is", async () => {
  const files = (await Array.fromAsync(Deno.readDir(VALID))).filter(({ name }) => name.endsWith(".yaml"));
  assert.ok(files.length >= 20, `only ${files.length} files`);
  for (const { name } of files) {
    const document = parse(await Deno.readTextFile(new URL(name, VALID)));
    const config = decodeConfig(document, {
      environment: (variable) => variable === "SLUICE_ADMIN_TOKEN" ? TOKEN : undefined,
    });
    assert.deepEqual(decodeAgain(config), config, name);
  }
});

Deno.test("decodeConfig() makes the same of texts of all kinds", () => {
  const text = fc.oneof(
    fc.constantFrom(
      "$",
      "$$",
      "${A}",
      "#",
      " # a",
      "- a",
      "yes",
      "0x10",
      "1e3",
      "null",
      "~",
      "'",
      '"',
      ": ",
      "a: b",
    ),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
  );
  const texts = fc.array(text, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(""));
  fc.assert(fc.property(texts, (path) => {
    const documentWith = (part: string) => ({
      services: [{ name: "a", listen: `unix:/${part}`, upstream: "db:1", tls: { cert: part, key: part } }],
    });
    let config;
    try {
      config = decodeConfig(documentWith(path));
    } catch {
      return; // it is no path
    }
    assert.deepEqual(decodeAgain(config), config);
  }));
});

function shown(document: unknown): string {
  return effectiveConfig(decodeConfig(document), new Map());
}

function linesOf(document: unknown): string[] {
  return shown(document).split("\n").map((line) => line.trim());
}

/** The configuration of a file with this text, with the variables in place of secrets set. */
function decodeAgain(config: Config): Config {
  const secrets = new Map<string, string>();
  encodeConfig(config, (text, path) => {
    secrets.set(path.join("_").replace(/\W+/g, "_").toUpperCase(), text);
    return text;
  });
  return decodeConfig(parse(effectiveConfig(config, new Map())), {
    environment: (name) => secrets.get(name),
  });
}
