import assert from "node:assert/strict";
import { join } from "node:path";
import denoJson from "../../../deno.json" with { type: "json" };
import { namesIn } from "../../support/program/directory.ts";
import { runSluice, Sluice, sluiceCommand } from "../../support/program/program.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";

Deno.test({
  name: "the program runs with the permissions of the executable alone (not with SLUICE_BIN)",
  ignore: Deno.env.get("SLUICE_BIN") !== undefined,
  fn: () => {
    const permissions = sluiceCommand().filter((part) =>
      /^(-A|-P|--(allow|deny|permission|no-prompt))/.test(part)
    );
    assert.deepEqual(permissions.sort(), [
      "--allow-env",
      "--allow-net",
      "--allow-read",
      "--allow-sys",
      "--allow-write",
      "--no-prompt",
    ]);
  },
});

for (
  const { args, first } of [
    { args: ["--help"], first: "sluice: a TCP proxy" },
    { args: ["help"], first: "sluice: a TCP proxy" },
    {
      args: ["check", "--help"],
      first: "Usage: sluice check FILE | sluice check --ready URL [--timeout DURATION]",
    },
    {
      args: ["help", "check"],
      first: "Usage: sluice check FILE | sluice check --ready URL [--timeout DURATION]",
    },
    { args: ["demo", "--help"], first: "Usage: sluice demo [--for DURATION]" },
  ]
) {
  Deno.test(`sluice ${args.join(" ")} prints help and ends with code 0`, async () => {
    const { code, stdout, stderr } = await runSluice(args);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    assert.equal(stdout.split("\n")[0], first);
    assert.match(stdout, /\nExit codes: 0 |\nOptions:\n/);
  });
}

Deno.test("sluice --version prints the version of deno.json", async () => {
  const { code, stdout, stderr } = await runSluice(["--version"]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.indexOf("\n"), stdout.length - 1);
  assert.ok(stdout.startsWith(`sluice ${denoJson.version} (deno `), stdout);
});

Deno.test("sluice version --json prints the version, the commit, Deno, V8 and the target", async () => {
  const { code, stdout, stderr } = await runSluice(["version", "--json"]);
  assert.equal(code, 0, stderr);
  const { commit, ...others } = JSON.parse(stdout);
  assert.match(String(commit), /^(null|[0-9a-f]{40}(-dirty)?)$/);
  const executable = Deno.env.get("SLUICE_BIN") !== undefined;
  const { deno, v8 } = Deno.version;
  assert.deepEqual(others, { version: denoJson.version, deno, v8, target: Deno.build.target, executable });
});

Deno.test("sluice completions and sluice man print what can be installed, and name mistakes", async () => {
  const [bash, man, unknown, more] = await Promise.all(
    [["completions", "bash"], ["man"], ["completions", "fich"], ["man", "page"]].map((args) =>
      runSluice(args)
    ),
  );
  assert.match(bash!.stdout, /\ncomplete -F _sluice sluice\n$/);
  assert.match(man!.stdout, /^\.TH SLUICE 1 /);
  assert.deepEqual([bash!.code, man!.code, unknown!.code, more!.code], [0, 0, 2, 2]);
  assert.equal(
    unknown!.stderr,
    'sluice: Unknown shell "fich": did you mean "fish"?\nSee sluice completions --help\n',
  );
  assert.equal(
    more!.stderr,
    'sluice: Unknown argument "page": sluice man takes none\nSee sluice man --help\n',
  );
});

for (
  const { args, message, help } of [
    { args: [], message: "Nothing to do: give -c FILE, or listen=upstream", help: "sluice --help" },
    { args: ["--bogus", "0=1"], message: 'Unknown option "--bogus"', help: "sluice --help" },
    {
      args: ["chekc", "a.yaml"],
      message: 'Unknown argument "chekc": did you mean "check"?',
      help: "sluice --help",
    },
    { args: ["a.yaml"], message: "to run a configuration: sluice -c a.yaml", help: "sluice --help" },
    { args: ["-c", "a.yaml", "0=1"], message: 'Cannot use "0=1" together with -c', help: "sluice --help" },
    {
      args: ["--log-level", "loud", "0=1"],
      message: 'Cannot use "loud" for --log-level',
      help: "sluice --help",
    },
    { args: ["check"], message: "No file given: sluice check FILE", help: "sluice check --help" },
    { args: ["demo", "--for", "soon"], message: 'Cannot use "soon" for --for', help: "sluice demo --help" },
  ]
) {
  Deno.test(
    `sluice ${args.join(" ")}`.trimEnd() + " says what is wrong with it and ends with code 2",
    async () => {
      const { code, stdout, stderr } = await runSluice(args);
      assert.ok(stderr.startsWith("sluice: "), stderr);
      assert.ok(stderr.includes(message), stderr);
      assert.ok(stderr.endsWith(`\nSee ${help}\n`), stderr);
      assert.equal(stdout, "");
      assert.equal(code, 2);
    },
  );
}

Deno.test("a quick form that cannot be used names the argument and ends with code 2", async () => {
  const { code, stdout, stderr } = await runSluice(["0=db", "70000=1", "--print-ready"]);
  assert.match(stderr, /\n {2}0=db: Cannot parse address "db"/);
  assert.match(stderr, /\n {2}70000=1: Cannot parse port "70000"/);
  assert.equal(stdout, "");
  assert.equal(code, 2);
});

