/** Checks the layout of the source: which folders may import which and call what, sizes, and that all exports are used. */

import assert from "node:assert/strict";
import ts from "typescript";
import { codeOf, cycleIn, exportsOf, importsOf, readSources, resolved, ROOT, type Source } from "./source.ts";

const MAX_LINES = 300;
const MAX_FUNCTION_LINES = 50;
/** Functions that are one list, and longer than others. */
const LISTS = ["src/admin/page/events/event_text.js: describeEvent", "src/admin/page/page.ts: pageFiles"];
/** Generated files, of any length. */
const GENERATED = "src/config/options.ts";
/** What programs outside import. */
const ENTRIES = ["main.ts", "src/npm/start_sluice.ts", GENERATED];
/** A folder with more files than this needs rooms inside. */
const MAX_FILES = 22;
const VAGUE_NAMES = ["utils", "helpers", "common", "mod", "index"];

/** What each folder may import, besides itself. `types` is for type-only imports; config's are free for all. */
const MAY_IMPORT: Record<string, { code: string[]; types?: string[] }> = {
  wire: { code: [] },
  files: { code: [] },
  shared: { code: [] },
  faults: { code: ["wire", "net/timers/sleep.ts"] },
  net: { code: ["wire", "files"] },
  // Requests to ACME servers: no sockets and no files of its own.
  acme: { code: ["wire"] },
  relay: { code: ["net", "faults"] },
  observe: { code: ["files", "shared", "net/errors.ts", "net/linked_list.ts"] },
  config: {
    code: [
      "wire",
      "files",
      "faults",
      "net/address.ts",
      "net/timers/pause.ts",
      "upstream/balance/registry.ts",
    ],
  },
  upstream: { code: ["wire/quoted.ts", "net", "shared", "observe"] },
  proxy: { code: ["wire", "shared", "faults", "net", "relay", "observe", "config", "upstream"] },
  admin: { code: ["observe"] },
  runtime: {
    code: [
      "wire",
      "files",
      "shared",
      "faults",
      "net",
      "acme",
      "relay",
      "observe",
      "config",
      "upstream",
      "proxy",
      "admin",
    ],
  },
  // The Gateway API: a controller for a proxy that is handed to it.
  gateway: { code: ["net", "observe", "config", "upstream/discovery"] },
  // Runs in Node.js.
  npm: { code: ["runtime/library"], types: ["admin", "observe"] },
  cli: {
    code: [
      "files",
      "config",
      "runtime",
      "gateway",
      "net/address.ts",
      "upstream/discovery/kubernetes/service_account.ts",
      "upstream/discovery/token_file.ts",
    ],
    types: ["observe", "admin"],
  },
  main: {
    code: [
      "cli",
      "runtime",
      "config",
      "net/socket/listen_error.ts",
      "observe/log/access_file.ts",
    ],
    types: ["observe", "admin/backend.ts"],
  },
};

