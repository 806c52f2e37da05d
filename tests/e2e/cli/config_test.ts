import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Finished, runSluice } from "../../support/program/program.ts";

const INVALID = fileURLToPath(new URL("../../config/invalid/", import.meta.url));
const VALID = fileURLToPath(new URL("../../config/valid/", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../../../config.example.yaml", import.meta.url));

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
    assert.match(stdout, /\nok\n$/, file);
    assert.equal(code, 0, file);
  }
});

Deno.test("check prints who may come in, where clients go, and what the groups are", async () => {
  const { stdout } = await runSluice(["check", EXAMPLE]);
  const [databases, groups] = [linesFrom(stdout, /^databases: /), linesFrom(stdout, /^group pg: /)];
  assert.deepEqual(databases.slice(0, 6), [
    "databases: 127.0.0.1:7000-7010 (deno)",
    "  source_port 40000-40999, 41234 -> 10.0.0.7:5432 (deno)",
    "  source_ip 10.1.0.0/16, 2001:db8::/32",
    "  and listen_port 7001-7003      -> databases.routes[1] (deno)",
    "  listen_port 7010               -> databases.routes[2] (deno)",
    "  otherwise                      -> pg (deno)",
  ]);
  assert.deepEqual(linesFrom(stdout, /^guarded: /).slice(0, 13), [
    "guarded: 0.0.0.0:5433 (deno) -> 10.0.0.7:5432 (deno)",
    "  accept_proxy_protocol  from 10.0.0.0/8, timeout 3s",
    "  allow                  10.0.0.0/8, 192.168.1.7, 2001:db8::/32",
    "  deny                   10.9.9.9",
    "  limits                 connections 1000 (when_full refuse), connections_per_client 20,",
    "                         connects_per_second 200 (burst 400),",
    "                         connects_per_second_per_client 20 (burst 20), upload 10MB/s,",
    "                         download 10MB/s, lifetime 12h",
    "  send_proxy_protocol    v2",
    "tls-names: 0.0.0.0:443 (deno)",
    "  peek  timeout 3s, max_bytes 16KiB",
    "  sni shop.example.com, *.shop.example.com and alpn h2 -> shop.internal:443 (deno)",
    "  sni mail.example.com                                 -> mail.internal:443 (deno)",
  ]);
  assert.equal(stdout.split("\n")[0], "admin: 127.0.0.1:9000");
  assert.deepEqual(linesFrom(stdout, /^towards-tls: /).slice(0, 3), [
    "towards-tls: 127.0.0.1:6379 (deno) -> redis.internal:6380 (node:net, node:tls)",
    "  upstream_tls    ca of Deno, server_name redis.internal",
    "  source_address  10.0.0.3",
  ]);
  assert.deepEqual(groups.slice(0, 6), [
    "group pg: round_robin, up to 3 attempts in 10s, on_down keep",
    "  10.0.0.5:5432  weight 1",
    "  10.0.0.6:5432  weight 1",
    "  health_check   interval 5s, timeout 2s, rise 2, fall 3",
    "  passive        failures 5, window 10s, eject 30s",
    "  pool           warm, max_idle 8, max_idle_time 5s",
  ]);
});

Deno.test("check prints how many threads run, what a stop waits for and when the file is read again", async () => {
  const { stdout } = await runSluice(["check", join(VALID, "threads.yaml")]);
  assert.deepEqual(stdout.split("\n").slice(0, 3), [
    "threads: one per CPU",
    "reload: on SIGHUP, and when the file changes",
    "shutdown: delay 5s, drain 1m",
  ]);
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
    assert.match(set.stdout, /-> db\.internal:5432 /);
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

/** The lines of a text from the first that looks like `start`. */
function linesFrom(text: string, start: RegExp): string[] {
  const lines = text.split("\n");
  return lines.slice(lines.findIndex((line) => start.test(line)));
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
