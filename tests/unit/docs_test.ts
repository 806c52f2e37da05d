/** Compares README.md and docs with the code: links, paths, tasks, options, keys, codes and events. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { jsonSchemaText } from "../../.github/build/json_schema.ts";
import { ERROR_CODES } from "../../src/net/errors.ts";
import { parseCommand } from "../../src/cli/args.ts";
import { helpText, TOPICS } from "../../src/cli/help.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { PURPOSES } from "../support/docs/dependencies.ts";
import { RUN } from "../support/docs/examples.ts";
import { type Page, parsePage, readPages, ROOT } from "../support/docs/page.ts";
import { type Schema, schemaKeys } from "./config/schema_keys.ts";
import { importsOf, readSources } from "./source.ts";

const PAGES = readPages();
const README = PAGES.find(({ path }) => path === "README.md")!;

/** Languages that a block may have: those that run, those that another test reads, and pictures. */
const LANGUAGES = new Set([...RUN, "js", "http", "ini", "mermaid", ""]);
const PICTURES = new Set(["mermaid", ""]);

/** Events of normal operation. */
const NOTHING_WRONG: ReadonlySet<string> = new Set([
  "seed",
  "access_log_recovered",
  "acme_issued",
  "acme_listening",
  "acme_ordering",
  "acme_renewal_unknown",
  "acme_waits",
  "admin_listening",
  "toxiproxy_listening",
  "certificate_reloaded",
  "configuration_piped",
  "connection_accepted",
  "connection_connected",
  "discovery_recovered",
  "gateway_api_recovered",
  "draining",
  "endpoint_set",
  "failback",
  "failback_over",
  "rebalanced",
  "endpoints_changed",
  "group_up",
  "list_reloaded",
  "revocation_list_reloaded",
  "listening",
  "service_down",
  "ready",
  "stopped",
  "stopping",
  "stopping_soon",
  "taken_over",
  "thread_started",
]);

/** Options of other programs. */
const FOREIGN_OPTIONS = [
  "--unstable-net",
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--allow-run",
  "--allow-ffi",
  "--health-cmd",
  "--no-healthcheck",
  "--stop-timeout",
  "--cap-add",
  "--publish",
  "--trace-gc",
  "--trace-gc-nvp",
];

/** Blocks that cannot run in a test, and why. */
const SKIPPED: Readonly<Record<string, readonly string[]>> = {
  "README.md": ["it needs a release to download"],
  "docs/benchmarks.md": ["it takes 25 minutes"],
  "docs/deploy/container.md": [
    ...Array(3).fill("it needs a container engine and a release"),
    "it needs a container engine and an executable",
  ],
  "docs/deploy/install.md": Array(3).fill("it needs a release to download"),
  "docs/deploy/observe.md": ["it takes six minutes"],
  "docs/deploy/upgrade.md": ["it needs root"],
};

Deno.test("README.md fits into 250 lines", () => {
  assert.ok(README.text.split("\n").length <= 250, `${README.text.split("\n").length} lines`);
});

Deno.test("every link in README.md and docs leads somewhere", async () => {
  let links = 0;
  for (const { path, prose } of PAGES) {
    for (const [, target] of prose.matchAll(/(?:\]\(|src="|srcset=")([^)"]+)/g)) {
      if (/^https?:/.test(target!)) continue;
      const [file, anchor] = target!.split("#");
      const linked = file === "" ? path : join(dirname(path), file!);
      assert.ok(await exists(linked), `${path}: ${target}`);
      const page = PAGES.find((each) => each.path === linked);
      if (anchor !== undefined) assert.ok(page?.anchors.has(anchor), `${path}: ${target}`);
      links += 1;
    }
  }
  assert.ok(links >= 40, `only ${links} links`);
});

Deno.test("every page of docs has a link in README.md, those about deployment in their own", () => {
  const deploy = "docs/deploy/";
  const index = PAGES.find(({ path }) => path === `${deploy}README.md`)!;
  for (const { path } of PAGES.filter((page) => page !== README)) {
    const isBelow = path.startsWith(deploy) && path !== index.path;
    const isLinked = isBelow
      ? index.prose.includes(`](${path.slice(deploy.length)})`)
      : README.prose.includes(path);
    assert.ok(isLinked, path);
  }
});

Deno.test("every path of the repository in README.md and docs exists", async () => {
  let paths = 0;
  for (const { path, word } of words()) {
    if (!/^(src|tests|docs|\.ci|\.github)\/[\w./-]+$/.test(word)) continue;
    assert.ok(await exists(word), `${path}: ${word}`);
    paths += 1;
  }
  assert.ok(paths >= 20, `only ${paths} paths`);
});

Deno.test("security.md lists the packages that src imports", () => {
  const modules = readSources().flatMap(({ text }) => importsOf(text)).map(({ module }) => module);
  const outside = modules.filter((module) =>
    /^(@(?!sluice\/)|[a-z])/.test(module) && !module.startsWith("node:")
  );
  // The charts of the page are read as text by their path.
  const names = new Set(["uplot/", ...outside.map((module) => /^(@[^/]+\/[^/]+|[^/]+)/.exec(module)![0])]);
  names.delete("uplot");
  assert.deepEqual([...names].sort(), Object.keys(PURPOSES).sort());
});

Deno.test("every task in README.md and docs exists", () => {
  const named = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/deno(?:@[\d.]+)? task ([\w:]+)/g)].map(([, task]) => ({ path, task: task! }))
  );
  assert.ok(named.length >= 10, `only ${named.length} tasks`);
  for (const { path, task } of named) assert.ok(task in denoJson.tasks, `${path}: ${task}`);
});