/** Names that only files below one of `only` may use. */
const RESERVED: { what: string; pattern: RegExp; only: string[] }[] = [
  {
    what: "opens sockets",
    pattern: /\bDeno\.(listen|connect|listenTls|connectTls|startTls)\b/,
    only: ["src/net/"],
  },
  { what: "makes HTTP clients", pattern: /\bDeno\.createHttpClient\b/, only: ["src/net/", "src/cli/"] },
  { what: "serves HTTP", pattern: /\bDeno\.serve\b/, only: [] },
  { what: "handles signals", pattern: /\b(add|remove)SignalListener\b/, only: ["src/runtime/"] },
  { what: "starts workers", pattern: /\bnew Worker\b/, only: ["src/runtime/"] },
  { what: "ends the program", pattern: /\bDeno\.exit(Code)?\b/, only: ["main.ts"] },
  { what: "prints", pattern: /\bconsole\b/, only: ["src/cli/", "src/observe/telemetry/exported_log.ts"] },
  { what: "uses Deno", pattern: /\bDeno\b/, only: ["main.ts", ...foldersBut("wire")] },
  // Browsers have none: the page names it in a text.
  {
    what: "hides which part of Deno it uses",
    pattern: /\bDeno\b(?!\.)(?<!" in Deno)/,
    only: ["src/admin/page/"],
  },
];

/** Outside modules that only some files may import. */
const RESERVED_MODULES: { module: RegExp; only: string[] }[] = [
  { module: /^(node:)?(net|tls)$/, only: ["src/net/", "src/wire/ip/cidr.ts"] },
  { module: /^(node:)?https?$/, only: ["src/admin/"] },
  { module: /^@std\/log(\/|$)/, only: ["src/observe/log/log.ts"] },
  { module: /^(jsr:|https?:)/, only: [] },
];

Deno.test("the source follows its layout", () => {
  const sources = readSources();
  assert.ok(sources.length >= 40, `only ${sources.length} files`);
  assert.ok(sources.flatMap(({ text }) => importsOf(text)).length >= 100);
  assert.deepEqual(violations(sources), []);
});

Deno.test("the check of the layout finds violations", () => {
  const found = (path: string, text: string) =>
    violations([{ path, text }]).map((line) => line.split(": ")[1]);
  assert.deepEqual(found("src/net/a.ts", 'import { A } from "../proxy/b.ts";'), ["imports src/proxy/b.ts"]);
  assert.deepEqual(found("src/net/a.ts", 'export * from "../config/b.ts";'), ["imports src/config/b.ts"]);
  assert.deepEqual(found("src/net/a.ts", 'import {\n  type A,\n  b,\n} from "../config/b.ts";').length, 1);
  assert.deepEqual(found("src/net/a.ts", 'const a = await import("../config/b.ts");').length, 1);
  assert.deepEqual(found("src/wire/a.ts", 'import "../net/b.ts";').length, 1);
  assert.deepEqual(found("src/config/a.ts", 'import { A } from "../net/conn.ts";').length, 1);
  assert.deepEqual(found("src/cli/a.ts", 'import { A } from "../observe/ledger.ts";').length, 1);
  assert.deepEqual(found("src/cli/a.ts", 'import { A } from "../../tests/a.ts";').length, 1);
  assert.deepEqual(found("src/new/a.ts", "").length, 1);
  assert.deepEqual(found("src/proxy/a.ts", 'import { connect } from "node:net";').length, 1);
  assert.deepEqual(found("src/observe/b.ts", 'import { Logger } from "@std/log";').length, 1);
  assert.deepEqual(found("src/observe/b.ts", 'import { Logger } from "@std/log/logger";').length, 1);
  assert.deepEqual(found("src/proxy/a.ts", "Deno.listen({ port: 0 });"), ["opens sockets"]);
  assert.deepEqual(found("src/proxy/a.ts", "const { exit } = Deno;"), ["hides which part of Deno it uses"]);
  assert.deepEqual(found("src/proxy/a.ts", 'if ("listen" in Deno) f();'), []);
  assert.deepEqual(found("src/net/a.ts", "Deno.exit(1);"), ["ends the program"]);
  assert.deepEqual(found("src/net/a.ts", 'Deno.addSignalListener("SIGINT", f);'), ["handles signals"]);
  assert.deepEqual(found("src/net/a.ts", "new Worker(url);"), ["starts workers"]);
  assert.deepEqual(found("src/net/a.ts", "Deno.serve(f);"), ["serves HTTP"]);
  assert.deepEqual(found("src/net/a.ts", 'const a = "// no comment"; console.log(a);'), ["prints"]);
  assert.deepEqual(found("src/wire/a.ts", "Deno.pid;"), ["uses Deno"]);
  assert.deepEqual(found("src/net/utils.ts", ""), ["has a name that says nothing"]);
  assert.deepEqual(found("src/net/a.ts", "\n".repeat(MAX_LINES + 1)), [`has more than ${MAX_LINES} lines`]);

  assert.deepEqual(found("src/net/a.ts", '// console.log("a")\n/* Deno.exit() */'), []);
  assert.deepEqual(found("src/net/a.ts", 'const a = "console";'), []);
  assert.deepEqual(found("src/net/a.ts", 'import type { A } from "../config/b.ts";'), []);
  assert.deepEqual(found("src/net/a.ts", 'import { type A, type B } from "../config/b.ts";'), []);
  assert.deepEqual(found("src/cli/a.ts", 'import type { A } from "../observe/ledger.ts";'), []);

  const [cycle] = violations([
    { path: "src/proxy/a.ts", text: 'import { b } from "./b.ts";' },
    { path: "src/proxy/b.ts", text: 'import { a } from "./a.ts";' },
  ]);
  assert.equal(
    cycle,
    "src/proxy/a.ts: is in an import cycle: src/proxy/a.ts -> src/proxy/b.ts -> src/proxy/a.ts",
  );
});

Deno.test("no function has more lines than the limit, except lists", () => {
  assert.deepEqual(readSources().flatMap(longFunctions).sort(), LISTS);
});

Deno.test("the check of the length of functions finds long ones", () => {
  const found = (text: string) => longFunctions({ path: "src/net/a.ts", text });
  const lines = (count: number) => "\n  b();".repeat(count);
  assert.deepEqual(found(`function a() {${lines(MAX_FUNCTION_LINES - 2)}\n}`), []);
  assert.deepEqual(found(`function a() {${lines(MAX_FUNCTION_LINES - 1)}\n}`), ["src/net/a.ts: a"]);
  const within = `class A {\n  #b() {\n${lines(MAX_FUNCTION_LINES)}\n}\n  c = () => {${
    lines(MAX_FUNCTION_LINES)
  }};\n}`;
  assert.deepEqual(found(within), ["src/net/a.ts: #b", "src/net/a.ts: c"]);
  assert.deepEqual(found(`a(() => {${lines(MAX_FUNCTION_LINES)}});`), [
    "src/net/a.ts: a function without a name",
  ]);
});

Deno.test("every export of the source is imported", () => {
  const sources = readSources();
  const importers = ["tests", ".github/build"].flatMap((folder) => readSources(`${ROOT}${folder}`));
  assert.deepEqual(unusedExports(sources, [...sources, ...importers]), []);
});

Deno.test("the check of exports finds those that nothing imports", () => {
  const found = (text: string, importer: string) =>
    unusedExports([{ path: "src/net/a.ts", text }], [{ path: "src/net/b.ts", text: importer }]);
  const all = "export const a = 1;\nexport async function b() {}\nexport class C {}\nexport type D = 1;\n" +
    'export { e, type F as G } from "./e.ts";';
  assert.deepEqual(found(all, "").map((line) => line.split(" ").at(-1)), ["a", "b", "C", "D", "e", "G"]);
  assert.deepEqual(found(all, 'import { a, b as other, type C, e, type G } from "./a.ts";'), [
    "src/net/a.ts: nothing imports D",
  ]);
  assert.deepEqual(found(all, 'import type { a, b, C, D, e, G } from "./a.ts";'), []);
  assert.deepEqual(found(all, 'import * as all from "./a.ts";'), []);
  assert.deepEqual(found(all, 'const { a } = await import("./a.ts");'), []);
  assert.deepEqual(found("export interface A { a: 1 }\nfunction f(a: A) {}", ""), []);
});

Deno.test("the list of balancing policies, which config imports, reaches no more than policies and shared state", () => {
  const reached = reachedFrom("src/upstream/balance/registry.ts");
  assert.ok(reached.length > 4);
  assert.deepEqual(reached.filter((path) => !/^src\/(upstream\/balance|shared)\//.test(path)), []);
});

Deno.test("a worker thread loads no schema: it gets a configuration that is decoded", () => {
  const reached = reachedFrom("src/runtime/worker/worker.ts");
  assert.ok(reached.length > 200);
  assert.deepEqual(reached.filter((path) => path === "zod" || path.startsWith("src/config/schema/")), []);
});

Deno.test("main.ts loads little before it catches signals, and the command line little before it knows the command", () => {
  const first = reachedFrom("main.ts", { atOnce: true });
  const second = reachedFrom("src/cli/main.ts", { atOnce: true });
  assert.ok(first.length > 10 && first.length < 40, `${first.length} modules`);
  assert.ok(second.length > 30 && second.length < 70, `${second.length} modules`);
  assert.deepEqual(first.filter((path) => path === "zod"), []);
  assert.deepEqual(second.filter((path) => /^(node:(?!path$)|src\/proxy\/)/.test(path)), []);
});

Deno.test("no folder of src has more files than the limit", () => {
  const folders = Map.groupBy(readSources(), ({ path }) => path.slice(0, path.lastIndexOf("/")));
  assert.ok(folders.size >= 20, `only ${folders.size} folders`);
  const full = [...folders].filter(([, files]) => files.length > MAX_FILES).map(([folder]) => folder);
  assert.deepEqual(full, []);
});

Deno.test("architecture.md lists every folder of src and which others it may import", () => {
  const text = Deno.readTextFileSync(new URL("../../docs/architecture.md", import.meta.url));
  const [, section] = /\n## Rooms\n([^]*?)\n## /.exec(text)!;
  const rows = [...section!.matchAll(/^\| `(?:src\/)?([\w.]+)` *\|[^|]*\|([^|]*)\|$/gm)];
  const listed = rows.map(([, folder, cell]) => {
    const words = [...cell!.matchAll(/`(\w+)[^`]*`/g)].map(([, word]) => word!);
    const named = words.filter((word) => word in MAY_IMPORT);
    const others = Object.keys(MAY_IMPORT).filter((name) => !["main", "runtime", ...named].includes(name));
    return [folder!.replace(".ts", ""), (cell!.includes("everything but") ? others : named).sort()];
  });
  const allowed = Object.entries(MAY_IMPORT).map((
    [folder, { code }],
  ) => [folder, [...new Set(code.map((path) => path.split("/")[0]!))].sort()]);
  assert.deepEqual(Object.fromEntries(listed), Object.fromEntries(allowed));
});

Deno.test("the allowed imports of folders have no cycle", () => {
  const graph = new Map(
    Object.entries(MAY_IMPORT).map((
      [folder, { code }],
    ) => [folder, code.filter((name) => name in MAY_IMPORT)]),
  );
  assert.equal(cycleIn(graph), undefined);
  assert.deepEqual(cycleIn(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]])), ["b", "c", "b"]);
});

/** A file, and the files and packages that it loads, at once or later. */
function reachedFrom(start: string, { atOnce = false } = {}): string[] {
  const sources = new Map(readSources().map(({ path, text }) => [path, text]));
  const reached = new Set<string>();
  const visit = (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { module, typeOnly, isDynamic } of importsOf(sources.get(path) ?? "")) {
      if (!typeOnly && !(atOnce && isDynamic)) {
        visit(module.startsWith(".") ? resolved(path, module) : module);
      }
    }
  };
  visit(start);
  return [...reached];
}

function violations(sources: readonly Source[]): string[] {
  const found = sources.flatMap((source) => violationsIn(source).map((what) => `${source.path}: ${what}`));
  const graph = new Map(sources.map(({ path, text }) => {
    const code = importsOf(text).filter(({ typeOnly }) => !typeOnly);
    return [path, code.map(({ module }) => resolved(path, module))];
  }));
  const cycle = cycleIn(graph);
  return cycle === undefined
    ? found
    : [...found, `${cycle[0]}: is in an import cycle: ${cycle.join(" -> ")}`];
}

function longFunctions({ path, text }: Source): string[] {
  if (text.split("\n").length <= MAX_FUNCTION_LINES) return [];
  const found: string[] = [];
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const lineAt = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  const visit = (node: ts.Node, parent: ts.Node) => {
    if (ts.isFunctionLike(node) && lineAt(node.end) - lineAt(node.getStart(file)) >= MAX_FUNCTION_LINES) {
      const { name } = node.name === undefined ? parent as ts.NamedDeclaration : node;
      found.push(`${path}: ${name?.getText(file) ?? "a function without a name"}`);
    }
    ts.forEachChild(node, (child) => visit(child, node));
  };
  visit(file, file);
  return found;
}

function unusedExports(sources: readonly Source[], importers: readonly Source[]): string[] {
  const imports = importers.flatMap(({ path, text }) =>
    importsOf(text).map(({ module, names }) => ({ path: resolved(path, module), names }))
  );
  const byPath = Map.groupBy(imports, ({ path }) => path);
  return sources.filter(({ path }) => !ENTRIES.includes(path)).flatMap(({ path, text }) => {
    const used = byPath.get(path)?.map(({ names }) => names) ?? [];
    if (used.includes(undefined)) return [];
    const names = new Set(used.flat());
    return exportsOf(text).filter((name) => !names.has(name)).map((name) =>
      `${path}: nothing imports ${name}`
    );
  });
}

function violationsIn({ path, text }: Source): string[] {
  const found: string[] = [];
  const allowed = MAY_IMPORT[folderOf(path)];
  if (allowed === undefined) return [`is in a folder that the layout does not know`];
  if (path !== GENERATED && text.split("\n").length - 1 > MAX_LINES) {
    found.push(`has more than ${MAX_LINES} lines`);
  }
  if (VAGUE_NAMES.some((name) => path.endsWith(`/${name}.ts`))) found.push("has a name that says nothing");
  for (const { module, typeOnly } of importsOf(text)) {
    if (module.startsWith(".")) {
      const target = resolved(path, module);
      const folders = [
        folderOf(path),
        ...allowed.code,
        ...typeOnly ? ["config", ...allowed.types ?? []] : [],
      ];
      const fits = folders.some((folder) =>
        target === `src/${folder}` || target.startsWith(`src/${folder}/`)
      );
      if (!fits && !(target === "deno.json" && ["cli", "runtime"].includes(folderOf(path)))) {
        found.push(`imports ${target}`);
      }
    }
    const reserved = RESERVED_MODULES.find((rule) => rule.module.test(module));
    if (reserved && !startsLike(path, reserved.only)) found.push(`imports ${module}`);
  }
  const code = codeOf(text);
  for (const { what, pattern, only } of RESERVED) {
    if (pattern.test(code) && !startsLike(path, only)) found.push(what);
  }
  return found;
}

function folderOf(path: string): string {
  return path === "main.ts" ? "main" : path.split("/")[1]!;
}

function startsLike(path: string, starts: readonly string[]): boolean {
  return starts.some((start) => path.startsWith(start));
}

function foldersBut(...folders: string[]): string[] {
  return Object.keys(MAY_IMPORT).filter((folder) => !folders.includes(folder)).map((folder) =>
    `src/${folder}/`
  );
}
