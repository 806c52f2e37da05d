/** The examples of every third page, the other two files have the others; and what all pages have. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { testExamples } from "../../support/docs/examples.ts";
import { pathOf, readPages } from "../../support/docs/page.ts";
import { importing } from "../../support/docs/section.ts";
import { runSluice } from "../../support/program/program.ts";

const PAGES = readPages();

testExamples(0, 3);

Deno.test("the programs in README.md and docs have the right types", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-docs-" });
  try {
    const programs = PAGES.flatMap(({ path, blocks }) =>
      blocks.filter(({ language }) => language === "ts").map(({ code, line }) => ({
        file: join(folder, `${path.replaceAll(/\W/g, "_")}_${line}.ts`),
        code,
      }))
    );
    assert.ok(programs.length >= 4, `only ${programs.length} programs`);
    for (const { file, code } of programs) await Deno.writeTextFile(file, importing(code));
    const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["check", "--quiet", "--config", pathOf("deno.json")],
        ...importMap ? ["--import-map", importMap] : [],
        ...programs.map(({ file }) => file),
      ],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sluice check finds nothing wrong with config.example.yaml", async () => {
  const { code, stderr } = await runSluice(["check", pathOf("config.example.yaml")]);
  assert.equal(code, 0, stderr);
});
