/** The positions of problems in a configuration: on the command line, in a terminal, in a reload. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { Admin } from "../../support/program/admin.ts";
import { runSluice, Sluice, sluiceCommand } from "../../support/program/program.ts";

const BAD = "services:\n  - name: a\n    listen: 127.0.0.1:0\n    upstrem: db:5432\n    upstream: db:1\n";
const PROBLEM = 'services[0].upstrem: Unknown key "upstrem": did you mean "upstream"?';

/** The command of util-linux that runs another one in a terminal. */
const hasScript = await canRun("script");

Deno.test("sluice check and the start name file, line and column", async () => {
  await using file = await temporaryFile(BAD);
  for (const args of [["check", file.path], ["-c", file.path], ["status", "-c", file.path]]) {
    const { code, stdout, stderr } = await runSluice(args);
    const expected = `sluice: Cannot use the configuration "${file.path}":\n  ${file.path}:4:5: ${PROBLEM}\n`;
    assert.deepEqual({ code, stdout, stderr }, { code: 2, stdout: "", stderr: expected });
  }
});

Deno.test("sluice check and the start give the position of a certificate that cannot be read", async () => {
  await using file = await temporaryFile(
    "services:\n  - { name: a, listen: 127.0.0.1:0, upstream: 'b:1', tls: { cert: none.pem, key: none.key } }\n",
  );
  for (const args of [["check", file.path], ["-c", file.path]]) {
    const { code, stderr } = await runSluice(args);
    assert.equal(code, 2);
    assert.ok(stderr.includes(`\n  ${file.path}:2:67: services[0].tls.cert: Cannot read "`), stderr);
  }
});

Deno.test({
  name: "sluice check names every missing folder for files to write (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using file = await temporaryFile(`log: { access: { path: nodir/access.log } }
admin: { listen: "unix:/no/dir/admin.sock" }
services:
  - { name: a, listen: [0, "unix:/no/dir/a.sock"], upstream: "db:1" }
  - { name: b, listen: "unix:${join("/dev/null", "b.sock")}", upstream: "db:1", tls: { cert: c, key: k } }
  - { name: c, listen: 0, upstream: "unix:/no/dir/is/no/problem.sock" }
`);
    const { code, stderr } = await runSluice(["check", file.path]);
    const folder = dirname(file.path);
    assert.equal(code, 2);
    const why = "its folder does not exist (create the folder)";
    assert.deepEqual(
      stderr.trimEnd().split("\n").slice(1).map((line) => line.replace(file.path, "").trim()),
      [
        `:1:24: log.access.path: Cannot write "${folder}/nodir/access.log": ${why}`,
        `:2:18: admin.listen: Cannot write "/no/dir/admin.sock": ${why}`,
        `:4:24: services[0].listen: Cannot write "/no/dir/a.sock": ${why}`,
        `:5:24: services[1].listen: Cannot write "/dev/null/b.sock": its path has a file in place of a folder (check the path)`,
        `:5:80: services[1].tls.cert: Cannot read "${folder}/c": no such file (check the path)`,
      ],
    );
  },
});

Deno.test("a refused reload names the positions, in its log line and its answer", async () => {
  const start =
    "admin: { listen: 127.0.0.1:0 }\nservices: [{ name: a, listen: 127.0.0.1:0, upstream: 'db:1' }]\n";
  await using file = await temporaryFile(start);
  await using sluice = await Sluice.start(["-c", file.path]);
  await Deno.writeTextFile(file.path, `workers: many\n${BAD}`);
  const { status, text } = await new Admin(sluice).ask("POST", "/api/v1/reload");
  const detail =
    `${file.path}:1:10: workers: Expected a whole number from 1 to 256, or "auto", got "many"; ` +
    `${file.path}:5:5: ${PROBLEM}`;
  assert.equal(status, 422);
  assert.ok(text.includes(JSON.stringify(detail)), text);
  const line = await sluice.logged("Cannot reload");
  assert.ok(line.includes(`nothing is changed: ${detail}`), line);
});

for (
  const { name, env, colours } of [
    { name: "shows the line, with colours", env: { NO_COLOR: "" }, colours: true },
    { name: "shows the line, without colours for NO_COLOR", env: { NO_COLOR: "1" }, colours: false },
  ]
) {
  Deno.test({
    name: `a terminal ${name} (needs script of util-linux)`,
    ignore: Deno.build.os !== "linux" || !hasScript,
    fn: async () => {
      await using file = await temporaryFile(BAD);
      const command = [...sluiceCommand(), "check", file.path].map((part) => `'${part}'`).join(" ");
      const { stdout } = await new Deno.Command("script", {
        args: ["--quiet", "--return", "--command", `exec ${command}`, "/dev/null"],
        stdin: "null",
        env: { ...env, SHELL: "/bin/sh", TERM: "xterm" },
      }).output();
      const output = new TextDecoder().decode(stdout).replaceAll("\r\n", "\n");
      // deno-lint-ignore no-control-regex
      const plain = output.replace(/\x1b\[\d+m/g, "");
      assert.ok(
        plain.endsWith(`:4:5: ${PROBLEM}\n    4 |     upstrem: db:5432\n      |     ^^^^^^^\n`),
        output,
      );
      assert.equal(plain !== output, colours, JSON.stringify(output));
    },
  });
}

async function temporaryFile(text: string) {
  const directory = await Deno.makeTempDir();
  const path = join(directory, "sluice.yaml");
  await Deno.writeTextFile(path, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
}

async function canRun(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"], stdout: "null" }).output()).success;
  } catch {
    return false;
  }
}
