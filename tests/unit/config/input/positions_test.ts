/** The positions of the problems of a configuration, and the excerpts of the text. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../../../src/config/config_error.ts";
import { maskSecrets } from "../../../../src/config/config_error.ts";
import { formatPath, parsePath } from "../../../../src/config/input/key_path.ts";
import { ConfigFile } from "../../../../src/config/load.ts";
import { type Fault, positionsOf } from "../../../../src/config/input/positions.ts";
import { atOnce } from "../../../../src/config/input/steps.ts";

/** The position of the mark `^`, which is not part of the text: `line:column`. */
function marked(text: string): { readonly text: string; readonly place: string } {
  const before = text.slice(0, text.indexOf("^")).split("\n");
  return { text: text.replace("^", ""), place: `${before.length}:${before.at(-1)!.length + 1}` };
}

const PLACES: [text: string, path: string, fault?: Fault][] = [
  ["a: ^1\n", "a"],
  ["^a: 1\n", "a", "key"],
  ["a:\n  b:\n    c: ^x\n", "a.b.c"],
  ["a:\n  - b: 1\n  - b: ^2\n", "a[1].b"],
  ["a: [x, { b: ^2 }]\n", "a[1].b"],
  ["a: [1, ^2, 3,]\n", "a[1]"],
  ["a:\n  - 1\n  ^-\n", "a[1]"],
  ["# b\n\na: # c\n  - ^1\n  # d\n  - 2\n", "a[0]"],
  ["a:\n  - 1\n  # d\n  - ^2\n", "a[1]"],
  ["^a:\n  b: 1\n", "a"],
  ["^a:\n  - 1\n", "a"],
  ["a: ^{ b: 1 }\n", "a"],
  ["a: ^[1]\n", "a"],
  ["a:\n  ^b:\n", "a.b"],
  ["a: ^|\n  text\n", "a"],
  ["a: ^>-\n  text\n", "a"],
  ['"a": ^"x"\n', "a"],
  ["'it''s': ^1\n", '["it\'s"]'],
  ['"\\u0061": ^1\n', "a"],
  ["? a\n: ^1\n", "a"],
  ["a: &x ^1\n", "a"],
  ["a: !!str ^1\n", "a"],
  ["---\na: ^1\n", "a"],
  ["%YAML 1.2\n---\na: ^1\n...\n", "a"],
  ["a: 1\r\nb: ^2\r\n", "b"],
  ["{ a: 1, b: ^2 }", "b"],
  ['{"a": {"b": [1, ^2]}}', "a.b[1]"],
  // A missing key has the position of its parent.
  ["services:\n  - ^name: a\n    listen: 1\n", "services[0].upstream"],
  ["services:\n  ^tls:\n    cert: a\n", "services.tls.key"],
  ["services: [^{ name: a }]\n", "services[0].upstream"],
  ["^a: 1\n", "services"],
  ["^a: 1\n", "services[3].name.x"],
  // Aliases and merge keys.
  ["a: 1\nb: *^x\n".replace("*^", "^*"), "b"],
  ["x: &x { c: ^1 }\nb: *x\n", "b.c"],
  ["x: &x\n  c: ^1\nb: *x\n", "b.c"],
  ["l:\n  - &x\n    c: ^1\n  - <<: *x\n    d: 2\n", "l[1].c"],
  ["l:\n  - &x { c: 1, d: 1 }\n  - { <<: *x, d: ^2 }\n", "l[1].d"],
  ["x: &x { c: 1 }\ny: &y { d: ^1 }\nb: { <<: [*x, *y] }\n", "b.d"],
  ["x: &x { c: ^1 }\ny: &y { <<: *x }\nb: { <<: *y }\n", "b.c"],
  ["x: &x 1\nb: { <<: ^*x }\n", 'b["<<"]'],
  ["x: &x { c: 1 }\ny: &x { c: ^2 }\nz: *x\nw: &x { c: 3 }\n", "z.c"],
  ["a: &a { b: ^*a }\n", "a.b"],
];

for (const [text, path, fault] of PLACES) {
  Deno.test(`Positions.find() finds ${path} (${fault ?? "value"}) in ${JSON.stringify(text)}`, () => {
    const { text: yaml, place } = marked(text);
    const position = atOnce(positionsOf(yaml)).find(parsePath(path), fault)!;
    assert.equal(`${position.line}:${position.column}`, place);
  });
}

Deno.test("Positions.find() returns the length of what is there", () => {
  const lengthAt = (text: string, path: string) => atOnce(positionsOf(text)).find(parsePath(path))!.length;
  assert.equal(lengthAt("a: hello world # no\n", "a"), "hello world".length);
  assert.equal(lengthAt('a: "hello\n  world"\n', "a"), '"hello'.length);
  assert.equal(lengthAt("abc:\n", "abc"), "abc".length);
  assert.equal(lengthAt("abc: [1,2]\n", "abc"), 1);
});

