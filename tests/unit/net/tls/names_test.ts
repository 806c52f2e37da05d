import assert from "node:assert/strict";
import { byServerName } from "../../../../src/net/tls/contexts.ts";

Deno.test("byServerName() takes the exact name, then the wildcard, then the first", () => {
  const [first, wildcard, exact] = [
    { names: ["default.test"] },
    { names: ["*.shop.test"] },
    { names: ["www.shop.test", "*.shop.test", "default.test"] },
  ] as const;
  const choose = byServerName<{ names: readonly string[] }>([first, wildcard, exact]);
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
  for (const [name, item] of cases) assert.equal(choose(name), item, name);
});
