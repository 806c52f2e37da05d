import assert from "node:assert/strict";
import { decodeOptionConfig } from "../../../src/cli/option_config.ts";
import { Options } from "../../../src/cli/options.ts";
import { UsageError } from "../../../src/cli/usage.ts";
import { ConfigError } from "../../../src/config/config_error.ts";

const ORIGINS = {
  "admin.listen": { option: "admin" },
  "admin.token": { variable: "SLUICE_TOKEN" },
  "shutdown.drain": { option: "drain" },
};

type Origins = Parameters<typeof decodeOptionConfig>[2];

function decode(args: string[], keys: Readonly<Record<string, unknown>>, origins: Origins = ORIGINS) {
  const options = new Options(args, { string: ["admin", "drain"], boolean: [], alias: {} }, "gateway");
  const services = [{ name: "none", listen: 1, upstream: "127.0.0.1:2" }];
  return decodeOptionConfig({ services, ...keys }, options, origins);
}

Deno.test("decodeOptionConfig() decodes values of options", () => {
  assert.equal(decode(["--drain", "45s"], { shutdown: { drain: "45s" } }).shutdown.drain, 45_000);
});

Deno.test("decodeOptionConfig() names every option and variable with a value that cannot be used", () => {
  const admin = { listen: "x", token: "short" };
  assert.throws(
    () => decode(["--drain", "45", "--admin=x"], { admin, shutdown: { drain: "45" } }),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.topic, "gateway");
      const lines = error.message.split("\n").sort();
      assert.match(lines[0]!, /^Cannot use "45" for --drain: .* write "45s" or "45ms"$/);
      assert.match(lines[1]!, /^Cannot use "x" for --admin: .* the port is missing/);
      assert.match(lines[2]!, /^Cannot use SLUICE_TOKEN as admin\.token: Expected a token of at least 8 /);
      assert.equal(lines.length, 3);
      return true;
    },
  );
});

Deno.test("decodeOptionConfig() names the options that a value comes from together", () => {
  const keys = { admin: { listen: "127.0.0.1:3", toxiproxy: "127.0.0.1:3" } };
  const message = /^Cannot use --host a with --port 1: Cannot listen on "127\.0\.0\.1:3" twice/;
  const origins = { ...ORIGINS, "admin.toxiproxy": { options: "--host a with --port 1" } };
  assert.throws(() => decode([], { faults: true, ...keys }, origins), { name: "UsageError", message });
});

Deno.test("decodeOptionConfig() leaves the error as it is where no option was given for a key", () => {
  assert.throws(() => decode([], { shutdown: { drain: "45" } }), ConfigError);
  assert.throws(() => decode(["--drain", "45"], { shutdown: { drain: "45" }, absent: 1 }), ConfigError);
});
