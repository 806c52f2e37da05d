import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "@std/yaml/parse";
import { decodeConfig } from "../../../src/config/decode.ts";
import { assertRefused, EXAMPLE, INVALID, problemsIn, VALID } from "../../support/config_examples.ts";
import { type Finished, runSluice } from "../../support/program/program.ts";

/** The placeholders of secrets. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  UPSTREAMS_MEMCACHED_HEALTH_CHECK_SEND: "version\r\n",
  UPSTREAMS_MEMCACHED_HEALTH_CHECK_EXPECT: "VERSION ",
  UPSTREAMS_PRIMARY_HEALTH_CHECK_HTTP_BODY_CONTAINS: '"state": "running"',
  UPSTREAMS_MAIL_HEALTH_CHECK_SCRIPT_1_SEND: "EHLO sluice.internal\r\n",
  UPSTREAMS_MAIL_HEALTH_CHECK_SCRIPT_2_EXPECT_CONTAINS: "250 ",
  UPSTREAMS_MAIL_HEALTH_CHECK_SCRIPT_3_SEND: "QUIT\r\n",
  UPSTREAMS_MAIL_HEALTH_CHECK_SCRIPT_4_EXPECT: "221",
};

/** Programs that run at once: starting one keeps a core busy. */
const AT_ONCE = 3;

Deno.test("sluice check and -c report every problem of a configuration, with code 2, and start nothing", async () => {
  const files = ["everything_at_once.yaml", "yaml_repeated_key.yaml", "empty.yaml"].map((name) =>
    join(INVALID, name)
  );
  const results = await runAll(files.flatMap((file) => [["check", file], ["-c", file, "--print-ready"]]));
  for (const [index, result] of results.entries()) await assertRefused(result, files[index >> 1]!);
});

Deno.test("sluice check prints every setting of config.example.yaml, as a configuration that means the same", async () => {
  const first = await runSluice(["check", EXAMPLE]);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stderr, "");
  assert.match(first.stdout, /\n# ok\n$/);
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

Deno.test("sluice check prints threads, shutdown times and when the file is reloaded", async () => {
  const { stdout } = await runSluice(["check", join(VALID, "threads.yaml")]);
  assert.match(stdout, /^workers: auto # one thread for each CPU\n/);
  assert.match(stdout, /^shutdown:\n {2}drain: 1m\n {2}delay: 5s\n\nreload:\n {2}watch: true\n/m);
});

Deno.test("a missing configuration is an error that names it, with code 2", async () => {
  const missing = join(VALID, "no_such_file.yaml");
  for (const result of await runAll([["check", missing], ["-c", missing, "--print-ready"]])) {
    assert.deepEqual(problemsIn(result), [`Cannot read "${missing}": no such file, check the path`]);
    assert.equal(result.stdout, "");
    assert.equal(result.code, 2);
  }
});

Deno.test("a directory as configuration is an error, with code 2", async () => {
  for (const result of await runAll([["check", VALID], ["-c", VALID, "--print-ready"]])) {
    const [problem, ...others] = problemsIn(result);
    assert.ok(problem!.startsWith(`Cannot read "${VALID}": `), problem);
    assert.deepEqual(others, []);
    assert.equal(result.stdout, "");
    assert.equal(result.code, 2);
  }
});

Deno.test({
  name:
    "a configuration that may not be read is an error that names it, with code 2 (needs Unix, and not root)",
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

/** Runs sluice once with each list of arguments, a few at once. */
async function runAll(commands: readonly string[][]): Promise<Finished[]> {
  const results: Finished[] = [];
  const waiting = commands.entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [index, args] of waiting) results[index] = await runSluice(args);
  }));
  return results;
}
