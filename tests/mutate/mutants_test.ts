/** Mutants: the changes of a source, and their positions. */

import assert from "node:assert/strict";
import { mutantsOf, mutated } from "./mutants.ts";
import { reasonFor, resultText } from "./verdicts.ts";

/** The source with each of its mutants. */
function allOf(text: string): string[] {
  return mutantsOf("a.ts", text).map((mutant) => mutated(text, mutant));
}

Deno.test("mutantsOf() drops statements, but no super()", () => {
  assert.deepEqual(allOf("f();"), [";"]);
  assert.deepEqual(allOf("class A extends B { constructor() { super(); } }"), []);
  assert.deepEqual(allOf("throw e;"), [";"]);
});

Deno.test("mutantsOf() negates conditions and swaps operators", () => {
  assert.deepEqual(allOf("if (a < b) {}"), ["if (!(a < b)) {}", "if (a <= b) {}"]);
  assert.deepEqual(allOf("const c = a && b;"), ["const c = a || b;"]);
  assert.deepEqual(allOf("const c = a ?? b;"), ["const c = a;"]);
  assert.deepEqual(allOf("const c = a ? b : d;"), ["const c = !(a) ? b : d;"]);
});

Deno.test("mutantsOf() distinguishes numbers from text", () => {
  assert.deepEqual(allOf("const c = a + b;"), ["const c = a - b;"]);
  assert.deepEqual(allOf('const c = a + "b";'), []);
});

Deno.test("mutantsOf() changes constants, but none of types", () => {
  assert.deepEqual(allOf("const c = 0;"), ["const c = 1;"]);
  assert.deepEqual(allOf("const c = 2;"), ["const c = 0;", "const c = 3;"]);
  assert.deepEqual(allOf("const c = 1000;"), ["const c = 0;"]);
  assert.deepEqual(allOf("const c = true;"), ["const c = false;"]);
  assert.deepEqual(allOf("type A = 1 | true; interface B { c: 2 }"), []);
});

Deno.test("mutantsOf() drops await, using and return", () => {
  const text = "async function f() { using a = b(); return await c; }";
  assert.deepEqual(allOf(text), [
    "async function f() { const a = b(); return await c; }",
    "async function f() { using a = b(); (await c); }",
    "async function f() { using a = b(); return (c); }",
  ]);
});

Deno.test("mutantsOf() numbers mutants by their places", () => {
  const numbers = mutantsOf("a.ts", "f();\nif (a) g();").map(({ number, line }) => [number, line]);
  assert.deepEqual(numbers, [[1, 1], [2, 2], [3, 2]]);
});

Deno.test("reasonFor() knows a mutant by its file, its line and its change", () => {
  const [mutant] = mutantsOf("src/a.ts", "  f();");
  const entry = { file: "src/a.ts", code: "f();", reason: "not observable" };
  assert.equal(reasonFor(mutant!, [entry]), "not observable");
  assert.equal(reasonFor(mutant!, [{ ...entry, replacement: "g();" }]), undefined);
  assert.equal(reasonFor(mutant!, [{ ...entry, file: "src/b.ts" }]), undefined);
});

Deno.test("resultText() counts timeouts as noticed and leaves out equivalent mutants", () => {
  const mutants = mutantsOf("src/a.ts", "f(); g(); h(); i();");
  const verdicts = ["killed", "timeout", "survived", "equivalent"] as const;
  const text = resultText(mutants.map((mutant, index) => ({ mutant, verdict: verdicts[index]! })));
  assert.match(text, /src\/a\.ts {3}67 %/);
  assert.match(text, /^survived: src\/a\.ts:1 #3 drop statement: h\(\); -> ;$/m);
});
