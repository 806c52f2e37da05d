import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServiceConfig } from "../../../src/config/config.ts";
import { ConfigError, formatProblem } from "../../../src/config/config_error.ts";
import { formatPath } from "../../../src/config/input/key_path.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { formatAddress } from "../../../src/net/address.ts";
import { parseUnixMode } from "../../../src/config/values/unix_mode.ts";

const SERVICE = { name: "a", listen: 5000, upstream: "db:5432" };

Deno.test("decodeConfig() fills in everything that is left out", () => {
  const upstream = {
    name: "db:5432",
    writtenAs: "address",
    balance: "round_robin",
    endpoints: [{
      address: { transport: "tcp", hostname: "db", port: 5432 },
      weight: 1,
      maxConnections: 0,
      tier: undefined,
      backup: false,
    }],
    retry: { attempts: 3, timeout: 10_000 },
    healthCheck: undefined,
    passive: undefined,
    onDown: "keep",
    onRecover: undefined,
    stick: undefined,
    slowStart: 0,
    rebalance: undefined,
    drainIdle: 0,
    onAllDown: "try",
    queue: undefined,
    pool: undefined,
    discovery: undefined,
  };
  assert.deepEqual(decodeConfig({ services: [SERVICE] }), {
    workers: 1,
    faultsEnabled: false,
    seed: undefined,
    log: {
      level: "info",
      format: "text",
      access: { path: undefined, format: "text", sample: 1, at: ["closed"], skip: undefined },
    },
    shutdown: { drain: 30_000, drainIdle: 0, delay: 0 },
    reload: { watch: false },
    limits: { connections: 0 },
    upstreams: [upstream],
    admin: undefined,
    warnings: [],
    services: [{
      name: "a",
      listen: [{ transport: "tcp", hostname: "127.0.0.1", port: 5000 }],
      unixMode: undefined,
      acceptProxyProtocol: undefined,
      sendProxyProtocol: undefined,
      allow: [],
      deny: [],
      allowClients: undefined,
      allowNames: undefined,
      allowPrivate: [],
      limits: {
        connections: 0,
        connectionsPerClient: 0,
        connectsPerSecond: undefined,
        connectsPerSecondPerClient: undefined,
        upload: 0,
        download: 0,
        whenFull: "refuse",
        lifetime: 0,
      },
      tls: undefined,
      upstreamTls: undefined,
      sourceAddress: undefined,
      peek: { timeout: 3_000, maxBytes: 16_384, starttls: undefined },
      routes: [],
      upstream,
      mirror: undefined,
      connectTimeout: 5_000,
      idleTimeout: 600_000,
      halfCloseTimeout: 600_000,
      bufferSize: 1_048_576,
      nodelay: true,
      keepalive: false,
      reset: "close",
      faults: [],
      faultsReset: false,
      filters: [],
    }],
  });
});

Deno.test("decodeConfig() takes a number of workers or auto", () => {
  for (const workers of [1, 4, 256, "auto"] as const) {
    assert.equal(decodeConfig({ workers, services: [SERVICE] }).workers, workers);
    assert.equal(decodeConfig({ workers: String(workers), services: [SERVICE] }).workers, workers);
  }
  for (const workers of [0, -1, 257, 1.5, NaN, Infinity, "", "0", "1e2", "Auto", true, null, [2], {}]) {
    assert.throws(
      () => decodeConfig({ workers, services: [SERVICE] }),
      /\n {2}workers: Expected a whole number from 1 to 256, or "auto", got /,
      String(workers),
    );
  }
});

Deno.test("decodeConfig() prefers the service to defaults", () => {
  const defaults = {
    connect_timeout: "1s",
    idle_timeout: "2s",
    half_close_timeout: "3s",
    buffer_size: "4KiB",
    nodelay: false,
    keepalive: true,
    reset: "pass",
  };
  const own = {
    connect_timeout: "0",
    idle_timeout: 0,
    half_close_timeout: "0s",
    buffer_size: "8KiB",
    nodelay: true,
    keepalive: false,
    reset: "close",
  };
  const services = [SERVICE, { ...SERVICE, ...own, name: "b", listen: 5001 }];
  const [first, second] = decodeConfig({ defaults, services }).services;
  assert.deepEqual(knobs(first!), [1_000, 2_000, 3_000, 4_096, false, true, "pass"]);
  assert.deepEqual(knobs(second!), [0, 0, 0, 8_192, true, false, "close"]);
});

