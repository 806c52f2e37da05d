import assert from "node:assert/strict";
import { resolveAliases } from "../../../../src/config/input/aliases.ts";
import { ConfigError, formatProblem } from "../../../../src/config/config_error.ts";
import { parseYaml } from "../../../../src/config/input/yaml.ts";

/** The time limit for an alias bomb, which once took 40 s and 1.9 GB. */
const SOON = 10_000;

/** `levels` lists, each with nine aliases of the one before. */
function bomb(levels: number, entries = 9): string {
  const line = (level: number, entry: string) => `a${level}: &a${level} [${Array(entries).fill(entry)}]\n`;
  const lines = Array.from({ length: levels - 1 }, (_, level) => line(level + 1, `*a${level}`));
  return line(0, "lol") + lines.join("");
}

function refusal(text: string): string {
  const before = performance.now();
  const error = problemOf(text);
  assert.ok(performance.now() - before < SOON, "took too long");
  return error;
}

function problemOf(text: string): string {
  try {
    parseYaml(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(formatProblem).join("\n");
  }
  assert.fail("was accepted");
}

const TOO_MANY = "Cannot use so many aliases: up to here they expand to more than 250000 values or " +
  "4194304 characters, nest fewer of them";

Deno.test("parseYaml() refuses aliases that stand for too much, and says where it is too much", () => {
  assert.equal(refusal(bomb(9)), `a5[2]: ${TOO_MANY}`);
  assert.equal(refusal(bomb(7)), `a5[2]: ${TOO_MANY}`);
  assert.equal(refusal(bomb(40)), `a5[2]: ${TOO_MANY}`);
});

Deno.test("parseYaml() refuses merge keys that stand for too much", () => {
  const keys = Array.from({ length: 3000 }, (_, index) => `k${index}: 1`).join(", ");
  const merges = Array.from({ length: 3000 }, (_, index) => `m${index}: {<<: *a}\n`).join("");
  assert.match(refusal(`a: &a {${keys}}\n${merges}`), /^m83\["<<"\]: Cannot use so many aliases/);
  assert.match(
    refusal(`a: &a {${keys}}\nb: {<<: [${Array(3000).fill("*a")}]}`),
    /: Cannot use so many aliases/,
  );
  const chain = Array.from(
    { length: 5000 },
    (_, index) => `m${index + 1}: &m${index + 1} {<<: *m${index}, k${index}: 1}\n`,
  );
  assert.match(refusal(`m0: &m0 {}\n${chain.join("")}`), /: Cannot use so many aliases/);
});

Deno.test("parseYaml() refuses aliases that stand for too much text", () => {
  const text = "x".repeat(100_000);
  assert.equal(refusal(`a: &a ["${text}"]\nb: [${Array(100).fill("*a")}]`), `b[41]: ${TOO_MANY}`);
});

Deno.test("parseYaml() takes as many values as are written", () => {
  const list = Array(300_000).fill("1");
  assert.equal((parseYaml(`a: [${list}]`) as { a: unknown[] }).a.length, list.length);
});

Deno.test("parseYaml() refuses aliases inside what they stand for", () => {
  const message = "Cannot use an alias inside its own anchor";
  assert.equal(refusal("a: &a [1, *a]"), `a[1]: ${message}`);
  assert.equal(refusal("a: &a { b: { c: *a } }"), `a.b.c: ${message}`);
  assert.equal(refusal("a: &a { <<: *a }"), `a["<<"]: ${message}`);
});

Deno.test("parseYaml() refuses collections that are nested too deeply, however deep", () => {
  for (const levels of [66, 1000, 100_000]) {
    for (const text of [`a: ${"[".repeat(levels)}${"]".repeat(levels)}`, "- ".repeat(levels)]) {
      assert.match(refusal(text), /Cannot use collections nested so deeply: expected at most 64 levels$/);
    }
  }
});

Deno.test("parseYaml() merges keys: a mapping's own first, then those of the first mapping", () => {
  const text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2, z: 2}\nc: {z: 3, <<: [*b, *a], __proto__: 4}";
  const { b, c } = parseYaml(text) as Record<string, Record<string, unknown>>;
  assert.deepEqual(Object.entries(b!).sort(), [["x", 1], ["y", 2], ["z", 2]]);
  assert.deepEqual(Object.entries(c!).sort(), [["__proto__", 4], ["x", 1], ["y", 2], ["z", 3]]);
});

Deno.test("parseYaml() merges a key called __proto__ as any other", () => {
  const { b } = parseYaml("a: &a {__proto__: {x: 1}}\nb: {<<: *a}") as Record<string, object>;
  assert.deepEqual(Object.keys(b!), ["__proto__"]);
  assert.equal("x" in b!, false);
});

Deno.test("parseYaml() refuses to merge what is no mapping", () => {
  const message = 'Cannot merge this: expected a mapping such as "*name", or a list of mappings';
  for (const merged of ["1", "[1]", "", "[[]]"]) {
    assert.equal(refusal(`a: { b: { <<: ${merged} } }`), `a.b["<<"]: ${message}`);
  }
});

Deno.test("resolveAliases() looks at what is shared once", () => {
  const shared = { "<<": { x: 1 } };
  const document = { a: shared, b: shared };
  resolveAliases(document);
  assert.deepEqual(document, { a: { x: 1 }, b: { x: 1 } });
  assert.equal(document.a, document.b);
});
