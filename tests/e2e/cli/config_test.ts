import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "@std/yaml/parse";
import { decodeConfig } from "../../../src/config/decode.ts";
import { type Finished, runSluice } from "../../support/program/program.ts";

const INVALID = fileURLToPath(new URL("../../config/invalid/", import.meta.url));
const VALID = fileURLToPath(new URL("../../config/valid/", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../../../config.example.yaml", import.meta.url));

/** What stands in place of what may be secret. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  UPSTREAMS_MEMCACHED_HEALTH_CHECK_SEND: "version\r\n",
  UPSTREAMS_MEMCACHED_HEALTH_CHECK_EXPECT: "VERSION ",
};

/** Programs that run at once: starting one keeps a core busy. */
const AT_ONCE = 3;

Deno.test("check reports every problem of every invalid configuration, with code 2", async () => {
  const files = yamlFiles(INVALID);
  assert.ok(files.length >= 79, `only ${files.length} files`);
  const results = await runAll(files.map((file) => ["check", file]));
  for (const [index, file] of files.entries()) await assertRefused(results[index]!, file);
});

Deno.test("-c reports the same, starts nothing and prints nothing", async () => {
  const files = ["everything_at_once.yaml", "yaml_repeated_key.yaml", "empty.yaml"].map((name) =>
    join(INVALID, name)
  );
  const results = await runAll(files.map((file) => ["-c", file, "--print-ready"]));
  for (const [index, file] of files.entries()) await assertRefused(results[index]!, file);
});

Deno.test("check says ok to every valid configuration and to config.example.yaml", async () => {
  // Certificates are read, too; tests/interop has some.
  const files = [...yamlFiles(VALID).filter((file) => !file.endsWith("tls.yaml")), EXAMPLE];
  assert.ok(files.length >= 20, `only ${files.length} files`);
  const results = await runAll(files.map((file) => ["check", file]));
  for (const [index, file] of files.entries()) {
    const { code, stdout, stderr } = results[index]!;
    assert.equal(stderr, "", file);
    assert.match(stdout, /\n# ok\n$/, file);
    assert.equal(code, 0, file);
  }
});

Deno.test("check prints every setting of config.example.yaml, and what it prints is the same configuration", async () => {
  const first = await runSluice(["check", EXAMPLE]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^ {4}upstream: redis\.internal:6380 # node:net, node:tls$/m);
  const source = await Deno.readTextFile(EXAMPLE);
  const environment = (name: string) => ENVIRONMENT[name];
  const config = decodeConfig(parse(source), { environment, file: EXAMPLE });
  assert.deepEqual(decodeConfig(parse(first.stdout), { environment }), config);
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, first.stdout);
    const second = await runSluice(["check", file], { env: ENVIRONMENT });
    assert.deepEqual(second, first);
    const unset = await runSluice(["check", file]);
    assert.equal(unset.code, 2);
    assert.match(unset.stderr, /Cannot expand "\$\{UPSTREAMS_MEMCACHED_HEALTH_CHECK_SEND\}"/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("check prints how many threads run, what a stop waits for and when the file is read again", async () => {
  const { stdout } = await runSluice(["check", join(VALID, "threads.yaml")]);
  assert.match(stdout, /^workers: auto # one thread for each CPU\n/);
  assert.match(stdout, /^shutdown:\n {2}drain: 1m\n {2}delay: 5s\n\nreload:\n {2}watch: true\n/m);
});

Deno.test("a missing configuration is named, with code 2", async () => {
  const missing = join(VALID, "no_such_file.yaml");
  for (const result of await runAll([["check", missing], ["-c", missing, "--print-ready"]])) {
    assert.deepEqual(problemsIn(result), [`Cannot read "${missing}": no such file, check the path`]);
    assert.equal(result.stdout, "");
    assert.equal(result.code, 2);
  }
});

Deno.test("a directory is no configuration, with code 2", async () => {
  for (const result of await runAll([["check", VALID], ["-c", VALID, "--print-ready"]])) {
    const [problem, ...others] = problemsIn(result);
    assert.ok(problem!.startsWith(`Cannot read "${VALID}": `), problem);
    assert.deepEqual(others, []);
    assert.equal(result.stdout, "");
    assert.equal(result.code, 2);
  }
});

Deno.test({
  name: "a configuration that may not be read is named, with code 2 (needs Unix, and not root)",
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: async () => {
    const file = await Deno.makeTempFile({ suffix: ".yaml" });
    try {
      await Deno.writeTextFile(file, "services: [{ name: a, listen: 0, upstream: db:1 }]\n");
      await Deno.chmod(file, 0);
      const result = await runSluice(["check", file]);
      assert.deepEqual(problemsIn(result), [
        `Cannot read "${file}": permission denied, let the user that runs sluice read it`,
      ]);
      assert.equal(result.code, 2);
    } finally {
      await Deno.remove(file);
    }
  },
});

Deno.test("variables of the configuration come from the environment of the program", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(
      file,
      "services: [{ name: a, listen: 127.0.0.1:0, upstream: '${SLUICE_TEST_UPSTREAM}' }]\n",
    );
    const unset = await runSluice(["check", file]);
    assert.equal(unset.code, 2);
    assert.match(unset.stderr, /services\[0\]\.upstream: Cannot expand "\$\{SLUICE_TEST_UPSTREAM\}"/);
    const set = await runSluice(["check", file], { env: { SLUICE_TEST_UPSTREAM: "db.internal:5432" } });
    assert.equal(set.code, 0, set.stderr);
    assert.match(set.stdout, /^ {4}upstream: db\.internal:5432 /m);
  } finally {
    await Deno.remove(file);
  }
});

/** Asserts that the program wrote exactly the `# expect:` lines of `file`. */
async function assertRefused(result: Finished, file: string): Promise<void> {
  const expected = (await Deno.readTextFile(file)).split("\n")
    .filter((line) => line.startsWith("# expect: "))
    .map((line) => line.slice("# expect: ".length));
  assert.ok(expected.length > 0, `${file} expects nothing`);
  assert.deepEqual(problemsIn(result).sort(), expected.sort(), file);
  assert.ok(result.stderr.startsWith(`sluice: Cannot use the configuration "${file}":\n`), result.stderr);
  assert.equal(result.stdout, "", file);
  assert.equal(result.code, 2, file);
}

/** The problems on stderr, without their places: every line but the first, which names the file. */
function problemsIn({ stderr }: Finished): string[] {
  return stderr.trimEnd().split("\n").slice(1).map((line) =>
    line.replace(/^ {2}(\S+?\.yaml:\d+:\d+: )?/, "")
  );
}

/** Runs sluice once with each list of arguments, a few at once. */
async function runAll(commands: readonly string[][]): Promise<Finished[]> {
  const results: Finished[] = [];
  const waiting = commands.entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [index, args] of waiting) results[index] = await runSluice(args);
  }));
  return results;
}

function yamlFiles(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".yaml")).sort().map((name) => join(directory, name));
}
