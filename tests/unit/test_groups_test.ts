/** The groups of files in which `deno task test:unit` runs tests. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { TestGroups } from "../offline/test_groups.ts";

Deno.test("TestGroups imports each file of tests once, in order, but none that is ignored", async () => {
  const root = await Deno.makeTempDir({ prefix: "sluice-groups-" });
  try {
    const many = Array.from({ length: 9 }, (_, index) => `a/${index}_test.ts`);
    for (
      const path of [
        ...many,
        "a/fixture.ts",
        "a/ignored_test.ts",
        "b/c/deep_test.ts",
        "b/off/no_test.ts",
        "z_test.ts",
      ]
    ) {
      await Deno.mkdir(dirname(join(root, path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), "");
    }
    const args = ["-A", "--parallel", "--ignore=a/ignored_test.ts,b/off", "z_test.ts", "a", "b"];
    let written: readonly string[] = [];
    {
      await using groups = await TestGroups.write(args, root);
      assert.deepEqual(groups.args.slice(0, 2), ["-A", "--parallel"]);
      written = groups.args.slice(2);
      const imported = (await Promise.all(written.map((path) => Deno.readTextFile(path)))).join("");
      const guard = new URL("../offline/global_guard.ts", import.meta.url).href;
      const urls = ["z_test.ts", ...many, "b/c/deep_test.ts"].map((path) =>
        pathToFileURL(join(root, path)).href
      );
      const expected = [guard, ...urls.slice(0, 8), guard, ...urls.slice(8)];
      assert.equal(imported, expected.map((url) => `import "${url}";\n`).join(""));
      assert.equal(written.length, 2);
    }
    for (const path of written) await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    await assert.rejects(TestGroups.write(["missing"], root), Deno.errors.NotFound);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
