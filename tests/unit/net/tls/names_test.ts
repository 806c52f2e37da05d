import assert from "node:assert/strict";
import { ServerNames } from "../../../../src/net/tls/contexts.ts";

Deno.test("ServerNames takes the exact name, then the wildcard, then the first", () => {
  const [first, wildcard, exact] = [
    { names: ["default.test"] },
    { names: ["*.shop.test"] },
    { names: ["www.shop.test", "*.shop.test", "default.test"] },
  ] as const;
  const names = new ServerNames<{ names: readonly string[] }>([first, wildcard, exact]);
  const cases: [string, unknown][] = [
    ["default.test", first],
    ["www.shop.test", exact],
    ["WWW.Shop.test", exact],
    ["a.shop.test", wildcard],
    ["shop.test", first],
    ["a.b.shop.test", first],
    ["*.shop.test", wildcard],
    [".shop.test", wildcard],
    ["", first],
    ["unknown", first],
    ["__proto__", first],
  ];
  for (const [name, item] of cases) assert.equal(names.choose(name), item, name);
});

Deno.test("ServerNames cannot choose among nothing", () => {
  assert.throws(() => new ServerNames([]), TypeError);
});