Deno.test("decodeConfig() takes half_close_timeout from idle_timeout by default", () => {
  const of = (defaults: object, service: object) => {
    return decodeConfig({ defaults, services: [{ ...SERVICE, ...service }] }).services[0]?.halfCloseTimeout;
  };
  assert.equal(of({}, { idle_timeout: "1m" }), 60_000);
  assert.equal(of({ idle_timeout: "2m" }, {}), 120_000);
  assert.equal(of({ half_close_timeout: "3m" }, { idle_timeout: "1m" }), 180_000);
  assert.equal(of({ half_close_timeout: "3m" }, { half_close_timeout: 0 }), 0);
});

Deno.test("decodeConfig() accepts the same port on different addresses", () => {
  const services = [SERVICE, { ...SERVICE, name: "b", listen: ["127.0.0.2:5000", "[::1]:5000"] }];
  assert.equal(decodeConfig({ services }).services.length, 2);
});

Deno.test("decodeConfig() makes an address of each port in a range to listen on", () => {
  const portsOf = (listen: unknown) =>
    decodeConfig({ services: [{ ...SERVICE, listen }] }).services[0]?.listen.map(formatAddress);
  assert.deepEqual(portsOf("7000-7002"), ["127.0.0.1:7000", "127.0.0.1:7001", "127.0.0.1:7002"]);
  assert.deepEqual(portsOf(["[::1]:1-2", 5, ":8-8"]), ["[::1]:1", "[::1]:2", "127.0.0.1:5", "[::]:8"]);
  assert.equal(portsOf("localhost:9000-9999")?.length, 1000);
});

Deno.test("decodeConfig() does not expand variables without an environment", () => {
  const services = [{ ...SERVICE, name: "${NAME}" }];
  assert.equal(decodeConfig({ services }).services[0]?.name, "${NAME}");
});

Deno.test("decodeConfig() throws nothing but ConfigError", () => {
  const scalar = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, "${A}", "5s", []),
  );
  const scalars = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
  const endpoint = fc.record({ address: scalar, weight: scalar, backup: scalar }, { requiredKeys: [] });
  const endpoints = fc.oneof(scalar, fc.array(fc.oneof(scalar, endpoint), { maxLength: 3 }));
  const group = fc.record({
    endpoints,
    balance: scalar,
    retry: fc.oneof(scalar, fc.record({ attempts: scalar, timeout: scalar })),
    health_check: fc.oneof(scalar, fc.record({ send: scalar, expect: scalar }, { requiredKeys: [] })),
    on_down: fc.oneof(scalar, fc.constant("close")),
    pool: fc.oneof(scalar, fc.record({ mode: scalar, quiet: scalar }, { requiredKeys: [] })),
    discovery: fc.oneof(
      scalar,
      fc.record({ dns: fc.oneof(scalar, fc.constantFrom("a", "srv")), server: scalar }),
    ),
  }, { requiredKeys: [] });
  const upstream = fc.oneof(endpoints, group, fc.constant("pg"));
  const route = fc.record({
    source_port: scalars,
    source_ip: scalars,
    listen_port: scalars,
    sni: fc.oneof(scalars, fc.constant("*.a.b.")),
    alpn: scalars,
    upstream,
  }, { requiredKeys: [] });
  const rate = fc.oneof(
    scalar,
    fc.double(),
    fc.record({ rate: scalar, burst: scalar }, { requiredKeys: [] }),
  );
  const unix = fc.constantFrom("unix", "unix:/a", ["unix", "10.0.0.1"]);
  const limits = fc.record({
    connections: scalar,
    connections_per_client: scalar,
    connects_per_second: rate,
    upload: scalar,
    when_full: fc.oneof(scalar, fc.constant("wait")),
    lifetime: scalar,
  }, { requiredKeys: [] });
  const service = fc.record({
    name: scalar,
    listen: fc.oneof(scalars, unix),
    unix_mode: scalar,
    accept_proxy_protocol: fc.oneof(
      scalar,
      fc.record({ from: fc.oneof(scalars, unix), timeout: scalar }, { requiredKeys: [] }),
    ),
    allow: scalars,
    deny: scalars,
    limits: fc.oneof(scalar, limits),
    peek: fc.oneof(scalar, fc.record({ timeout: scalar, max_bytes: scalar }, { requiredKeys: [] })),
    send_proxy_protocol: fc.oneof(scalar, fc.constant("v2")),
    routes: fc.oneof(scalar, fc.array(fc.oneof(route, scalar), { maxLength: 3 })),
    upstream,
    keepalive: scalar,
    buffer_size: scalar,
  }, { requiredKeys: [] });
  const file = fc.record({
    workers: scalar,
    log: fc.oneof(scalar, fc.record({ level: scalar })),
    shutdown: fc.oneof(scalar, fc.record({ drain: scalar, delay: scalar }, { requiredKeys: [] })),
    reload: fc.oneof(scalar, fc.record({ watch: scalar })),
    limits: fc.oneof(scalar, fc.record({ connections: scalar })),
    defaults: fc.oneof(scalar, fc.record({ idle_timeout: scalar, allow: scalars }, { requiredKeys: [] })),
    upstreams: fc.oneof(
      scalar,
      fc.dictionary(fc.oneof(fc.string(), fc.constant("pg")), fc.oneof(group, scalar)),
    ),
    services: fc.oneof(scalar, fc.array(fc.oneof(service, scalar), { maxLength: 4 })),
  }, { requiredKeys: [] });
  fc.assert(fc.property(fc.oneof(file, fc.anything()), (document) => {
    for (const environment of [() => undefined, () => "5"]) {
      try {
        decodeConfig(document, { environment });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        assert.ok(error.problems.length > 0);
        for (const problem of error.problems) assert.doesNotMatch(formatProblem(problem), /\p{Cc}/u);
      }
    }
  }));
});

