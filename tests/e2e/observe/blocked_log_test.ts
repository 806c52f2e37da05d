import assert from "node:assert/strict";
import { join } from "node:path";
import { exists } from "../../support/program/directory.ts";
import { type Ready, sluiceCommand, within } from "../../support/program/program.ts";
import { connect, echo, endOf, readAll, upstream, writeAll } from "../../support/peers/sockets.ts";

const MEGABYTE = 1024 * 1024;
/** Of Linux; others have less. */
const PIPE_SIZE = 64 * 1024;

Deno.test({
  name: "a blocked stderr stops neither traffic nor shutdown (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using server = upstream(echo);
    // Long lines: a JSON object for every connection, with a name of 64 characters in it twice.
    const name = "n".repeat(64);
    const missing = `unix:/tmp/${"m".repeat(80)}.sock`;
    await using sluice = await startUnread(`
log: { format: json }
services:
  - { name: ${name}, listen: 0, upstream: "${missing}" }
  - { name: good, listen: 0, upstream: "${server.address}" }
`);
    const [noisy, good] = sluice.ready.services.map((service) => Number(service.listen[0]!.split(":")[1]));

    const lineLength = 350; // Checked below, on the lines that came through.
    const connections = Math.ceil(1.2 * MEGABYTE / lineLength);
    await closeMany(noisy!, connections);
    await relayMegabytes(good!);
    await stopSoon(sluice.child);

    // What the pipe took shows that it was full: it lacks most lines, and those it has are as long as thought.
    const stderr = await new Response(sluice.child.stderr).text();
    const failed = stderr.split("\n").slice(0, -1).filter((line) => line.includes("connection_failed"));
    assert.ok(failed.length > 0 && failed.length < connections / 2, `${failed.length} lines came through`);
    for (const line of failed) assert.ok(line.length >= lineLength, line);
    assert.ok(!stderr.includes('"stopped"'));
  },
});

Deno.test({
  name: "a blocked access log stops neither traffic nor shutdown (needs mkfifo)",
  ignore: !await exists("/usr/bin/mkfifo"),
  fn: async () => {
    await using server = upstream(echo);
    const directory = await Deno.makeTempDir();
    const path = join(directory, "access.log");
    await new Deno.Command("/usr/bin/mkfifo", { args: [path] }).output();
    // No process reads the pipe: the write that fills it never returns, as on a disk that hangs.
    using _pipe = await Deno.open(path, { read: true, write: true });
    await using sluice = await startUnread(`
log: { access: { path: ${path} } }
services:
  - { name: noisy, listen: 0, upstream: "unix:${directory}/missing.sock" }
  - { name: good, listen: 0, upstream: "${server.address}" }
`);
    const [noisy, good] = sluice.ready.services.map((service) => Number(service.listen[0]!.split(":")[1]));
    const lineLength = 200;
    await closeMany(noisy!, Math.ceil(4 * PIPE_SIZE / lineLength));
    await relayMegabytes(good!);
    await stopSoon(sluice.child);
    const stderr = await new Response(sluice.child.stderr).text();
    assert.match(stderr, / Stopped event=stopped cut=0\n$/);
    await Deno.remove(directory, { recursive: true });
  },
});

async function closeMany(port: number, count: number): Promise<void> {
  const closing = atOnce(16, count, async () => {
    using client = await connect(port);
    assert.equal(await endOf(client), "fin");
  });
  await within(60_000, `Closing ${count} connections with a blocked log`, closing);
}

async function relayMegabytes(port: number): Promise<void> {
  const bytes = new Uint8Array(4 * MEGABYTE).fill(7);
  using client = await connect(port);
  const reading = readAll(client);
  await writeAll(client, bytes);
  await client.closeWrite();
  assert.deepEqual(await within(20_000, "Relaying 4 MiB with a blocked log", reading), bytes);
}

async function stopSoon(child: Deno.ChildProcess): Promise<void> {
  const stopping = performance.now();
  child.kill("SIGTERM");
  const { code } = await within(20_000, "Stopping with a blocked log", child.status);
  const took = performance.now() - stopping;
  assert.equal(code, 0);
  assert.ok(took < 5000, `stopped after ${took} ms`);
}

/** Starts sluice on a configuration with a stderr that is a pipe without a reader. */
async function startUnread(yaml: string): Promise<
  AsyncDisposable & { readonly child: Deno.ChildProcess; readonly ready: Ready }
> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(path, yaml);
  const [command, ...prefix] = sluiceCommand();
  const child = new Deno.Command(command, {
    args: [...prefix, "-c", path, "--print-ready"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = child.stdout.getReader();
  let line = "";
  while (!line.endsWith("\n")) {
    const { value, done } = await stdout.read();
    if (done) throw new Error(`sluice ended:\n${await new Response(child.stderr).text()}`);
    line += new TextDecoder().decode(value);
  }
  await Deno.remove(path);
  return {
    child,
    ready: JSON.parse(line),
    async [Symbol.asyncDispose]() {
      await stdout.cancel();
      if (!child.stderr.locked) await child.stderr.cancel();
      await child[Symbol.asyncDispose]();
    },
  };
}

/** Does something `count` times, `limit` of them at once. */
async function atOnce(limit: number, count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: limit }, async () => {
    while (left-- > 0) await work();
  }));
}
