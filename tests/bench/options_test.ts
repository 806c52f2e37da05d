import assert from "node:assert/strict";
import { LOADS, TARGETS } from "./report/names.ts";
import { parseOptions, USAGE } from "./options.ts";
import { UsageError } from "../support/program/command.ts";

Deno.test("a full bench has five rounds over everything and writes its results", () => {
  const options = parseOptions([], "results.json");
  assert.equal(options?.rounds, 5);
  assert.deepEqual([options?.targets, options?.loads], [TARGETS, LOADS]);
  assert.equal(options?.out, "results.json");
});

Deno.test("a partial bench writes no results unless --output says where", () => {
  for (const args of [["--quick"], ["--only", "direct"], ["--loads", "bulk"]]) {
    assert.equal(parseOptions(args, "results.json")?.out, null);
    assert.equal(parseOptions([...args, "--out", "own.json"], "results.json")?.out, "own.json");
  }
  assert.equal(parseOptions(["--quick"], "results.json")?.rounds, 1);
  assert.equal(parseOptions(["--quick", "--rounds", "3"], "results.json")?.rounds, 3);
});

Deno.test("targets and loads are chosen by name, in their own order", () => {
  const options = parseOptions(
    ["--only", "haproxy 2 threads, sluice engine: deno,direct", "--loads", "idle,bulk8"],
    "results.json",
  );
  assert.deepEqual(options?.targets, ["direct", "sluice engine: deno", "haproxy 2 threads"]);
  assert.deepEqual(options?.loads, ["bulk8", "idle"]);
});

Deno.test("invalid options are refused with the valid ones", () => {
  const refused = (args: string[], message: RegExp) =>
    assert.throws(() => parseOptions(args, ""), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  refused(["--only", "envoy"], /^--only: "envoy" is none of direct, sluice/);
  refused(["--loads", "bulk,idles"], /^--loads: "idles" is none of bulk, bulk8/);
  refused(["--rounds", "0"], /--rounds takes a number from 1/);
  refused(["--rounds", "1.5"], /--rounds takes a number from 1/);
  refused(["--fast"], /--fast/);
  refused(["bulk"], /bulk/);
});

Deno.test("the help names every target, load and option", () => {
  assert.equal(parseOptions(["--help"], ""), null);
  const options = ["--rounds", "--only", "--loads", "--quick", "--assert", "--out", "--help"];
  for (const word of [...TARGETS, ...LOADS, ...options]) assert.ok(USAGE.includes(word), word);
});
