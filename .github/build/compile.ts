/**
 * Compiles sluice into one executable: `deno task compile [--target TRIPLE] [--output FILE] [--lock FILE]`.
 *
 * With a lock file, of which a release has one, the packages are exactly those in it. deno.json has none, because npm and
 * JSR choose in a checkout. The commit goes into the executable too, for `sluice version`.
 *
 * `deno compile` fetches the runtime that it puts the program into from Deno's download host. Where that cannot be
 * reached, `--check` goes through everything else: the deno executable takes the place of the runtime, the
 * stand-ins of tests/offline are allowed, and the file that comes out, which is no program, is deleted. Both ways
 * make sure that every file under src is in the executable.
 */

import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PERMISSIONS } from "./permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Indent, branch, name and size, as in `│ ├── conn.ts (1.2KB - 1.1KB unique)`. */
const TREE_LINE = /^((?:[│ ] )*)[├└]─([─┬]) (.+?)(?: \([\d.]+[KMG]?B(?: - [^)]*)?\))?\s*$/;

/** Read by src/cli/version.ts. */
const COMMIT = "dist/commit";

interface Options {
  readonly check: boolean;
  readonly target: string | undefined;
  readonly output: string;
  readonly lock: string | undefined;
  /** The import map of the stand-ins, or "" for the real packages. */
  readonly importMap: string;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: string[]): Promise<number> {
  try {
    const options = readOptions(args);
    const commit = await writeCommit();
    const output = await compile(options);
    try {
      requireAll([...await filesBelow("src"), commit], embeddedFiles(output));
    } finally {
      if (options.check) await Deno.remove(options.output);
    }
    say(
      options.check
        ? `Checked: ${options.output} was a test of the pipeline, not a usable program, and is deleted`
        : `Compiled: ${options.output}`,
    );
    return 0;
  } catch (error) {
    say(`error: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      check: { type: "boolean" },
      target: { type: "string" },
      output: { type: "string" },
      lock: { type: "string" },
    },
  });
  const check = values.check ?? false;
  const importMap = Deno.env.get("SLUICE_IMPORT_MAP") ?? "";
  if (importMap && !check) {
    throw new Error(
      "An executable is only built from the real packages of JSR; --check tests the rest of the way",
    );
  }
  const windows = values.target?.includes("windows") ?? Deno.build.os === "windows";
  const output = values.output ?? join("dist", `sluice${check ? "-check" : ""}${windows ? ".exe" : ""}`);
  return { check, target: values.target, output: resolve(ROOT, output), lock: values.lock, importMap };
}

/** Writes the commit of the checkout into a file, which is empty if there is none; returns its path. */
async function writeCommit(): Promise<string> {
  const git = await new Deno.Command("git", {
    args: ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output().catch(() => undefined);
  await Deno.mkdir(join(ROOT, "dist"), { recursive: true });
  await Deno.writeFile(join(ROOT, COMMIT), git?.success ? git.stdout : new Uint8Array());
  return COMMIT;
}

/** The arguments of `deno`. With a lock file, a package that is not in it is an error. */
export function compileArguments({ target, output, lock, importMap }: Omit<Options, "check">): string[] {
  return [
    "compile",
    "--config",
    "deno.json",
    ...importMap ? ["--import-map", importMap] : [],
    ...target ? ["--target", target] : [],
    ...lock ? ["--lock", lock, "--frozen"] : [],
    ...PERMISSIONS,
    "--exclude-unused-npm", // the tests' packages stay out
    "--include",
    "src", // workers and assets are no imports
    "--include",
    COMMIT,
    "--output",
    output,
    "main.ts",
  ];
}

/** Runs `deno compile` and returns what it printed. */
async function compile({ check, ...options }: Options): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: compileArguments(options),
    cwd: ROOT,
    env: { NO_COLOR: "1", ...check ? { DENORT_BIN: Deno.execPath() } : {} },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  process.stderr.write(printed);
  if (code !== 0) throw new Error(`deno compile ended with ${code}`);
  return printed;
}

/**
 * The paths in the tree that `deno compile` prints, relative to the root; `dir/*` is a directory with all its files:
 *
 *     Embedded Files
 *
 *     sluice
 *     ├── main.ts (1.2KB)
 *     ├─┬ src (1.4KB)
 *     │ ├── net/* (20KB)
 *     │ └── version.ts (118B)
 *     └── tests/offline/std_cli.ts (238B - 200B unique)
 */
export function embeddedFiles(printed: string): string[] {
  const [, tree] = printed.split(/^Embedded Files\s*$/m);
  if (tree === undefined) throw new Error("deno compile did not list the embedded files");
  const files: string[] = [];
  const directories: string[] = [];
  for (const line of tree.split("\n")) {
    const [, indent, branch, path] = TREE_LINE.exec(line) ?? [];
    if (indent === undefined || path === undefined) continue;
    directories.length = indent.length / 2;
    if (branch === "┬") directories.push(path);
    else files.push([...directories, path].join("/"));
  }
  return files;
}

/** The files below a directory of the repository, relative to the root. */
async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, directory), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) =>
    resolve(entry.parentPath, entry.name)
  );
  return files.map((file) => file.slice(ROOT.length).replaceAll("\\", "/"));
}

function requireAll(files: readonly string[], embedded: readonly string[]): void {
  const whole = embedded.filter((path) => path.endsWith("/*")).map((path) => path.slice(0, -1));
  const missing = files.filter((file) =>
    !embedded.includes(file) && !whole.some((directory) => file.startsWith(directory))
  );
  if (files.length === 0) throw new Error("There is nothing under src");
  if (missing.length > 0) throw new Error(`Not in the executable: ${missing.join(", ")}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
