/** A copy of the tree in which mistakes are made and tests run. */

import { dirname, join } from "node:path";

export type Result = "passed" | "failed" | "timeout";

/** The additional time for tests compared with a run without a mistake, which may make them wait. */
const SLOWER = 3;
const GRACE = 10_000;

export class Sandbox implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param files Paths of all that belongs to the tree. */
  static async make(root: string, files: readonly string[]): Promise<Sandbox> {
    const directory = await Deno.makeTempDir({ prefix: "sluice-mutate-" });
    for (const file of files) {
      const target = join(directory, file);
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.copyFile(join(root, file), target);
    }
    return new Sandbox(directory);
  }

  write(file: string, text: string): void {
    Deno.writeTextFileSync(join(this.#directory, file), text);
  }

  /** @param took Their time without a mistake, in milliseconds; undefined if unknown. */
  async test(tests: readonly string[], took?: number): Promise<Result> {
    const seconds = took === undefined ? 600 : Math.ceil((took * SLOWER + GRACE) / 1000);
    const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
    // It also ends processes that the tests have started.
    const { code } = await new Deno.Command("timeout", {
      args: [
        "--kill-after=1",
        String(seconds),
        Deno.execPath(),
        "test",
        "--quiet",
        "--no-check",
        "--fail-fast",
        "-A",
        ...importMap ? ["--import-map", join(this.#directory, "tests/offline/import_map.json")] : [],
        ...tests,
      ],
      cwd: this.#directory,
      env: {
        NO_COLOR: "1",
        ...importMap ? { SLUICE_IMPORT_MAP: join(this.#directory, "tests/offline/import_map.json") } : {},
      },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    if (code === 0) return "passed";
    return code === 124 || code === 137 ? "timeout" : "failed";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}
