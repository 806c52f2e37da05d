/** Signals: from the first moment on, and to the whole group of processes that `deno task start` is. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { eventually } from "../../support/eventually.ts";
import { Sluice, sluiceCommand, within } from "../../support/program/program.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";

const DENO_JSON = fileURLToPath(new URL("../../../deno.json", import.meta.url));
/** A task, the launcher that it starts, and the program that this starts. */
const TASK = [Deno.execPath(), "task", "--quiet", "--config", DENO_JSON, "start"];
const SOON = 20_000;

/** `deno task start` in a group of its own; needs util-linux. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} (needs setsid)`, ignore: Deno.build.os !== "linux", fn });
}

async function launched(upstream: string, log: string): Promise<Sluice> {
  const yaml = `log: { format: json, access: { path: "${log}" } }
services: [{ name: test, listen: 127.0.0.1:0, upstream: "${upstream}" }]
`;
  return await Sluice.withConfig(yaml, [], { command: TASK, wrapper: ["setsid"], workers: 1 });
}

test("SIGTERM to the process group drains: the one passed on as well does not count as a second", async () => {
  await using server = upstream(echo);
  await using directory = await temporaryDirectory();
  await using sluice = await launched(server.address, join(directory.path, "access.log"));
  using client = await connect(sluice.port());
  await writeText(client, "a");
  await readText(client, 1);
  sluice.killGroup("SIGTERM");
  await within(SOON, "a stop", sluice.loggedEvents("stopping", 1));
  for (let round = 0; round < 200; round++) {
    await writeText(client, "hello");
    assert.equal(await readText(client, 5), "hello");
  }
  await client.closeWrite();
  const { code } = await within(SOON, "the end", sluice.ended());
  assert.deepEqual([code, sluice.events("stopped").map(({ cut }) => cut)], [0, [0]]);
});

test("SIGUSR2 and SIGHUP to the process group take effect, and end nothing", async () => {
  await using server = upstream(echo);
  await using directory = await temporaryDirectory();
  const log = join(directory.path, "access.log");
  await using sluice = await launched(server.address, log);
  await Deno.rename(log, `${log}.1`);
  sluice.killGroup("SIGUSR2");
  await eventually("a new file", () => Deno.stat(log).catch(() => undefined), (info) => info !== undefined);
  sluice.killGroup("SIGHUP");
  await within(SOON, "a reload", sluice.loggedEvents("reload_refused", 1)); // its configuration is gone
  sluice.killGroup("SIGTERM");
  const { code } = await within(SOON, "the end", sluice.ended());
  assert.equal(code, 0);
});

test("SIGHUP and SIGUSR2 while the program starts do not end it", async () => {
  const [command, ...args] = sluiceCommand();
  for (const signal of ["SIGHUP", "SIGUSR2"] as const) {
    // A configuration from a pipe: the test knows when it is being read, and that nothing listens by then.
    await using directory = await temporaryDirectory();
    const pipe = join(directory.path, "sluice.yaml");
    assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    const child = new Deno.Command(command, {
      args: [...args, "-c", pipe, "--print-ready"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = await Deno.open(pipe, { write: true }); // once it reads
    child.kill(signal);
    await writer.write(
      new TextEncoder().encode("services: [{ name: a, listen: 0, upstream: 127.0.0.1:1 }]\n"),
    );
    writer.close();
    const stdout = child.stdout.getReader();
    const { value } = await within(SOON, "the start", stdout.read());
    assert.match(new TextDecoder().decode(value), /"event":"ready"/);
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    await stdout.cancel();
  }
});
