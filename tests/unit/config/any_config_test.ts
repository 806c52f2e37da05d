/** Any file, and any options of a program, give a configuration or problems with positions, and quickly. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { configKeys } from "../../../src/config/schema/keys.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import { ConfigFile } from "../../../src/config/load.ts";

/** The time limit for one text, in milliseconds: a hundred times the longest, for busy machines. */
const SOON = 5000;

const RUNS = Number(Deno.env.get("SLUICE_FUZZ_RUNS") ?? 300);

const KEYS = [...configKeys().keys(), "x-base", "<<", "constructor", "__proto__"];

/** Parts of configurations, and texts that break them. */
const PIECES = [
  ...[
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "\n  - ",
    ": ",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    '"',
    "|",
    ">",
    "#",
  ],
  ...[
    "\t",
    " ",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!!binary ",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\\",
    "\0",
    "\ufeff",
  ],
  ...[
    "5000",
    "db:5432",
    "0",
    "1",
    "true",
    "null",
    "~",
    "10.0.0.0/8",
    "5s",
    "64KiB",
    "unix:/a",
    "unix:@a",
    "[::1]:5",
    "$",
    "${A}",
  ],
  ...[
    "${A:-b}",
    "${",
    "@a",
    "http://a",
    "*",
    "name: a",
    "listen: 1",
    "services:",
    "upstreams:",
    "endpoints:",
  ],
];

const texts = await exampleTexts();

/** A file of the tests with parts removed, doubled, or replaced. */
const mutated = fc.record({
  text: fc.constantFrom(...texts),
  edits: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(12),
      insert: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 })),
    }),
    { minLength: 1, maxLength: 6 },
  ),
}).map(({ text, edits }) =>
  edits.reduce((edited, { at, remove, insert }) => {
    const start = Math.floor(at * edited.length);
    return edited.slice(0, start) + insert + edited.slice(start + remove);
  }, text)
);

const puzzled = fc.array(fc.constantFrom(...PIECES, ...KEYS), { maxLength: 40 }).map((pieces) =>
  pieces.join("")
);

/** Documents with known keys, at valid and invalid places. */
const { document } = fc.letrec<{ document: unknown }>((tie) => ({
  document: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom<unknown>(...PIECES), fc.nat(70_000)),
    fc.array(tie("document"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("document"), { maxKeys: 6 }),
  ),
}));

const configLike = fc.record({
  services: fc.oneof(
    fc.array(fc.dictionary(fc.constantFrom(...KEYS), document, { maxKeys: 8 }), { maxLength: 3 }),
    document,
  ),
  upstreams: document,
  defaults: document,
  log: document,
  admin: document,
}, { requiredKeys: [] });

Deno.test("ConfigFile.load() gives a configuration or problems with places, whatever the text", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, puzzled, fc.string({ maxLength: 60 })), async (text) => {
        await Deno.writeTextFile(path, text);
        const before = performance.now();
        await new ConfigFile(path, (name) => name === "A" ? "value" : undefined).load().catch((error) =>
          checkError(error, text)
        );
        assert.ok(performance.now() - before < SOON, "took too long");
      }),
      { numRuns: RUNS },
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("decodeConfig() gives a configuration or problems, whatever the value", () => {
  const values = fc.oneof(configLike, document, fc.jsonValue(), fc.anything());
  fc.assert(
    fc.property(values, (value) => {
      for (const environment of [undefined, () => "value"]) {
        try {
          decodeConfig(value, environment === undefined ? {} : { environment });
        } catch (error) {
          checkError(error);
        }
      }
    }),
    { numRuns: RUNS },
  );
});

Deno.test("decodeOptions() gives a configuration or problems, whatever the value", () => {
  const values = fc.oneof(configLike, document, fc.jsonValue());
  fc.assert(
    fc.property(values, (value) => {
      try {
        decodeOptions(value as ProxyOptions);
      } catch (error) {
        checkError(error);
      }
    }),
    { numRuns: RUNS },
  );
});

/** @param text The file, in which every problem must have its position. */
function checkError(error: unknown, text?: string): void {
  if (!(error instanceof ConfigError)) throw error;
  assert.ok(error.problems.length > 0);
  for (const { path, message, position } of error.problems) {
    assert.match(message, /^[^\n]+$/);
    if (text === undefined) continue;
    if (position === undefined) {
      assert.ok(path === "" || text.trim() === "", `no place: ${path}: ${message}`);
      continue;
    }
    const lines = text.replace(/^\ufeff/, "").split("\n");
    assert.ok(position.line >= 1 && position.line <= lines.length, `line ${position.line}: ${message}`);
    const { length } = lines[position.line - 1]!;
    assert.ok(position.column >= 1 && position.column <= length + 1, `column ${position.column}: ${message}`);
    // An excerpt contains the line, or is empty.
    error.lineOf({ path, message, position });
  }
}

async function exampleTexts(): Promise<string[]> {
  const folders = ["../../config/valid/", "../../config/invalid/"].map((folder) =>
    new URL(folder, import.meta.url)
  );
  const files = folders.flatMap((folder) =>
    [...Deno.readDirSync(folder)].map(({ name }) => new URL(name, folder))
  );
  return await Promise.all(files.map((file) => Deno.readTextFile(file)));
}
