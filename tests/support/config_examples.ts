/** The configurations of tests/config, and the expected output of `sluice check`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Finished } from "./program/program.ts";

export const INVALID = fileURLToPath(new URL("../config/invalid/", import.meta.url));
export const VALID = fileURLToPath(new URL("../config/valid/", import.meta.url));
export const EXAMPLE = fileURLToPath(new URL("../../config.example.yaml", import.meta.url));

/** Paths of the configurations in a directory, sorted. */
export function yamlFiles(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".yaml")).sort().map((name) => join(directory, name));
}

/** Asserts that the program wrote exactly the `# expect:` lines of `file`. */
export async function assertRefused(result: Finished, file: string): Promise<void> {
  const expected = (await Deno.readTextFile(file)).split("\n")
    .filter((line) => line.startsWith("# expect: "))
    .map((line) => line.slice("# expect: ".length));
  assert.ok(expected.length > 0, `${file} expects nothing`);
  assert.deepEqual(problemsIn(result).sort(), expected.sort(), file);
  assert.ok(result.stderr.startsWith(`sluice: Cannot use the configuration "${file}":\n`), result.stderr);
  assert.equal(result.stdout, "", file);
  assert.equal(result.code, 2, file);
}

/** The problems on stderr, without their positions: every line except the first, which names the file. */
export function problemsIn({ stderr }: Finished): string[] {
  return stderr.trimEnd().split("\n").slice(1).map((line) =>
    line.replace(/^ {2}(\S+?\.yaml:\d+:\d+: )?/, "")
  );
}
