import assert from "node:assert/strict";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { withSeed } from "../../../../src/config/input/seed.ts";

const SERVICES = [{ name: "a", listen: 0, upstream: "db:1" }];

Deno.test("withSeed() takes the seed of the environment where the configuration has none", () => {
  using _restored = withVariable("from environment");
  assert.equal(withSeed(decodeConfig({ services: SERVICES })).seed, "from environment");
  assert.equal(withSeed(decodeConfig({ services: SERVICES, seed: 42 })).seed, "42");
});

Deno.test("withSeed() takes an empty variable for none, and refuses what is no seed", () => {
  const config = decodeConfig({ services: SERVICES });
  {
    using _restored = withVariable("");
    assert.equal(withSeed(config), config);
  }
  using _restored = withVariable("x".repeat(65));
  assert.throws(() => withSeed(config), {
    name: "ConfigError",
    problems: [{
      path: "SLUICE_SEED",
      message: `Cannot use "${
        "x".repeat(65)
      }": expected a whole number, or a text of 1 to 64 printable characters`,
    }],
  });
});

Deno.test({
  name: "withSeed() does not ask for the variable where it may not read it",
  permissions: { env: false },
  fn: () => assert.equal(withSeed(decodeConfig({ services: SERVICES })).seed, undefined),
});

function withVariable(value: string): Disposable {
  const before = Deno.env.get("SLUICE_SEED");
  Deno.env.set("SLUICE_SEED", value);
  return {
    [Symbol.dispose]: () =>
      before === undefined ? Deno.env.delete("SLUICE_SEED") : Deno.env.set("SLUICE_SEED", before),
  };
}
