/** The arguments of `deno compile`, and the parser of its output. */

import assert from "node:assert/strict";
import { compileArguments, embeddedFiles } from "../../.github/build/compile.ts";
import { PERMISSIONS } from "../../.github/build/permissions.ts";

Deno.test("embeddedFiles() reads the tree that deno compile prints", () => {
  const printed = `Compile main.ts to dist/sluice

Embedded Files

sluice
├── .npm/zod/4.1.12/* (1.2MB - 1.1MB unique)
├── deno.json (3.4KB)
├─┬ src (1.44KB - 1.4KB unique)
│ ├─┬ net (1.32KB)
│ │ ├─┬ wire (36B)
│ │ │ └── a b.ts (3B)
│ │ └── conn.ts (119B)
│ ├── config/* (0B)
│ └── version.ts (118B)
└── tests/offline/std_cli.ts (238B)

Files: 6.54KB
Metadata: 1.6KB
`;
  assert.deepEqual(embeddedFiles(printed), [
    ".npm/zod/4.1.12/*",
    "deno.json",
    "src/net/wire/a b.ts",
    "src/net/conn.ts",
    "src/config/*",
    "src/version.ts",
    "tests/offline/std_cli.ts",
  ]);
});

Deno.test("embeddedFiles() refuses output without a tree", () => {
  assert.throws(() => embeddedFiles("Compile main.ts to dist/sluice\n"), /did not list/);
});

Deno.test("sluice runs no programs and loads no native libraries", () => {
  assert.ok(PERMISSIONS.length > 0);
  assert.deepEqual(PERMISSIONS.filter((flag) => /^-A|^--allow-(all|run|ffi)/.test(flag)), []);
  assert.ok(PERMISSIONS.includes("--no-prompt"));
});

Deno.test("compileArguments() takes exactly the packages of a lock file, if there is one", () => {
  const parts = { target: undefined, output: "dist/sluice", importMap: "" };
  const args = compileArguments({ ...parts, lock: "dist/deno.lock" });
  const at = args.indexOf("--lock");
  assert.deepEqual(args.slice(at, at + 3), ["--lock", "dist/deno.lock", "--frozen"]);
  const without = compileArguments({ ...parts, lock: undefined });
  assert.deepEqual(without.filter((arg) => /lock|frozen/.test(arg)), []);
});