Deno.test("the quick form takes several services, and a port for an upstream on 127.0.0.1", async () => {
  await using first = upstream(echo);
  await using second = upstream(async (conn) => await writeText(conn, "second"));
  await using sluice = await Sluice.start([`0=${first.port}`, `127.0.0.1:0=${second.address}`]);
  assert.deepEqual(sluice.ready.services.map((service) => service.name), ["0", "127.0.0.1:0"]);
  using toFirst = await connect(sluice.port(0));
  await writeText(toFirst, "first");
  assert.equal(await readText(toFirst, 5), "first");
  using toSecond = await connect(sluice.port(1));
  assert.equal(await readText(toSecond, 6), "second");
});

Deno.test("flags override the configuration", async () => {
  await using sluice = await Sluice.withConfig(
    "log: { level: error, format: text }\nservices: [{ name: test, listen: 0, upstream: '127.0.0.1:1' }]\n",
    ["--log-level", "info", "--log-format", "json"],
  );
  assert.equal(JSON.parse(await sluice.logged("listening")).event, "listening");
});

Deno.test("--ready-file gets the line of stdout, and replaces an earlier file in one step", async () => {
  const directory = await Deno.makeTempDir();
  const [path, kept] = [join(directory, "ready.json"), join(directory, "kept.json")];
  await Deno.writeTextFile(path, "an old one");
  // A second name of the old file: writing into it instead of replacing it would show here.
  await Deno.link(path, kept);
  await using sluice = await Sluice.start(["0=1", "--ready-file", path]);
  const written = await Deno.readTextFile(path);
  assert.deepEqual(JSON.parse(written), sluice.ready);
  assert.equal(await Deno.readTextFile(kept), "an old one");
  assert.deepEqual(await namesIn(directory), [
    "kept.json",
    "ready.json",
  ]);
  assert.equal((await sluice.stop()).stdout, written, "stdout has one line, the same as the file");
  await Deno.remove(directory, { recursive: true });
});

Deno.test({
  name: "--ready-file alone prints nothing on stdout (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const path = await Deno.makeTempFile();
    const [command, ...prefix] = sluiceCommand();
    await using child = new Deno.Command(command, {
      args: [...prefix, "0=1", "--ready-file", path],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // It heeds signals from its first line on, and writes the file before it ends.
    const stderr = child.stderr.getReader();
    await stderr.read();
    child.kill("SIGINT");
    while (!(await stderr.read()).done);
    assert.equal(JSON.parse(await Deno.readTextFile(path)).event, "ready");
    assert.equal(await new Response(child.stdout).text(), "");
    await Deno.remove(path);
  },
});

Deno.test("a ready file that cannot be written ends the program with code 1, and nothing listens", async () => {
  const directory = await Deno.makeTempDir();
  const path = join(directory, "missing", "ready.json");
  const listen = Deno.build.os === "windows" ? "0" : `unix:${join(directory, "test.sock")}`;
  const { code, stdout, stderr } = await runSluice([`${listen}=1`, "--print-ready", "--ready-file", path]);
  assert.ok(stderr.includes(`sluice: Cannot write --ready-file "${path}": `), stderr);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.deepEqual(await namesIn(directory), []);
  await Deno.remove(directory);
});

Deno.test("sluice check names each service, its addresses and the socket API of each leg", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(
    path,
    `
services:
  - { name: plain, listen: [5000, "[::1]:5001"], upstream: "db.internal:5432" }
  - { name: passing, listen: 5002, upstream: "unix:/run/db.sock", reset: pass }
  - { name: probing, listen: 5003, upstream: "10.0.0.7:3306", keepalive: 60s }
`,
  );
  const { code, stdout, stderr } = await runSluice(["check", path]);
  const notes = stdout.split("\n").map((line) => line.trim()).filter((line) => /name|#/.test(line));
  assert.deepEqual(notes, [
    "- name: plain",
    "- 127.0.0.1:5000 # Deno.listen",
    '- "[::1]:5001" # Deno.listen',
    "upstream: db.internal:5432 # Deno.connect",
    "- name: passing",
    "- 127.0.0.1:5002 # node:net",
    "upstream: unix:/run/db.sock # Deno.connect",
    "- name: probing",
    "- 127.0.0.1:5003 # node:net",
    "upstream: 10.0.0.7:3306 # node:net",
    "# ok",
  ]);
  assert.equal(code, 0, stderr);
  await Deno.remove(path);
});

Deno.test("sluice demo --for 1s relays bytes of its own and ends with code 0", async () => {
  const { code, stdout, stderr } = await runSluice(["demo", "--for", "1s"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ {2}echo +127\.0\.0\.1:\d+ +-> +127\.0\.0\.1:\d+ /m);
  assert.match(stdout, /^ {2}nc 127\.0\.0\.1 \d+$/m);
  const [echoed, clock] = stdout.trimEnd().split("\n").slice(-2);
  assert.match(
    echoed!,
    /^echo: [1-9]\d* accepted, \d+ open, [1-9]\S* \S+ from client, [1-9]\S* \S+ from upstream$/,
  );
  assert.match(clock!, /^clock: [1-9]\d* accepted, .*, [1-9]\S* \S+ from upstream$/);
});
