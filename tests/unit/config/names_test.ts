/** Names of properties that every object has are valid names. */

import assert from "node:assert/strict";
import { ConfigError } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { diffConfig } from "../../../src/config/diff.ts";
import { encodeConfig } from "../../../src/config/encode.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import { jsonSchemaText } from "../../../.github/build/json_schema.ts";

const NAMES = Reflect.ownKeys(Object.prototype).filter((name) => typeof name === "string");
const GROUPS = NAMES.filter((name) => !name.startsWith("_"));

function documentOf(groups: readonly string[], services: readonly string[]) {
  return {
    upstreams: Object.fromEntries(groups.map((name) => [name, { endpoints: [`${name}.internal:1`] }])),
    services: services.map((name, index) => ({
      name,
      listen: 5000 + index,
      upstream: groups[index % groups.length]!,
    })),
  };
}

Deno.test("decodeConfig() takes names of groups and services that every object has", () => {
  assert.ok(GROUPS.includes("constructor") && NAMES.includes("__proto__"));
  const config = decodeConfig(documentOf(GROUPS, NAMES));
  assert.deepEqual(config.upstreams.map(({ name }) => name), GROUPS);
  assert.deepEqual(config.services.map(({ name }) => name), NAMES);
  assert.deepEqual(
    config.services.map(({ upstream }) => upstream?.name),
    NAMES.map((_, index) => GROUPS[index % GROUPS.length]),
  );
  assert.deepEqual(decodeConfig(encodeConfig(config)), config);
  assert.deepEqual(decodeOptions(documentOf(GROUPS, NAMES)), config);
});

Deno.test("diffConfig() distinguishes such names", () => {
  const before = decodeConfig(documentOf(["constructor"], ["constructor"]));
  const after = decodeConfig(documentOf(["constructor", "toString"], ["__proto__", "constructor"]));
  const kinds = ({ name, kind }: { name: string; kind: string }) => `${name} ${kind}`;
  const { services, groups } = diffConfig(before, after);
  assert.deepEqual(services.map(kinds), ["__proto__ added", "constructor changed"]);
  assert.deepEqual(groups.map(kinds), ["constructor same", "toString added"]);
});

Deno.test("decodeConfig() says which group there is not, and takes no inherited one", () => {
  for (const name of GROUPS) {
    const document = { ...documentOf(["db"], ["a"]), services: [{ name: "a", listen: 0, upstream: name }] };
    assert.throws(() => decodeConfig(document), (error) => {
      assert.ok(error instanceof ConfigError);
      return error.problems.length === 1 && error.problems[0]!.message.startsWith(`Unknown group "${name}"`);
    });
  }
});

Deno.test("decodeConfig() refuses keys that every object has", () => {
  for (const name of NAMES) {
    const service = Object.fromEntries([["name", "a"], ["listen", 0], ["upstream", "db:1"], [name, 1]]);
    assert.throws(() => decodeConfig({ services: [service] }), (error) => {
      assert.ok(error instanceof ConfigError);
      return error.problems.length === 1 && error.problems[0]!.path === `services[0].${name}`;
    }, name);
  }
});

Deno.test("decodeConfig() leaves keys at the top alone that begin with x-", () => {
  const services = [{ name: "a", listen: 0, upstream: "db:1" }];
  const document = { "x-base": { any: "${NOT_SET}" }, "x-": 1, services };
  assert.deepEqual(decodeConfig(document, { environment: () => undefined }), decodeConfig({ services }));
  const inside = { services: [{ ...services[0], "x-base": 1 }] };
  assert.throws(() => decodeConfig(inside), /Unknown key "x-base"/);
  assert.match(jsonSchemaText(), /"\^x-"/);
});
