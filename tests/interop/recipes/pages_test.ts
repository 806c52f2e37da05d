/** The pages of docs/recipes as a whole. */

import assert from "node:assert/strict";
import { pathOf } from "../../support/docs/page.ts";

Deno.test("every recipe is in the list, and has a test that its page names", () => {
  const list = Deno.readTextFileSync(pathOf("docs/recipes/README.md"));
  const pages = [...Deno.readDirSync(pathOf("docs/recipes"))].map(({ name }) => name)
    .filter((name) => name !== "README.md");
  assert.ok(pages.length >= 6, `${pages}`);
  for (const page of pages) {
    assert.ok(list.includes(`](${page})`), `${page} is not in the list`);
    const test = `tests/interop/recipes/${page.replace(".md", "_test.ts").replaceAll("-", "_")}`;
    const text = Deno.readTextFileSync(pathOf(`docs/recipes/${page}`));
    assert.ok(text.includes(`](../../${test})`), `${page} does not name ${test}`);
    assert.ok(Deno.readTextFileSync(pathOf(test)).includes(`docs/recipes/${page}`), test);
  }
});
