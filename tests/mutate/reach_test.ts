/** The tests that reach a file by their imports. */

import assert from "node:assert/strict";
import { importGraph, testsThatReach } from "./reach.ts";

const FILES: Record<string, string> = {
  "tests/near_test.ts": 'import { a } from "../src/a.ts";',
  "tests/far_test.ts": 'import {\n  b,\n} from "../src/b.ts";',
  "tests/types_test.ts": 'import type { A } from "../src/a.ts";',
  "tests/worker_test.ts": 'new Worker(new URL("./worker.ts", import.meta.url));',
  "tests/worker.ts": 'export { a } from "../src/a.ts";',
  "src/a.ts": 'import { b } from "./b.ts";',
  "src/b.ts": "",
};

const TESTS = Object.keys(FILES).filter((path) => path.endsWith("_test.ts"));

function reach(file: string): string[] {
  return testsThatReach(file, TESTS, importGraph(TESTS, (path) => FILES[path]));
}

Deno.test("testsThatReach() puts the nearest first and follows workers, but no types", () => {
  assert.deepEqual(reach("src/a.ts"), ["tests/near_test.ts", "tests/worker_test.ts"]);
  assert.deepEqual(reach("src/b.ts"), ["tests/far_test.ts", "tests/near_test.ts", "tests/worker_test.ts"]);
});

Deno.test("testsThatReach() finds none for a file that nothing imports", () => {
  assert.deepEqual(reach("src/c.ts"), []);
});
