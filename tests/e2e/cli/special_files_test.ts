/** Pipes and devices in place of files: nothing waits for them, and errors name those that cannot be used. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { runSluice, Sluice, within } from "../../support/program/program.ts";
import { connect, echo, endOf, upstream } from "../../support/peers/sockets.ts";

const ignore = Deno.build.os === "windows";
/** Much longer than any step here, and shorter than a wait for a file. */
const SOON = 9_000;

async function folder(): Promise<AsyncDisposable & { readonly path: string; pipe(name: string): string }> {
  const path = await Deno.makeTempDir();
  return {
    path,
    pipe(name) {
      const pipe = join(path, name);
      assert.ok(new Deno.Command("mkfifo", { args: [pipe] }).outputSync().success);
      return pipe;
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

function configOf(upstream: string, log: string, service = ""): string {
  return `log: { format: json, access: { path: "${log}" } }
services: [{ name: test, listen: 127.0.0.1:0, upstream: "${upstream}"${service} }]
`;
}

async function converse(port: number): Promise<void> {
  using client = await connect(port);
  await client.closeWrite();
  await endOf(client);
}

Deno.test({
  name: "an access log that is a pipe without a reader delays no start, reload or stop (needs mkfifo)",
  ignore,
  fn: async () => {
    await using server = upstream(echo);
    await using directory = await folder();
    const log = directory.pipe("access.log");
    const config = join(directory.path, "sluice.yaml");
    await Deno.writeTextFile(config, configOf(server.address, log));
    await using sluice = await within(SOON, "the start", Sluice.start(["-c", config]));
    await converse(sluice.port());
    sluice.kill("SIGHUP");
    await within(SOON, "a reload", sluice.loggedEvents("reloaded", 1));
    {
      using reader = await Deno.open(log);
      const buffer = new Uint8Array(64 * 1024);
      const count = await within(SOON, "the line", reader.read(buffer));
      assert.match(new TextDecoder().decode(buffer.subarray(0, count!)), /"event":"connection_closed"/);
    }
    // More than the pipe has room for, without a reader: a new file takes over all the same.
    const other = join(directory.path, "other.log");
    await Deno.writeTextFile(config, configOf(server.address, other));
    for (let round = 0; round < 300; round++) await converse(sluice.port());
    sluice.kill("SIGHUP");
    await within(SOON, "another reload", sluice.loggedEvents("reloaded", 2));
    await converse(sluice.port());
    await eventually("a line", () => Deno.readTextFile(other).catch(() => ""), (text) => text.includes("\n"));
    await Deno.writeTextFile(config, configOf(server.address, log));
    sluice.kill("SIGHUP");
    await within(SOON, "a third reload", sluice.loggedEvents("reloaded", 3));
    assert.equal((await within(SOON, "the stop", sluice.stop())).code, 0);
  },
});

Deno.test({
  name: "a reload with a pipe for a certificate is refused, and the next one works (needs mkfifo)",
  ignore,
  fn: async () => {
    await using server = upstream(echo);
    await using directory = await folder();
    const pipe = directory.pipe("server.pem");
    const config = join(directory.path, "sluice.yaml");
    const log = join(directory.path, "access.log");
    await Deno.writeTextFile(config, configOf(server.address, log));
    await using sluice = await Sluice.start(["-c", config]);
    await Deno.writeTextFile(config, configOf(server.address, log, `, tls: { cert: ${pipe}, key: ${pipe} }`));
    sluice.kill("SIGHUP");
    const [refused] = await within(SOON, "a reload", sluice.loggedEvents("reload_refused", 1));
    assert.match(
      String(refused!["message"]),
      /Cannot read ".*server\.pem": it is a pipe, not a regular file/,
    );
    await Deno.writeTextFile(config, configOf(server.address, log));
    sluice.kill("SIGHUP");
    await within(SOON, "another reload", sluice.loggedEvents("reloaded", 1));
    assert.equal((await within(SOON, "the stop", sluice.stop())).code, 0);
  },
});

Deno.test({
  name: "a stop cancels a reload that waits for a file, and is logged (needs mkfifo)",
  ignore,
  fn: async () => {
    await using server = upstream(echo);
    await using directory = await folder();
    const config = join(directory.path, "sluice.yaml");
    await Deno.writeTextFile(config, configOf(server.address, join(directory.path, "access.log")));
    await using sluice = await Sluice.start(["-c", config]);
    await Deno.remove(config);
    const pipe = directory.pipe("sluice.yaml");
    sluice.kill("SIGHUP");
    // When it reads, and nothing arrives.
    using _writer = await within(SOON, "a reload", Deno.open(pipe, { write: true }));
    sluice.kill("SIGTERM");
    await within(SOON, "a word of the stop", sluice.loggedEvents("stopping", 1));
    assert.equal((await within(SOON, "the stop", sluice.ended())).code, 0);
  },
});

Deno.test({
  name:
    "a configuration from a pipe is read once; reloads still read certificates, and a stop works (needs mkfifo)",
  ignore,
  fn: async () => {
    await using server = upstream(echo);
    await using directory = await folder();
    const pipe = directory.pipe("sluice.yaml");
    const starting = Sluice.start(["-c", pipe]);
    await Deno.writeTextFile(pipe, configOf(server.address, join(directory.path, "access.log")));
    await using sluice = await within(SOON, "the start", starting);
    await sluice.loggedEvents("configuration_piped", 1);
    for (const round of [1, 2]) {
      sluice.kill("SIGHUP");
      await within(SOON, "a reload", sluice.loggedEvents("reloaded", round));
    }
    assert.equal((await within(SOON, "the stop", sluice.stop())).code, 0);
  },
});

Deno.test({
  name:
    "a path that is not a file is refused by name, for configuration, ready file and access log (needs mkfifo)",
  ignore,
  fn: async () => {
    await using directory = await folder();
    const pipe = directory.pipe("pipe");
    const config = join(directory.path, "sluice.yaml");
    await Deno.writeTextFile(config, configOf("127.0.0.1:1", join(directory.path, "a.log")));
    const ready = await runSluice(["-c", config, "--ready-file", pipe]);
    assert.deepEqual([ready.code, ready.stderr], [
      1,
      `sluice: Cannot write --ready-file "${pipe}": it is a pipe, not a regular file\n`,
    ]);
    assert.ok((await Deno.stat(pipe)).isFifo);
    const missing = join(directory.path, "no", "ready");
    const unwritable = await runSluice(["-c", config, "--ready-file", missing]);
    assert.deepEqual([unwritable.code, unwritable.stderr.split("\n").at(-2)], [
      1,
      `sluice: Cannot write --ready-file "${missing}": its folder does not exist; create the folder`,
    ]);
    await Deno.truncate(config, 17 * 1024 * 1024);
    const large = await runSluice(["check", config]);
    assert.equal(large.code, 2);
    assert.match(large.stderr, /Cannot read ".*": it is larger than 16 MiB/);
  },
});

Deno.test({
  name: "messages about files contain no errno, no system call and no control characters (needs Unix)",
  ignore,
  fn: async () => {
    await using directory = await folder();
    const config = join(directory.path, "sluice.yaml");
    const socket = join(directory.path, "no", "x.sock");
    await Deno.writeTextFile(
      config,
      `services: [{ name: a, listen: "unix:${socket}", upstream: "127.0.0.1:1" }]\n`,
    );
    const file = join(directory.path, "file");
    await Deno.writeTextFile(file, "");
    for (
      const [args, message] of [
        [["-c", config], `Cannot listen on unix:${socket}: its folder does not exist (create the folder)`],
        [
          ["5000=127.0.0.1:1", "--ready-file", join(file, "x")],
          `Cannot write --ready-file "${file}/x": its path has a file in place of a folder; check the path`,
        ],
        [
          ["status", "--admin", "1", "--token-file", directory.path],
          `Cannot read --token-file "${directory.path}": it is a directory`,
        ],
        [["check", "/no\x1b[31m\nfile"], 'Cannot use the configuration "/no\\u001b[31m\\u000afile":'],
      ] as const
    ) {
      const { code, stderr } = await runSluice([...args]);
      assert.ok(code > 0);
      assert.equal(stderr.split("\n")[0], `sluice: ${message}`);
      assert.doesNotMatch(stderr.replaceAll("\n", ""), /os error|\p{Cc}/u);
    }
  },
});
