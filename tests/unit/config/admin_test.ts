import assert from "node:assert/strict";
import fc from "fast-check";
import type { AccessLogConfig, AdminConfig } from "../../../src/config/config.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";

const SERVICES = [{ name: "a", listen: 5000, upstream: "db:5432" }];

Deno.test("decodeConfig() needs a token exactly where other machines can reach the admin interface", () => {
  const local = [
    9000,
    "127.0.0.1:9000",
    "127.8.8.8:9000",
    "[::1]:9000",
    "LocalHost:9000",
    "unix:/run/a.sock",
  ];
  for (const listen of local) assert.equal(decode({ listen })?.token, undefined, String(listen));
  const open = [
    ":9000",
    "0.0.0.0:9000",
    "[::]:9000",
    "10.0.0.1:9000",
    "[2001:db8::1]:9000",
    "proxy.internal:0",
  ];
  for (const listen of open) {
    assert.deepEqual(rejection({ listen }).problems.map(({ path }) => path), ["admin.token"], listen);
    assert.equal(decode({ listen, token: "correct-horse" })?.token, "correct-horse");
  }
});

Deno.test("ConfigFile.load() never shows a wrong token", () => {
  const bad = fc.oneof(
    fc.string({ minLength: 2, maxLength: 7 }),
    fc.tuple(fc.string(), fc.constantFrom(" ", "\n", "ü", "\u0000"), fc.string({ minLength: 8 }))
      .map((parts) => parts.join("")),
  );
  fc.assert(fc.property(bad, (token) => {
    // A secret that messages contain anyway proves nothing.
    fc.pre(!rejection({ listen: 9000, token: "" }).message.includes(token));
    const { problems } = rejection({ listen: 9000, token });
    assert.equal(problems.length, 1);
    assert.equal(problems[0]!.path, "admin.token");
    const same = rejection({ listen: 9000, token: "x".repeat([...token].length - 1) + " " });
    assert.equal(problems[0]!.message, same.problems[0]!.message);
  }));
});

Deno.test("ConfigFile.load() shows neither a token with a malformed variable, nor the default of one", () => {
  for (const token of ["hunter2${", "${A:-hunter2", "hunter2 ${A:-b}", "${A:-hunter2}"]) {
    const error = rejection({ listen: 9000, token }, () => undefined);
    assert.deepEqual(error.problems.map(({ path }) => path), ["admin.token"]);
    assert.doesNotMatch(error.message, /hunter2/);
  }
});

Deno.test("ConfigFile.load() names an unset variable of the token", () => {
  const { problems } = rejection({ listen: 9000, token: "${ADMIN_TOKEN}" }, () => undefined);
  assert.match(problems[0]!.message, /the environment variable is not set, set it or write \$\{ADMIN_TOKEN/);
});

Deno.test("decodeConfig() gives names of the admin interface in lower case", () => {
  assert.deepEqual(decode({ listen: 9000, hosts: "Proxy.Internal." })?.hosts, ["proxy.internal"]);
  assert.deepEqual(decode({ listen: 9000 })?.hosts, []);
});

Deno.test("log.access.format is log.format by default", () => {
  const accessOf = (log: object): AccessLogConfig => decodeConfig({ log, services: SERVICES }).log.access;
  assert.equal(accessOf({ format: "json" }).format, "json");
  assert.equal(accessOf({ format: "json", access: { format: "text" } }).format, "text");
  assert.equal(accessOf({ access: { sample: 0.001 } }).sample, 0.001);
});

function decode(admin: object, environment?: () => undefined): AdminConfig | undefined {
  return decodeConfig({ admin, services: SERVICES }, environment && { environment }).admin;
}

function rejection(admin: object, environment?: () => undefined): ConfigError {
  try {
    decode(admin, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("Expected a ConfigError, got a configuration");
}
