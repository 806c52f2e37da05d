import assert from "node:assert/strict";
import { withPictures } from "../../../src/cli/config_problems.ts";
import { ConfigError } from "../../../src/config/config_error.ts";

function errorAt(text: string, line: number, column: number, length: number, path = "a"): ConfigError {
  const problem = { path, message: "No", position: { line, column, length } };
  return new ConfigError([problem], { file: "x.yaml", text });
}

Deno.test("withPictures() shows the line of a problem with a caret under it", () => {
  const picture = withPictures(errorAt("b: 1\n  a: xyz # why\n", 2, 6, 3), false);
  assert.deepEqual(picture.split("\n"), [
    'Cannot use the configuration "x.yaml":',
    "",
    "  x.yaml:2:6: a: No",
    "    2 |   a: xyz # why",
    "      |      ^^^",
  ]);
});

Deno.test("withPictures() uses colours on request", () => {
  const picture = withPictures(errorAt("a: 1", 1, 4, 1), true);
  assert.ok(picture.includes("\x1b[1m  x.yaml:1:4:\x1b[22m a: No"), JSON.stringify(picture));
  assert.ok(picture.endsWith(" \x1b[31m^\x1b[39m"), JSON.stringify(picture));
});

Deno.test("withPictures() shows tabs, and no control characters", () => {
  const picture = withPictures(errorAt("\ta: \x1b[2J", 1, 5, 4), false);
  assert.match(picture, /\n {4}1 \| →a: \ufffd\[2J\n {6}\| {5}\^{4}$/);
});

Deno.test("withPictures() shortens long lines around the position", () => {
  const [, , , text, caret] = withPictures(
    errorAt(`${"x, ".repeat(70)}?${" yz".repeat(70)}`, 1, 211, 1),
    false,
  )
    .split("\n");
  assert.equal(text, `    1 | …${"x, ".repeat(20)}?${" yz".repeat(13)}…`);
  assert.equal(text!.indexOf("?"), caret!.indexOf("^"));
});

Deno.test("withPictures() shows no secrets", () => {
  for (const [text, path] of [["token: hunter2", "b"], ["admin: hunter2", "admin.token"]] as const) {
    assert.doesNotMatch(withPictures(errorAt(text, 1, 1, 1, path), false), /hunter2/);
  }
});

Deno.test("withPictures() returns the message without positions", () => {
  const error = new ConfigError([{ path: "a", message: "No" }, { path: "b", message: "No" }]);
  assert.equal(withPictures(error, true), error.message);
});
