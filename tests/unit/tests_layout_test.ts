/** Checks the layout of the tests: kinds of tests share the code in tests/support, and nothing else. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { importsOf, readSources, resolved, type Source } from "./source.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** A folder with more files than this needs rooms inside. */
const MAX_FILES = 22;

/** What each kind of tests may import, besides its own folder and tests/support. `types` is for type-only imports. */
const MAY_IMPORT: Record<string, { code: string[]; types?: string[] }> = {
  unit: { code: ["src", ".github/build", "deno.json", "tests/offline"] },
  e2e: { code: ["main.ts", "deno.json"], types: ["src"] },
  interop: { code: ["src"] },
  bench: { code: ["src"] },
  soak: { code: ["src"] },
  fuzz: { code: ["src"] },
  mutate: { code: [] },
  sim: { code: ["src"] },
  offline: { code: [".github/build", "deno.json"] },
  support: { code: ["src", "main.ts", ".github/build", "deno.json", "tests/offline"] },
};

/** Tests of the whole program that take a part of it to compare with, and why. */
const TAKES_PARTS: Record<string, string> = {
  "tests/e2e/cli/config_test.ts": "decodes what check prints",
  "tests/e2e/process/shortage_program.ts": "a program of its own that dials until descriptors run out",
  "tests/e2e/upstream/source_address_test.ts": "dials with two addresses that the test chooses",
  "tests/e2e/threads/hung_thread_worker.ts": "a relay thread that hangs on purpose",
};

/** Folders of tests/unit that mirror no folder of src, and why. */
const NO_MIRROR: Record<string, string> = {
  "tests/unit/whole_process": "tests that are right only while no other one runs in the process",
};

Deno.test("tests import only their own kind, tests/support and what they test", () => {
  const sources = readTests();
  assert.ok(sources.length >= 400, `only ${sources.length} files`);
  assert.deepEqual(sources.flatMap(violationsIn), []);
});

Deno.test("the check of the imports of tests finds violations", () => {
  const found = (path: string, text: string) => violationsIn({ path, text });
  const line = (module: string) => `import { a } from "${module}";`;
  assert.deepEqual(found("tests/unit/net/a_test.ts", line("../../e2e/b.ts")).length, 1);
  assert.deepEqual(found("tests/fuzz/a.ts", line("../soak/b.ts")).length, 1);
  assert.deepEqual(found("tests/support/a.ts", line("../interop/b.ts")).length, 1);
  assert.deepEqual(found("tests/e2e/relay/a_test.ts", line("../../../src/net/b.ts")).length, 1);
  assert.deepEqual(found("tests/new/a.ts", "").length, 1);
  assert.deepEqual(found("tests/e2e/relay/a_test.ts", 'import type { A } from "../../../src/net/b.ts";'), []);
  assert.deepEqual(found("tests/e2e/relay/a_test.ts", line("../../support/b.ts") + line("../b.ts")), []);
  assert.deepEqual(found("tests/unit/net/a_test.ts", line("../../../src/net/b.ts")), []);
});

Deno.test("the exceptions of the layout of the tests exist", () => {
  for (const path of [...Object.keys(TAKES_PARTS), ...Object.keys(NO_MIRROR)]) {
    assert.ok(Deno.statSync(`${ROOT}${path}`), path);
  }
});

Deno.test("folders of tests/unit mirror those of src", () => {
  const folders = foldersOf(readTests()).keys().filter((folder) => folder.startsWith("tests/unit/"))
    .toArray();
  assert.ok(folders.length >= 20, `only ${folders.length} folders`);
  const known = foldersOf(readSources());
  const isFolder = (folder: string) => known.keys().some((one) => `${one}/`.startsWith(`${folder}/`));
  const strange = folders.filter((folder) =>
    !(folder in NO_MIRROR) && !isFolder(folder.replace("tests/unit/", "src/"))
  );
  assert.deepEqual(strange, []);
});

Deno.test("no folder of tests has more files than the limit", () => {
  const full = [...foldersOf(readTests())].filter(([, files]) => files.length > MAX_FILES);
  assert.deepEqual(full.map(([folder]) => folder), []);
});

Deno.test("no test name has the number of an issue", () => {
  const numbered = readTests().filter(({ path, text }) =>
    /issue_?\d|_\d{2,}_test/.test(path) || /\.test\([`"'][^`"']*\bissue \d/i.test(text)
  );
  assert.deepEqual(numbered.map(({ path }) => path), []);
});

function violationsIn({ path, text }: Source): string[] {
  const kind = path.split("/")[1]!;
  const allowed = MAY_IMPORT[kind];
  if (allowed === undefined) return [`${path}: is of a kind that the layout does not know`];
  return importsOf(text).flatMap(({ module, typeOnly }) => {
    if (!module.startsWith(".")) return [];
    const target = resolved(path, module);
    const places = [
      `tests/${kind}`,
      "tests/support",
      ...allowed.code,
      ...typeOnly || path in TAKES_PARTS ? allowed.types ?? [] : [],
    ];
    const fits = places.some((place) => target === place || target.startsWith(`${place}/`));
    return fits ? [] : [`${path}: imports ${target}`];
  });
}

/** Without the two whose texts are full of imports that are wrong on purpose. */
function readTests(): Source[] {
  const wrong = ["tests/unit/architecture_test.ts", "tests/unit/tests_layout_test.ts"];
  return readSources(`${ROOT}tests`).filter(({ path }) => !wrong.includes(path));
}

function foldersOf(sources: readonly Source[]): Map<string, Source[]> {
  return Map.groupBy(sources, ({ path }) => path.slice(0, path.lastIndexOf("/")));
}
