import assert from "node:assert/strict";
import fc from "fast-check";
import { bySpecificity, covers, intersection, isHostname } from "../../../src/gateway/hostnames.ts";

Deno.test("isHostname() takes names and wildcards, and no addresses", () => {
  for (const text of ["a", "a.example.com", "*.com", "*.a-b.example.com", "1.example.com", "x".repeat(63)]) {
    assert.ok(isHostname(text), text);
  }
  const wrong = [
    "",
    "*",
    "**.a",
    "a.*.b",
    "-a",
    "a-",
    "a..b",
    "a.",
    "A.b",
    "10.0.0.1",
    "a_b",
    "x".repeat(64),
    "a b",
  ];
  for (const text of [...wrong, "a.".repeat(127) + "aa"]) assert.ok(!isHostname(text), text);
});

Deno.test("intersection() gives the names that a listener and a route have in common", () => {
  const cases: [listener: string | undefined, route: string, common: string | undefined][] = [
    [undefined, "a.example.com", "a.example.com"],
    [undefined, "*.example.com", "*.example.com"],
    ["a.example.com", "a.example.com", "a.example.com"],
    ["a.example.com", "b.example.com", undefined],
    ["a.example.com", "*.example.com", "a.example.com"],
    ["a.b.example.com", "*.example.com", "a.b.example.com"],
    ["*.example.com", "a.example.com", "a.example.com"],
    ["*.example.com", "a.b.example.com", "a.b.example.com"],
    ["*.example.com", "example.com", undefined],
    ["example.com", "*.example.com", undefined],
    ["*.example.com", "*.com", "*.example.com"],
    ["*.com", "*.example.com", "*.example.com"],
    ["*.example.com", "*.example.net", undefined],
    ["*.example.com", "a.example.net", undefined],
    ["*.example.com", "notexample.com", undefined],
    ["*.example.com", "*.notexample.com", undefined],
  ];
  for (const [listener, route, common] of cases) {
    assert.equal(intersection(listener, route), common, `${listener} and ${route}`);
  }
});

Deno.test("bySpecificity() puts whole names first, then wildcards with more labels, then any name", () => {
  const sorted = ["a.com", "x.y.z.com", "*.b.example.com", "*.example.com", "*.com", undefined];
  fc.assert(fc.property(fc.shuffledSubarray(sorted, { minLength: sorted.length }), (names) => {
    const ordered = [...names].sort(bySpecificity);
    assert.deepEqual(ordered.slice(2), sorted.slice(2));
  }));
});

Deno.test("intersection() has exactly the names that both have", () => {
  const label = fc.constantFrom("a", "b", "com");
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  const pattern = fc.oneof(name, name.map((each) => `*.${each}`));
  fc.assert(fc.property(pattern, pattern, name, (one, other, each) => {
    const common = intersection(one, other);
    assert.equal(common !== undefined && covers(common, each), covers(one, each) && covers(other, each));
    assert.equal(common, intersection(other, one));
  }));
});
