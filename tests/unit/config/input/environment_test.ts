import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../../../src/config/config_error.ts";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { type EnvironmentLookup, expandEnvironment } from "../../../../src/config/input/environment.ts";
import { atOnce } from "../../../../src/config/input/steps.ts";

const VARIABLES = new Map([["NAME", "value"], ["EMPTY", ""], ["DOLLARS", "$$ ${NAME}"], ["_a1", "x"]]);

const expand = (document: unknown, lookup: EnvironmentLookup) => atOnce(expandEnvironment(document, lookup));

Deno.test("expandEnvironment() replaces variables, defaults and $$", () => {
  const cases: [string, string][] = [
    ["${NAME}", "value"],
    ["a-${NAME}-${_a1}", "a-value-x"],
    ["${UNSET:-default}", "default"],
    ["${EMPTY:-default}", "default"],
    ["${EMPTY}", ""],
    ["${NAME:-default}", "value"],
    ["${UNSET:-}", ""],
    ["${UNSET:-a:-b $5}", "a:-b $5"],
    ["$${NAME}", "${NAME}"],
    ["$$$$", "$$"],
    ["$NAME $5 $", "$NAME $5 $"],
    ["${DOLLARS}", "$$ ${NAME}"],
  ];
  for (const [text, expanded] of cases) {
    const result = expand({ key: text }, lookup);
    assert.deepEqual(result.document, { key: expanded }, text);
    assert.deepEqual(result.problems, [], text);
  }
});

Deno.test("expandEnvironment() leaves keys and other values alone", () => {
  const date = new Date(0);
  const document = { "${NAME}": [1, true, null, date, { deep: "${NAME}" }] };
  const { document: expanded, sources } = expand(document, lookup);
  assert.deepEqual(expanded, { "${NAME}": [1, true, null, date, { deep: "value" }] });
  assert.deepEqual([...sources], [['["${NAME}"][4].deep', "${NAME}"]]);
});

Deno.test("expandEnvironment() reports every variable that is not set, with its path", () => {
  const { problems, document } = expand({ a: ["${ONE} ${TWO}", "${NAME}"] }, lookup);
  assert.deepEqual(problems.map(({ path, message }) => `${path}: ${message.slice(0, 22)}`), [
    'a[0]: Cannot expand "${ONE}"',
    'a[0]: Cannot expand "${TWO}"',
  ]);
  assert.deepEqual(document, { a: ["${ONE} ${TWO}", "value"] });
});

Deno.test("expandEnvironment() reports what the lookup may not read", () => {
  const { problems } = expand({ a: "${NAME}" }, () => {
    throw new Deno.errors.NotCapable('Requires env access to "NAME"');
  });
  assert.deepEqual(problems, [{
    path: "a",
    message: 'Cannot expand "${NAME}": Requires env access to "NAME"',
  }]);
});

Deno.test("decodeConfig() takes numbers and flags from the environment", () => {
  const document = {
    workers: "${WORKERS}",
    shutdown: { delay: "${KEEPALIVE}" },
    reload: { watch: "${NODELAY}" },
    defaults: { nodelay: "${NODELAY}", keepalive: "${KEEPALIVE}", buffer_size: "${BUFFER}" },
    services: [{ name: "a", listen: "${PORT}", upstream: "db:${PORT}", idle_timeout: "${IDLE}" }],
  };
  const values = {
    WORKERS: "4",
    NODELAY: "false",
    KEEPALIVE: "60s",
    BUFFER: "65536",
    PORT: "5432",
    IDLE: "0",
  };
  const config = decodeConfig(document, { environment: (name) => new Map(Object.entries(values)).get(name) });
  const written = {
    workers: 4,
    shutdown: { delay: "60s" },
    reload: { watch: false },
    defaults: { nodelay: false, keepalive: "60s", buffer_size: 65_536 },
    services: [{ name: "a", listen: 5432, upstream: "db:5432", idle_timeout: 0 }],
  };
  assert.deepEqual(config, decodeConfig(written));
});

