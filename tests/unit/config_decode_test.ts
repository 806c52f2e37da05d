import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServiceConfig } from "../../src/config/config.ts";
import { ConfigError, formatPath, formatProblem } from "../../src/config/config_error.ts";
import { decodeConfig } from "../../src/config/decode.ts";
import { parseUnixMode } from "../../src/config/unix_mode.ts";

const SERVICE = { name: "a", listen: 5000, upstream: "db:5432" };

Deno.test("decodeConfig() fills in everything that is left out", () => {
  assert.deepEqual(decodeConfig({ services: [SERVICE] }), {
    log: { level: "info", format: "text" },
    shutdown: { drain: 30_000 },
    services: [{
      name: "a",
      listen: [{ transport: "tcp", hostname: "127.0.0.1", port: 5000 }],
      unixMode: undefined,
      upstream: { transport: "tcp", hostname: "db", port: 5432 },
      connectTimeout: 5_000,
      idleTimeout: 600_000,
      halfCloseTimeout: 600_000,
      bufferSize: 262_144,
      nodelay: true,
      keepalive: false,
      reset: "close",
    }],
  });
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

Deno.test("decodeConfig() takes half_close_timeout from idle_timeout unless told", () => {
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
  const service = fc.record({
    name: scalar,
    listen: fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
    unix_mode: scalar,
    upstream: scalar,
    keepalive: scalar,
    buffer_size: scalar,
  }, { requiredKeys: [] });
  const file = fc.record({
    log: fc.oneof(scalar, fc.record({ level: scalar })),
    defaults: fc.oneof(scalar, fc.record({ idle_timeout: scalar })),
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
