/** The package for its users: the published files, the documentation, and a project that imports it. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../../../deno.json" with { type: "json" };
import { readPages } from "../../support/docs/page.ts";
import { importing } from "../../support/docs/section.ts";
import { JsrRegistry } from "../../support/jsr_registry.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

Deno.test("the package can be published, with every module it needs and without slow types", async () => {
  await using registry = new JsrRegistry();
  const files = await publishedFiles(registry);
  for (const file of ["main.ts", "deno.json", "README.md", "LICENSE", "src/admin/page/page.html"]) {
    assert.ok(files.includes(file), `${file} is not published`);
  }
  assert.deepEqual(files.filter((file) => /^(tests|docs|dist|\.)/.test(file)), []);
});

Deno.test("main.ts documents everything that it exports", async () => {
  await using registry = new JsrRegistry();
  await deno(registry, ROOT, ["doc", "--lint", "main.ts"]);
});

Deno.test("main.ts has an example for everything that it exports, and the examples run", async () => {
  await using registry = new JsrRegistry();
  const { nodes } = JSON.parse(await deno(registry, ROOT, ["doc", "--json", "main.ts"])) as Documentation;
  const symbols = Object.values(nodes).flatMap(({ symbols }) => symbols);
  assert.ok(symbols.length > 30, `only ${symbols.length} symbols`);
  const declarations = symbols.flatMap(({ name, declarations }) =>
    declarations.map(({ jsDoc, location }) => ({ name, file: fileURLToPath(location.filename), jsDoc }))
  );
  // The parts of the options are in the example of the whole.
  const others = declarations.filter(({ name, file }) =>
    !file.endsWith("/options.ts") || name === "ProxyOptions"
  );
  const without = others.filter(({ jsDoc }) => !jsDoc?.tags?.some(({ kind }) => kind === "example"));
  assert.deepEqual(without.map(({ name }) => name), []);
  const files = new Set(others.map(({ file }) => file));
  // `deno task types` checks their types, with those of all other examples in comments.
  await deno(registry, ROOT, ["test", "--doc", "--no-check", "--allow-all", "main.ts", ...files]);
});

const PROGRAM = `
await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:1" }] });
const figures: ServiceFigures[] = proxy.figures();
console.log(proxy.services[0]?.listen.length, figures[0]?.name);
`;

Deno.test("a project imports the checkout by its path, and has the right types with the compiler's default options", async () => {
  await using registry = new JsrRegistry();
  await using project = await Project.create(ROOT);
  const pages = readPages().flatMap(({ path, blocks }) =>
    blocks.filter(({ language }) => language === "ts").map(({ code, line }) => ({
      name: `${path.replaceAll(/\W/g, "_")}_${line}.ts`,
      code: importing(code),
    }))
  );
  assert.ok(pages.length >= 4, `only ${pages.length} programs in README.md and docs`);
  await project.hasRightTypes(registry, [
    { name: "program.ts", code: programImporting(join(ROOT, "main.ts")) },
    ...pages,
  ]);
  await project.runs(registry, join(ROOT, "main.ts"));
});

// The types are those of the test above, which takes ten seconds to check them.
Deno.test("a project links the checkout, and maps its name", async () => {
  await using registry = new JsrRegistry();
  await using project = await Project.create(ROOT);
  await project.runs(registry, "sluice");
});

Deno.test("a project links a copy of the published files, and uses nothing else of the checkout", async () => {
  await using registry = new JsrRegistry();
  const copy = await Deno.makeTempDir({ prefix: "sluice-package-" });
  try {
    for (const file of await publishedFiles(registry)) {
      await Deno.mkdir(dirname(join(copy, file)), { recursive: true });
      await Deno.copyFile(join(ROOT, file), join(copy, file));
    }
    await using project = await Project.create(copy);
    // `deno publish` has checked that no file is missing, those with nothing but types too.
    await project.runs(registry, "sluice");
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});

/** The part of what `deno doc --json` prints that is read here. */
interface Documentation {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly DocumentedSymbol[] }>>;
}

interface DocumentedSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly location: { readonly filename: string };
    readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] };
  }[];
}

/** A folder outside the checkout with a configuration of its own. */
class Project implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param linked The folder that is `@sluice/sluice` for this project. */
  static async create(linked: string): Promise<Project> {
    const folder = await Deno.makeTempDir({ prefix: "sluice-project-" });
    const { name, version } = denoJson;
    const config = { links: [linked], imports: { sluice: `jsr:${name}@^${version}` } };
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(config));
    return new Project(folder);
  }

  /** Checks the types of all programs at once: most of the time goes into those that they import. */
  async hasRightTypes(
    registry: JsrRegistry,
    programs: readonly { name: string; code: string }[],
  ): Promise<void> {
    for (const { name, code } of programs) await Deno.writeTextFile(join(this.#folder, name), code);
    await deno(registry, this.#folder, [
      "check",
      "--quiet",
      "--no-lock",
      ...programs.map(({ name }) => name),
    ]);
  }

  /** Runs a program that imports a proxy from `specifier`. */
  async runs(registry: JsrRegistry, specifier: string): Promise<void> {
    await Deno.writeTextFile(join(this.#folder, "program.ts"), programImporting(specifier));
    const args = ["run", "--no-check", "--no-lock", "--allow-all", "program.ts"];
    assert.equal(await deno(registry, this.#folder, args), "1 db\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function programImporting(specifier: string): string {
  return `import { type ServiceFigures, startProxy } from ${JSON.stringify(specifier)};\n${PROGRAM}`;
}

/** The paths of all files that would be published, from the root. Slow types are errors; other tests check the types. */
async function publishedFiles(registry: JsrRegistry): Promise<string[]> {
  const args = ["publish", "--dry-run", "--allow-dirty", "--no-check"];
  const output = await deno(registry, ROOT, args, "stderr");
  const files = [...output.matchAll(/^\s+(file:\S+) \([\d.]+\w+\)$/gm)].map(([, url]) => fileURLToPath(url!));
  assert.ok(files.length > 100, output);
  return files.map((file) => file.slice(ROOT.length));
}

/** Runs deno, which must succeed; returns its output. */
async function deno(
  registry: JsrRegistry,
  cwd: string,
  args: string[],
  from: "stdout" | "stderr" = "stdout",
): Promise<string> {
  const env = { JSR_URL: registry.url, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const output = await new Deno.Command(Deno.execPath(), { args, cwd, env, stdin: "null" }).output();
  const stderr = new TextDecoder().decode(output.stderr);
  assert.ok(output.success, `deno ${args.join(" ")}:\n${stderr}`);
  return from === "stderr" ? stderr : new TextDecoder().decode(output.stdout);
}
