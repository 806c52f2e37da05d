/** The command line of the fuzzer. */

import assert from "node:assert/strict";
import { parseOptions } from "./options.ts";
import { UsageError } from "../support/program/command.ts";

Deno.test("fuzz options: what is left out", () => {
  assert.deepEqual(parseOptions([], () => 7), {
    duration: 60_000,
    seed: 7,
    only: undefined,
    part: "all",
    without: [],
  });
});

Deno.test("fuzz options: all of them", () => {
  const args = ["--for", "5m", "--seed", "12", "--only", "3", "--part", "model", "--without", "burst,kill"];
  assert.deepEqual(parseOptions(args), {
    duration: 300_000,
    seed: 12,
    only: 3,
    part: "model",
    without: ["burst", "kill"],
  });
  assert.equal(parseOptions(["--help"]), null);
});

Deno.test("fuzz options: mistakes", () => {
  for (
    const [args, message] of [
      [["--for", "soon"], /--for takes a duration/],
      [["--seed", "-1"], /--seed/],
      [["--seed", "4294967296"], /--seed takes a whole number/],
      [["--part", "half"], /--part takes/],
      [["--fast"], /--fast/],
    ] as const
  ) {
    assert.throws(
      () => parseOptions([...args]),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});