Deno.test("decodeConfig() takes access lists and limits from the environment", () => {
  const document = {
    limits: { connections: "${COUNT}" },
    defaults: { allow: "${BLOCK}", deny: ["${BLOCK}", "10.0.0.1"] },
    services: [{
      name: "a",
      listen: [1, "unix:/run/a"],
      accept_proxy_protocol: { from: ["${BLOCK}", "${UNIX}"], timeout: "${TIME}" },
      limits: {
        connections: "${COUNT}",
        connections_per_client: "${COUNT}",
        connects_per_second: "${RATE}",
        connects_per_second_per_client: { rate: "${RATE}", burst: "${COUNT}" },
        upload: "${SPEED}",
        download: "${COUNT}000",
        when_full: "${FULL}",
        lifetime: "${TIME}",
      },
      peek: { timeout: "${TIME}", max_bytes: "${COUNT}KiB" },
      routes: [{ sni: ["*.${NAME}", "${NAME}"], alpn: "${PROTOCOL}", upstream: "db:1" }],
      send_proxy_protocol: "${VERSION}",
    }],
  };
  const values: Record<string, string> = {
    COUNT: "7",
    BLOCK: "10.0.0.0/8",
    UNIX: "unix",
    TIME: "5s",
    RATE: "2.5",
    SPEED: "10MB/s",
    FULL: "wait",
    NAME: "example.com",
    PROTOCOL: "h2",
    VERSION: "v1",
  };
  const written = JSON.parse(
    JSON.stringify(document).replace(/\$\{(\w+)\}/g, (_, name: string) => values[name]!),
  );
  const config = decodeConfig(document, { environment: (name) => values[name] });
  assert.deepEqual(config, decodeConfig(written));
  assert.deepEqual(config.services[0]?.limits.connectsPerSecond, { rate: 2.5, burst: 3 });
  assert.equal(config.services[0].limits.download, 7_000);
});

Deno.test("decodeConfig() takes groups and routes from the environment", () => {
  const group = {
    endpoints: ["${HOST}:1", {
      address: "db2:1",
      weight: "${COUNT}",
      max_connections: "${COUNT}",
      backup: "${FLAG}",
    }],
    retry: { attempts: "${COUNT}", timeout: "${ZERO}" },
    health_check: { send: "AUTH ${HOST}\r\n", rise: "${COUNT}" },
  };
  const routes = [{ source_port: "${COUNT}", source_ip: "10.0.0.${COUNT}", upstream: "${GROUP}" }];
  const document = {
    upstreams: { pg: group },
    services: [{ name: "a", listen: 1, routes, upstream: "${HOST}:1" }],
  };
  const values: Record<string, string> = { HOST: "db", COUNT: "7", FLAG: "true", ZERO: "0", GROUP: "pg" };
  const { upstreams, services } = decodeConfig(document, { environment: (name) => values[name] });
  const [pg] = upstreams;
  assert.deepEqual(pg?.endpoints[1], {
    address: { transport: "tcp", hostname: "db2", port: 1 },
    weight: 7,
    maxConnections: 7,
    tier: undefined,
    backup: true,
  });
  assert.deepEqual(pg.retry, { attempts: 7, timeout: 0 });
  assert.deepEqual(pg.healthCheck?.send, new TextEncoder().encode("AUTH db\r\n"));
  assert.equal(pg.healthCheck.rise, 7);
  assert.deepEqual(services[0]?.routes, [{
    sourcePort: [{ first: 7, last: 7 }],
    sourceIp: ["10.0.0.7"],
    listenPort: undefined,
    protocol: undefined,
    startsWith: undefined,
    silent: undefined,
    clientName: undefined,
    clientSubject: undefined,
    clientIssuer: undefined,
    sni: undefined,
    alpn: undefined,
    tls: undefined,
    upstream: pg,
  }]);
});