Deno.test("every option in README.md and docs exists", async () => {
  const known = new Set([...await knownOptions(), ...FOREIGN_OPTIONS]);
  const named = words().flatMap(({ path, word }) =>
    /^(--[\w-]+|(sluice|deno task) .*)/.test(word)
      ? [...word.matchAll(/(?<!\S)--[a-z][\w-]*/g)].map(([option]) => ({ path, option }))
      : []
  );
  assert.ok(named.length >= 30, `only ${named.length} options`);
  for (const { path, option } of named) assert.ok(known.has(option), `${path}: ${option}`);
});

Deno.test("every key of the configuration in README.md and docs exists", () => {
  const paths = schemaKeys(JSON.parse(jsonSchemaText()) as Schema).map(({ path }) => `.${path.join(".")}`);
  const first = new Set(paths.flatMap((path) => path.split(".").slice(1, -1)));
  let keys = 0;
  for (const { path, word } of words()) {
    const key = word.replaceAll("[]", "");
    if (
      path === "docs/api.md" || key.endsWith(".ts") || !/^[a-z_]+(\.[a-z_]+)+$/.test(key) ||
      !first.has(key.split(".")[0]!)
    ) {
      continue;
    }
    assert.ok(paths.some((each) => each.endsWith(`.${key}`)), `${path}: ${word}`);
    keys += 1;
  }
  assert.ok(keys >= 30, `only ${keys} keys`);
});

Deno.test("logs.md has every event, and troubleshooting.md those of problems", () => {
  const [logs, troubleshooting] = ["docs/logs.md", "docs/troubleshooting.md"].map(wordsOf);
  const events = readSources().flatMap(({ text }) =>
    [...text.matchAll(/\bevent: "(\w+)"/g)].map(([, event]) => event!)
  );
  assert.ok(events.length >= 30, `only ${events.length} events`);
  assert.deepEqual(events.filter((event) => event !== "ready" && !logs!.has(event)), []);
  assert.deepEqual(events.filter((event) => !NOTHING_WRONG.has(event) && !troubleshooting!.has(event)), []);
});

Deno.test("logs.md has one row for each event", () => {
  const { text } = PAGES.find(({ path }) => path === "docs/logs.md")!;
  const [, section] = /\n## Events\n([^]*?)\n## /.exec(text)!;
  const rows = [...section!.matchAll(/^\|([^|]*)\|/gm)].slice(1).map(([, cell]) => cell!);
  const events = rows.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, event]) => event!));
  assert.ok(events.length >= 60, `only ${events.length} events`);
  assert.deepEqual(events.filter((event, index) => events.indexOf(event) !== index), []);
});

Deno.test("logs.md and troubleshooting.md have every code", () => {
  for (const path of ["docs/logs.md", "docs/troubleshooting.md"]) {
    const known = wordsOf(path);
    assert.deepEqual(ERROR_CODES.filter((code) => !known.has(code)), [], path);
  }
});

/** A program prints these in tests/e2e/docs/troubleshooting_test.ts: they are parts of several texts. */
const PRINTED = /\n## Discovery, ACME,[^]*?(?=\n## )/;