Deno.test("ConfigError lists all problems in its message", () => {
  const error = new ConfigError([{ path: "a.b", message: "First" }, { path: "", message: "Sec\nond" }], {
    file: "x",
  });
  assert.equal(error.message, 'Cannot use the configuration "x":\n  a.b: First\n  Sec\\u000aond');
});

Deno.test("formatPath() writes keys and indexes", () => {
  assert.equal(formatPath(["services", 2, "listen", 0]), "services[2].listen[0]");
  assert.equal(formatPath(["a b", "c-d"]), '["a b"].c-d');
  assert.equal(formatPath([]), "");
});

Deno.test("parseUnixMode() reads quoted and unquoted modes of both YAML versions", () => {
  for (const value of ["0660", "660", "0o660", 660, 0o660]) {
    assert.equal(parseUnixMode(value), 0o660, String(value));
  }
  // Leading zero or not, YAML 1.2 gives the digits; YAML 1.1 gives the mode itself.
  for (const mode of [0o600, 0o640, 0o644, 0o660, 0o666, 0o700, 0o750, 0o755, 0o770]) {
    assert.equal(parseUnixMode(Number(mode.toString(8))), mode);
    assert.equal(parseUnixMode(mode), mode);
  }
});

Deno.test("parseUnixMode() refuses numbers that could be two modes, or none", () => {
  // 400 is 0400 in YAML 1.2 and 0620 in YAML 1.1; 511 is 0511 and 0777.
  for (const value of [400, 511, 999, 888, 0, -1, 0.5, NaN, 1e9]) {
    assert.throws(() => parseUnixMode(value), { name: "SyntaxError", message: /in quotes such as "0660"$/ });
  }
  for (const text of ["", "0680", "66", "06600", "rw-", "0x1b0", "-660"]) {
    assert.throws(() => parseUnixMode(text), {
      name: "SyntaxError",
      message: /^Cannot parse mode ".*": expected /,
    });
  }
});

function knobs(service: ServiceConfig): unknown[] {
  const { connectTimeout, idleTimeout, halfCloseTimeout, bufferSize, nodelay, keepalive, reset } = service;
  return [connectTimeout, idleTimeout, halfCloseTimeout, bufferSize, nodelay, keepalive, reset];
}

Deno.test("decodeConfig() refuses a mapping with a length where a list belongs", () => {
  for (const length of [Object.create(null), 3, "3"]) {
    assert.throws(() => decodeConfig({ services: { length } }), ConfigError);
  }
});