Deno.test("decodeConfig() never repeats a value from the environment", () => {
  const knobs = {
    connect_timeout: "${SECRET}",
    idle_timeout: "${SECRET}",
    half_close_timeout: "1s${SECRET}",
    buffer_size: "${SECRET}",
    nodelay: "${SECRET}",
    keepalive: "${SECRET}",
    reset: "${SECRET}",
  };
  const numbers = { attempts: "${SECRET}", timeout: "${SECRET}" };
  const endpoint = {
    address: "${SECRET}",
    weight: "${SECRET}",
    max_connections: "${SECRET}",
    backup: "${SECRET}",
  };
  const group = {
    endpoints: ["${SECRET}", "a:${SECRET}", "${SECRET}", "127.0.0.1:5000", endpoint],
    balance: "${SECRET}",
    retry: numbers,
    health_check: { interval: "${SECRET}", send: "hex:${SECRET}", expect: "${SECRET}" },
    pool: { mode: "${SECRET}", max_idle: "${SECRET}", quiet: "${SECRET}" },
    discovery: { dns: "${SECRET}", server: "${SECRET}" },
  };
  const route = {
    source_port: "${SECRET}",
    source_ip: ["${SECRET}", "${SECRET}/${SECRET}"],
    listen_port: ["${SECRET}", 1],
    sni: ["${SECRET}", "*.${SECRET}"],
    alpn: "${SECRET}",
    upstream: "${SECRET}",
  };
  const rate = { rate: "${SECRET}", burst: "${SECRET}" };
  const admission = {
    allow: ["${SECRET}", "10.0.0.1"],
    deny: "${SECRET}",
    limits: {
      connections: "${SECRET}",
      connections_per_client: "${SECRET}",
      connects_per_second: "${SECRET}",
      connects_per_second_per_client: rate,
      upload: "${SECRET}",
      when_full: "wait",
      lifetime: "${SECRET}",
    },
    peek: { timeout: "${SECRET}", max_bytes: "${SECRET}" },
    send_proxy_protocol: "${SECRET}",
  };
  const trust = { from: ["${SECRET}", "unix"], timeout: "${SECRET}" };
  const service = {
    name: "${SECRET}",
    listen: "${SECRET}",
    unix_mode: "${SECRET}",
    routes: [route, { ...route, upstream: group }, { listen_port: 1, upstream: ["${SECRET}", endpoint] }],
    upstream: "${SECRET}",
    ...admission,
    ...knobs,
  };
  const document = {
    upstreams: {
      a: group,
      b: { ...group, discovery: undefined },
      c: { ...group, discovery: { dns: "a" } },
      d: { ...group, discovery: { dns: "srv" } },
      pg: { endpoints: ["${SECRET}", "${SECRET}"] },
    },
    log: { level: "${SECRET}", format: "${SECRET}" },
    workers: "${SECRET}",
    shutdown: { drain: "${SECRET}", delay: "${SECRET}" },
    reload: { watch: "${SECRET}" },
    limits: { connections: "${SECRET}" },
    defaults: { ...knobs, allow: "${SECRET}", deny: ["${SECRET}"] },
    services: [
      service,
      { ...service, listen: ["${SECRET}", "x:${SECRET}", 5000] },
      { ...service, upstream: "pg" },
      { ...service, listen: ["unix:${SECRET}", "unix:/a"] },
      { ...service, listen: "unix:${SECRET}", accept_proxy_protocol: trust },
      { ...service, listen: 5001, accept_proxy_protocol: { from: "${SECRET}" } },
      "${SECRET}",
    ],
  };
  // The marks separate a generated secret from the words of the messages.
  const secrets = fc.oneof(
    fc.string().map((text) => `§${text}§`),
    fc.constantFrom(
      "65537",
      "unix:secret",
      "secret:5432",
      "::1:99999",
      "1000d",
      "99999TB",
      "6000-6001",
      "secret",
    ),
  );
  fc.assert(fc.property(secrets, (secret) => {
    const problems = problemsOf(document, () => secret);
    assert.ok(problems.length > 10);
    for (const { message } of problems) assert.ok(!message.includes(secret), message);
  }));
});

function problemsOf(document: unknown, environment: () => string) {
  try {
    decodeConfig(document, { environment });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function lookup(name: string): string | undefined {
  return VARIABLES.get(name);
}
