/**
 * Tests of several files in one module each: `launch.ts test --grouped [flags] PATH...`. Deno loads every file of tests
 * with all that it imports into an isolate of its own. That takes longer than most files of unit tests take to run, and
 * a tenth of the time of tests that start the program.
 */

import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** More save little: the rest of a file's time is its tests. Fewer groups keep the processors less busy at the end. */
const FILES_OF_GROUP = 8;

/** Files that import those of tests, until it is disposed of. */
export class TestGroups implements AsyncDisposable {
  /** The arguments of `deno test` that run them. */
  readonly args: readonly string[];
  readonly #folder: string;

  private constructor(folder: string, args: readonly string[]) {
    this.#folder = folder;
    this.args = args;
  }

  /**
   * @param args Flags of `deno test`, of which `--ignore=PATH,...` is done here, and files or folders, from `root`.
   * @throws {Deno.errors.NotFound} when one does not exist.
   */
  static async write(args: readonly string[], root: string): Promise<TestGroups> {
    const isIgnore = (arg: string) => arg.startsWith("--ignore=");
    const ignored = args.filter(isIgnore).flatMap((arg) => arg.slice("--ignore=".length).split(","))
      .map((path) => resolve(root, path));
    const paths = args.filter((arg) => !arg.startsWith("-")).map((path) => resolve(root, path));
    const files = (await Promise.all(paths.map((path) => filesIn(path, ignored)))).flat();
    const folder = await Deno.makeTempDir({ prefix: "sluice-tests-" });
    const groups = Array.from({ length: Math.ceil(files.length / FILES_OF_GROUP) }, (_, index) => ({
      path: join(folder, `group_${String(index).padStart(3, "0")}_test.ts`),
      members: files.slice(index * FILES_OF_GROUP, (index + 1) * FILES_OF_GROUP),
    }));
    for (const { path, members } of groups) {
      const urls = [
        new URL("./global_guard.ts", import.meta.url),
        ...members.map((file) => pathToFileURL(file)),
      ];
      await Deno.writeTextFile(path, urls.map(({ href }) => `import ${JSON.stringify(href)};\n`).join(""));
    }
    const flags = args.filter((arg) => arg.startsWith("-") && !isIgnore(arg));
    return new TestGroups(folder, [...flags, ...groups.map(({ path }) => path)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The files of tests at a path, in alphabetical order. */
async function filesIn(path: string, ignored: readonly string[]): Promise<string[]> {
  if (ignored.includes(path)) return [];
  if ((await Deno.stat(path)).isFile) return [path];
  const found: string[] = [];
  const entries = await Array.fromAsync(Deno.readDir(path));
  for (const { name, isDirectory } of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    if (isDirectory) found.push(...await filesIn(join(path, name), ignored));
    else if (name.endsWith("_test.ts")) found.push(join(path, name));
  }
  return found.filter((file) => !ignored.includes(file));
}