Deno.test("Positions.find() gives a place or none in any text, for any path", () => {
  const key = fc.oneof(fc.nat(3), fc.constantFrom("a", "b", "<<"));
  const part = fc.constantFrom(
    "a",
    "b",
    ": ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    "*a",
    "&a ",
    "<<: ",
    "'",
    '"',
    "|",
    "#",
    ",",
    "? ",
  );
  const texts = fc.oneof(fc.string(), fc.array(part).map((parts) => parts.join("")));
  fc.assert(fc.property(texts, fc.array(key, { maxLength: 4 }), (text, path) => {
    const position = atOnce(positionsOf(text)).find(path);
    if (position === undefined) return;
    const { line, column } = position;
    assert.ok(line >= 1 && line <= text.split("\n").length, `line ${line}`);
    assert.ok(column >= 1 && column <= text.split("\n")[line - 1]!.length + 1, `column ${column}`);
  }));
});

Deno.test("parsePath() reads what formatPath() writes", () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.nat(), fc.string())), (path) => {
    assert.deepEqual(parsePath(formatPath(path)), path);
  }));
});

Deno.test("ConfigFile.load() names the second of two equal keys", async () => {
  const error = await problemsOf("services:\n  - name: a\n    listen: 1\n    name: b\n");
  assert.deepEqual(error.lines, ["sluice.yaml:4:5: Cannot parse YAML: this key is already in the mapping"]);
});

Deno.test("ConfigFile.load() gives every problem its place, in the order of the file", async () => {
  const error = await problemsOf(`x: 1
log: { level: loud }
services:
  - name: a
    listen: \${SLUICE_UNSET}
    upstream: "db:\${SLUICE_PORT:-x}"
  - name: a
    listen: 0
    upstream: db:1
    tls:
      cert: a.pem
`);
  assert.deepEqual(error.lines, [
    'sluice.yaml:1:1: x: Unknown key "x": expected one of workers, faults, seed, log, shutdown, reload, limits, defaults, ' +
    "upstreams, admin, services",
    'sluice.yaml:2:15: log.level: Expected "debug", "info", "warn" or "error", got "loud"',
    'sluice.yaml:5:13: services[0].listen: Cannot expand "${SLUICE_UNSET}": the environment variable is not set, ' +
    "set it or write ${SLUICE_UNSET:-default}",
    'sluice.yaml:6:15: services[0].upstream: Expected an address such as "db.internal:5432", got the value of ' +
    '"db:${SLUICE_PORT:-x}"',
    'sluice.yaml:7:11: services[1].name: Cannot use the name "a" twice: services[0].name is the same',
    'sluice.yaml:10:5: services[1].tls.key: Missing key "key": expected the path of a file with the private key ' +
    "of cert",
  ]);
});

Deno.test("ConfigFile.locate() finds one of two places that a problem can have", async () => {
  await withFile(
    "services:\n  - { name: a, listen: 0, upstream: 'a:1', tls: { certificates: [{ cert: c, key: k }] } }\n",
    async (path) => {
      const file = new ConfigFile(path, () => undefined);
      await file.load();
      const problem = {
        path: "services[0].tls.key",
        otherwise: "services[0].tls.certificates[0].key",
        message: "No",
      };
      const { problems: [located] } = await file.locate(new ConfigError([problem]));
      assert.equal(located?.path, problem.otherwise);
      assert.deepEqual(located?.position, { line: 2, column: 82, length: 1 });
    },
  );
});

Deno.test("ConfigError lists the first problems, and says how many there are more", () => {
  const problems = Array.from({ length: 53 }, (_, index) => ({ path: `a[${index}]`, message: "No" }));
  const error = new ConfigError(problems);
  assert.equal(error.problems.length, 53);
  assert.equal(error.lines.length, 51);
  assert.equal(error.lines.at(-1), "and 3 more problems");
  assert.match(error.message, /\n {2}and 3 more problems$/);
});

Deno.test("maskSecrets() shows a line without what may be secret", () => {
  const lineOf = (text: string, number = 1) => maskSecrets(text, number);
  assert.equal(lineOf("a: 1\r\nb: 2", 1), "a: 1");
  assert.equal(lineOf("a: 1\nb: 2", 2), "b: 2");
  assert.equal(lineOf("a: 1", 2), undefined);
  for (
    const line of [
      "token: hunter2",
      "{ listen: 1, token: 'hunter2', x: 1 }",
      '"token": hunter2',
      "x-token: &t hunter2",
      "TOKEN=hunter2",
    ]
  ) {
    assert.doesNotMatch(lineOf(line)!, /hunter2/);
    assert.match(lineOf(line)!, /…$/);
  }
  for (const before of ["token:", "token: |", "  token: >- # secret", "token:\n\n", "token:\r"]) {
    const text = `${before}\n  hunter2`;
    assert.equal(lineOf(text, text.split("\n").length), undefined, before);
  }
  assert.equal(lineOf("key: -----BEGIN PRIVATE KEY-----"), undefined);
  assert.equal(lineOf("  MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"), undefined);
});

async function problemsOf(text: string): Promise<ConfigError> {
  return await withFile(text, async (path) => {
    try {
      await new ConfigFile(path, () => undefined).load();
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return new ConfigError(error.problems, { file: "sluice.yaml" });
    }
    assert.fail("was accepted");
  });
}

async function withFile<Result>(text: string, use: (path: string) => Promise<Result>): Promise<Result> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, text);
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}
