import assert from "node:assert/strict";
import { checkRegex } from "../../../../src/config/values/regex.ts";
import { CHECK_TYPES } from "../../../../src/config/schema/check_types.ts";

Deno.test("checkRegex() accepts what is quick", () => {
  const texts = [
    "^220 .*\\r\\n",
    "role:(master|primary)",
    "[(+*]\\(a*",
    "(?:abc)+",
    "(ab){3}",
    "(a+)?",
    "(?<name>a)\\k<name>",
    "^(a|b)$",
  ];
  for (const text of texts) checkRegex(text);
  for (const { check } of Object.values(CHECK_TYPES)) {
    for (const step of check.script ?? []) {
      if ("expect" in step && typeof step.expect === "object" && "regex" in step.expect) {
        checkRegex(step.expect.regex);
      }
    }
  }
});

Deno.test("checkRegex() refuses what could take forever, and what it cannot compile", () => {
  for (const text of ["(a+)+$", "(a|a)*", "((a?))+", "(a{2,})*", "(?:(a|b))+", "(a+){2,}", "([a-z]+)*x"]) {
    assert.throws(() => checkRegex(text), /repeat no group/, text);
  }
  assert.throws(() => checkRegex("a*b*c*"), /at most one repetition .* got 3/);
  assert.throws(() => checkRegex("a{0,999}a{0,999}b"), /at most one repetition .* got 2/);
  assert.throws(() => checkRegex("a?".repeat(30)), /at most 8 .* got 30/);
  assert.throws(() => checkRegex("("), /Cannot use "\(" as a regular expression: /);
});
