import assert from "node:assert/strict";
import { parseOptions, USAGE } from "./options.ts";
import { UsageError } from "../support/program/command.ts";

Deno.test("a soak takes ten minutes with two workers and a new seed by default", () => {
  assert.deepEqual(parseOptions([], () => 7), { minutes: 10, workers: 2, rate: 150, seed: 7 });
  assert.deepEqual(
    parseOptions(["--minutes", "2.5", "--workers", "1", "--rate", "30", "--seed", "0"]),
    { minutes: 2.5, workers: 1, rate: 30, seed: 0 },
  );
});

Deno.test("invalid options of a soak are refused with the valid ones", () => {
  const refused = (args: string[], message: RegExp) =>
    assert.throws(() => parseOptions(args), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  refused(["--minutes", "0.1"], /^--minutes takes a number from 0\.5 to 10000, not "0\.1"$/);
  refused(["--workers", "1.5"], /^--workers takes a whole number from 1 to 256, not "1\.5"$/);
  refused(["--seed", "x"], /--seed takes a whole number from 0/);
  refused(["--rate", ""], /--rate takes a number/);
  refused(["--hours", "1"], /--hours/);
  refused(["10"], /10/);
});

Deno.test("the help of the soak names every option", () => {
  assert.equal(parseOptions(["--help"]), null);
  for (const word of ["--minutes", "--workers", "--rate", "--seed", "--help", "SLUICE_BIN"]) {
    assert.ok(USAGE.includes(word), word);
  }
});
