/** The examples of every third page, the other two files have the others; and what all pages have. */

import assert from "node:assert/strict";
import { testExamples } from "../../support/docs/examples.ts";
import { pathOf } from "../../support/docs/page.ts";
import { runSluice } from "../../support/program/program.ts";

testExamples(0, 3);

Deno.test("sluice check finds nothing wrong with config.example.yaml", async () => {
  const { code, stderr } = await runSluice(["check", pathOf("config.example.yaml")]);
  assert.equal(code, 0, stderr);
});