Deno.test("troubleshooting.md has only messages of the source", () => {
  const launcher = Deno.readTextFileSync(new URL("tests/offline/launch.ts", ROOT));
  const source = [launcher, ...readSources().map(({ text }) => text)].join("\n")
    // A text that continues in the next line.
    .replaceAll(/[`"]\s*\+\s*[`"]/g, "");
  const { text } = PAGES.find(({ path }) => path === "docs/troubleshooting.md")!;
  assert.match(text, PRINTED);
  const cells = [...text.replace(PRINTED, "").matchAll(/^\|([^|]*)\|/gm)].flatMap((
    [, cell],
  ) => [...cell!.matchAll(/`([^`]+)`/g)]);
  const fragments = cells.flatMap(([, message]) => /^[a-z_]+$/.test(message!) ? [] : message!.split(/…|"/))
    .map((fragment) => fragment.replaceAll(/^[ :]+|[ :]+$/g, "")).filter(({ length }) => length > 6);
  assert.ok(fragments.length >= 10, `only ${fragments.length} messages`);
  assert.deepEqual(fragments.filter((fragment) => !source.includes(fragment)), []);
});

Deno.test("every block runs in a test, but those that are listed, of which the page says so", async () => {
  const skipped: Record<string, string[]> = {};
  for (const { path, text, blocks } of PAGES) {
    const testOfPage = /^<!-- page: tested=(\S+) -->$/m.exec(text)?.[1];
    for (const { language, line, directives: { skip, tested = testOfPage }, code } of blocks) {
      const place = `${path}:${line}`;
      assert.ok(LANGUAGES.has(language), `${place}: ${language}`);
      if (skip !== undefined) {
        (skipped[path] ??= []).push(skip);
        const after = text.split("\n")[line + code.split("\n").length];
        assert.equal(after?.trim(), `_No test runs this: ${skip}._`, `${place}: what readers see of it`);
        if (language === "sh") checkUnrun(place, code);
      } else if (tested !== undefined) {
        assert.ok((await readText(tested)).includes(path), `${place}: ${tested} does not read ${path}`);
      } else {
        assert.ok(
          RUN.has(language) || PICTURES.has(language),
          `${place}: nothing tests a block of ${language}`,
        );
      }
    }
  }
  assert.deepEqual(skipped, SKIPPED);
});

/** Of commands that do not run, at least the options of sluice are right. */
function checkUnrun(place: string, code: string): void {
  for (const [, words] of code.replaceAll("\\\n", " ").matchAll(/^\s*(?:\S*\/)?sluice (.*)$/gm)) {
    assert.doesNotThrow(() => parseCommand(words!.trim().split(/\s+/)), place);
  }
}

Deno.test("parsePage() finds blocks with their directives, also inside lists, and refuses unknown ones", () => {
  const text =
    '# A b\n\n- c\n\n  <!-- example: exit=2 skip="d e" -->\n\n  ```sh\n  f\n  ```\n\n## A b\n\n```\ng\n```\n';
  const { anchors, blocks } = parsePage("a.md", text);
  assert.deepEqual([...anchors], ["a-b", "a-b-1"]);
  assert.deepEqual(blocks, [
    { section: 1, language: "sh", code: "f\n", line: 8, directives: { exit: "2", skip: "d e" } },
    { section: 2, language: "", code: "g\n", line: 14, directives: {} },
  ]);
  assert.throws(() => parsePage("a.md", "<!-- example: skpi -->"), /Unknown directive "skpi"/);
});

/** The texts in backquotes, outside of blocks. */
function words(pages: readonly Page[] = PAGES): { path: string; word: string }[] {
  return pages.flatMap(({ path, prose }) =>
    [...prose.matchAll(/`([^`]+)`/g)].map(([, word]) => ({ path, word: word!.replaceAll("\n", " ") }))
  );
}

function wordsOf(path: string): Set<string> {
  return new Set(words(PAGES.filter((page) => page.path === path)).map(({ word }) => word));
}

/** The options of sluice, of `deno task compile`, and of the tasks with a tests/*\/options.ts. */
async function knownOptions(): Promise<string[]> {
  const files = ["tests/bench", "tests/soak", "tests/fuzz", "tests/mutate"].map((path) =>
    `${path}/options.ts`
  );
  const texts = await Promise.all([
    ...TOPICS.map(helpText),
    ...[...files, ".github/build/compile.ts", ".github/build/install.sh"].map(readText),
  ]);
  return texts.flatMap((text) => [...text.matchAll(/--[a-z][\w-]*/g)].map(([option]) => option));
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(new URL(path, ROOT)).then(() => true, () => false);
}

async function readText(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, ROOT));
}
