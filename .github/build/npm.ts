/**
 * Builds the package for Node.js into dist/npm: `deno task npm`. It has the program, bundled; what starts it; and types.
 * Deno comes as a package of npm.
 *
 * Where JSR cannot be reached, `--check` takes the stand-ins of tests/offline: that package is for tests.
 */

import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import denoJson from "../../deno.json" with { type: "json" };
import { PERMISSIONS } from "./permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The name on npm: `sluice` itself belongs to others there. Only this line says it. */
export const PACKAGE = "@sluice-proxy/sluice";

/** The version of Deno that the tests run with. */
const DENO_VERSION = Deno.version.deno;

/** The program, and what its worker threads run. They share chunks, and load those of a command when it is used. */
const PROGRAM = ["main.ts", "src/runtime/worker/worker.ts"];

/** What runs in Node.js: one file each. */
const NODE_BUNDLES = [
  ["src/npm/bin.ts", "bin.js"],
  ["src/npm/start_sluice.ts", "test.js"],
] as const;

/**
 * How a bundle begins, for packages in CommonJS. Those require only what is built into Deno, and node:module, which this
 * would load in each thread, takes a twentieth of a start.
 */
const REQUIRE =
  /import \{ createRequire as (\w+) \} from "node:module";\nvar __require = \1\(import\.meta\.url\);/;
const REQUIRE_BUILT_IN = "var __require = (name) => process.getBuiltinModule(name);";

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const importMap = Deno.env.get("SLUICE_IMPORT_MAP") ?? "";
  const isCheck = args.includes("--check");
  if (importMap !== "" && !isCheck) {
    say("error: A package is only built from the real packages of JSR; --check builds one for tests");
    return 1;
  }
  const output = join(ROOT, "dist", isCheck ? "npm-check" : "npm");
  await Deno.remove(output, { recursive: true }).catch(() => {});
  await Deno.mkdir(output, { recursive: true });
  const program = join(output, "program");
  await bundle(PROGRAM, ["--code-splitting", "--outdir", program], importMap);
  for (const [source, target] of NODE_BUNDLES) {
    await bundle([source], ["--output", join(output, target)], importMap);
  }
  await finish(output, program);
  writeTypes(output);
  await Deno.writeTextFile(join(output, "package.json"), JSON.stringify(manifest(), undefined, 2) + "\n");
  for (const file of ["LICENSE"]) await Deno.copyFile(join(ROOT, file), join(output, file));
  await Deno.copyFile(join(ROOT, "docs", "npm.md"), join(output, "README.md"));
  say(`Built: ${output}`);
  return 0;
}

async function bundle(sources: string[], options: string[], importMap: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", ...importMap ? ["--import-map", importMap] : [], ...options, ...sources],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(`deno bundle ${sources.join(" ")}:\n${new TextDecoder().decode(stderr)}`);
}

/** What the bundler cannot know. */
async function finish(output: string, program: string): Promise<void> {
  const worker = 'import.meta.resolve("./worker.ts")';
  const built = 'import.meta.resolve("./src/runtime/worker/worker.js")'; // chunks are at the top
  let found = 0;
  for await (const { name, isFile } of Deno.readDir(program)) {
    if (!isFile) continue;
    await edit(join(program, name), (text) => {
      found += text.split(worker).length - 1;
      return text.replace(worker, built).replace(REQUIRE, REQUIRE_BUILT_IN);
    });
  }
  if (found !== 1) throw new Error(`the bundles have ${worker} ${found} times instead of once`);
  const permissions = `const PERMISSIONS = ${JSON.stringify(PERMISSIONS)};\n`;
  await edit(join(output, "bin.js"), (text) => `#!/usr/bin/env node\n${permissions}${text}`);
  await edit(join(output, "test.js"), (text) => permissions + text);
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
}

/** Declarations of `test.js`, and of all that they mention. */
function writeTypes(output: string): void {
  const entry = join(ROOT, "src/npm/start_sluice.ts");
  const program = ts.createProgram([entry], {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
    declaration: true,
    emitDeclarationOnly: true,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: true,
    strict: true,
    stripInternal: true,
    rootDir: join(ROOT, "src"),
    outDir: join(output, "types"),
  });
  // TypeScript leaves the extensions of imports in declarations as they are.
  const write = (path: string, text: string) =>
    ts.sys.writeFile(path, text.replaceAll(/(["'])(\.[^"']+)\.ts\1/g, "$1$2.js$1"));
  program.emit(undefined, write);
}

function manifest() {
  return {
    name: PACKAGE,
    version: denoJson.version,
    description: "A TCP proxy, and faults on demand for tests",
    license: denoJson.license,
    type: "module",
    bin: { sluice: "./bin.js" },
    exports: { "./test": { types: "./types/npm/start_sluice.d.ts", default: "./test.js" } },
    files: ["*.js", "program", "types"],
    engines: { node: ">=20" },
    dependencies: { deno: DENO_VERSION },
  };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
