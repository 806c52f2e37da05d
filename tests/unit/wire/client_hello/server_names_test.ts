import assert from "node:assert/strict";
import { ServerNameSet } from "../../../../src/wire/client_hello/server_names.ts";

Deno.test("ServerNameSet matches names exactly, and by a wildcard for one label", () => {
  const patterns = "shop.example.com *.Shop.Example.com localhost *.internal a_b.c-d";
  const inside =
    "shop.example.com SHOP.example.COM shop.example.com. a.shop.example.com A.SHOP.example.com. " +
    "xn--bcher-kva.shop.example.com localhost db.internal a_b.c-d";
  const outside = " . example.com com a.b.shop.example.com .shop.example.com xshop.example.com a.localhost " +
    "shop.example.com.evil internal .internal a.b.internal shop.example.com..";
  const set = new ServerNameSet(patterns.split(" "));
  for (const name of inside.split(" ")) assert.ok(set.has(name), name);
  for (const name of outside.split(" ")) assert.ok(!set.has(name), name);
  assert.ok(!new ServerNameSet([]).has("a"));
});

Deno.test("ServerNameSet matches names by a wildcard for one label or more", () => {
  const set = new ServerNameSet(["**.Shop.Example.com", "**.internal", "exact.org", "*.one.org"]);
  const inside =
    "a.shop.example.com A.B.SHOP.example.com. a.b.c.d.shop.example.com db.internal a.db.internal exact.org a.one.org";
  const outside =
    ". .internal internal shop.example.com example.com xshop.example.com a.shop.example.com.evil " +
    "a.exact.org a.b.one.org .shop.example.org";
  for (const name of inside.split(" ")) assert.ok(set.has(name), name);
  for (const name of outside.split(" ")) assert.ok(!set.has(name), name);
});

Deno.test("ServerNameSet refuses a text that is neither a name nor a wildcard", () => {
  const wrong =
    " * *. . a. .a a..b ** **. ***.b a.**.b **a.b a.*.b *a.b a*.b *.*.b a:443 a/b bücher.example \u212a";
  for (const pattern of [...wrong.split(" "), "a b", "x".repeat(64)]) {
    assert.throws(() => new ServerNameSet(["ok", pattern]), {
      name: "SyntaxError",
      message:
        `Cannot match server names with "${pattern}": expected a name such as shop.example.com or *.example.com`,
    });
  }
});
