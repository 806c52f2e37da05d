import assert from "node:assert/strict";
import { join } from "node:path";
import { findProgram } from "../../support/interop.ts";
import { namesIn } from "../../support/program/directory.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";
import {
  connect,
  echo,
  readAll,
  readText,
  tryClose,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

testUnix("a unix socket may be both the listener and the upstream", async (directory) => {
  const [front, back] = [join(directory, "front.sock"), join(directory, "back.sock")];
  await using _server = unixEcho(back);
  await using sluice = await start(front, `unix:${back}`);
  assert.deepEqual(sluice.ready.services, [{ name: "test", listen: [`unix:${front}`] }]);
  using client = await Deno.connect({ transport: "unix", path: front });
  await writeText(client, "over two unix sockets");
  await client.closeWrite();
  assert.equal(new TextDecoder().decode(await readAll(client)), "over two unix sockets");
  const line = await sluice.logged("test: closed, client closed");
  for (const field of ["client=unix:", `upstream=unix:${back}`, "bytes_from_client=21"]) {
    assert.ok(line.includes(` ${field} `), line);
  }
});

for (const level of ["info", "error"]) {
  testUnix(
    `the program removes its socket file when it stops, with log level ${level}`,
    async (directory) => {
      const path = join(directory, "test.sock");
      await using sluice = await Sluice.start([`unix:${path}=1`, "--log-level", level]);
      assert.equal((await Deno.lstat(path)).isSocket, true);
      assert.equal((await sluice.stop()).code, 0);
      assert.deepEqual(await namesIn(directory), []);
    },
  );
}

testUnix("unix_mode sets the mode of the socket file", async (directory) => {
  for (const mode of ["0600", "0666"]) {
    const path = join(directory, `${mode}.sock`);
    await using sluice = await start(path, "127.0.0.1:1", [`unix_mode: "${mode}"`]);
    assert.equal((await Deno.stat(path)).mode! & 0o777, parseInt(mode, 8));
    await sluice.stop();
  }
});

testUnix("a socket file that a killed program left is replaced", async (directory) => {
  const path = join(directory, "test.sock");
  await using server = upstream(echo);
  await using killed = await start(path, server.address);
  killed.kill("SIGKILL");
  await killed.ended();
  assert.deepEqual(await namesIn(directory), ["test.sock"]);
  await using _sluice = await start(path, server.address);
  assert.equal(await ping(path), "ping");
});

testUnix("a socket that another program serves ends the start with code 1, and stays", async (directory) => {
  const path = join(directory, "test.sock");
  await using server = upstream(echo);
  await using _first = await start(path, server.address);
  const { code, stdout, stderr } = await runSluice([`unix:${path}=${server.address}`, "--print-ready"]);
  assert.ok(stderr.includes(`Cannot listen on unix:${path}: address already in use`), stderr);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(await ping(path), "ping");
});

testUnix("a path that is not a socket ends the start with code 1, and stays", async (directory) => {
  const path = join(directory, "precious.db");
  await Deno.writeTextFile(path, "years of data");
  const { code, stdout, stderr } = await runSluice([`unix:${path}=127.0.0.1:1`, "--print-ready"]);
  assert.ok(stderr.includes(`Cannot listen on unix:${path}: `), stderr);
  assert.match(stderr, /not a socket/);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(await Deno.readTextFile(path), "years of data");
});

testUnix("a directory that does not exist ends the start with code 1, and is named", async (directory) => {
  const path = join(directory, "missing", "test.sock");
  const { code, stderr } = await runSluice([`unix:${path}=127.0.0.1:1`]);
  assert.ok(stderr.includes(`Cannot listen on unix:${path}: `), stderr);
  assert.match(stderr, /: its folder does not exist \(create the folder\)\n$/);
  assert.equal(code, 1);
});

/** Root reads every folder, so for root the program runs without that right. */
const UNPRIVILEGED = Deno.build.os !== "windows" && Deno.uid() === 0
  ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
  : [];
const canDropRights = UNPRIVILEGED.every((name, index) => index > 0 || findProgram(name) !== undefined);

testUnix(
  `a folder that cannot be read ends the start and the check, and is named${
    canDropRights ? "" : " (needs setpriv: apt-get install util-linux)"
  }`,
  async (directory) => {
    const [folder, path] = [join(directory, "closed"), join(directory, "closed", "test.sock")];
    await Deno.mkdir(folder);
    // A program may bind a socket there.
    await Deno.chmod(folder, 0o333);
    const options = { wrapper: UNPRIVILEGED };
    const { code, stderr } = await runSluice([`unix:${path}=127.0.0.1:1`], options);
    const message =
      `Cannot listen on unix:${path}: its folder "${folder}" cannot be locked: permission denied ` +
      "(let the user that runs sluice read it)\n";
    assert.ok(stderr.endsWith(message), stderr);
    assert.equal(code, 1);
    const file = join(directory, "sluice.yaml");
    await Deno.writeTextFile(
      file,
      `services: [{ name: a, listen: "unix:${path}", upstream: "127.0.0.1:1" }]\n`,
    );
    const checked = await runSluice(["check", file], options);
    assert.ok(checked.stderr.includes(`services[0].listen: ${message}`), checked.stderr);
    assert.equal(checked.code, 2);
    await Deno.chmod(folder, 0o711);
    await using _sluice = await Sluice.start([`unix:${path}=127.0.0.1:1`], options);
    assert.deepEqual(await namesIn(folder), ["test.sock"]);
  },
  !canDropRights,
);

testUnix("an upstream socket that does not exist ends the connection and is named", async (directory) => {
  const missing = join(directory, "missing.sock");
  await using sluice = await Sluice.before(`unix:${missing}`);
  using client = await connect(sluice.port());
  assert.equal((await readAll(client)).byteLength, 0);
  const line = await sluice.logged("test: failed, upstream no such socket");
  assert.ok(line.includes(` upstream=unix:${missing} `), line);
  assert.ok(line.includes(" code=no_such_socket "), line);
});

testUnix("a full backlog of an upstream delays its clients, up to connect_timeout", async (directory) => {
  if (Deno.build.os !== "linux") return;
  const path = join(directory, "full.sock");
  using listener = Deno.listen({ transport: "unix", path }) as unknown as Deno.Listener;
  using queue = new DisposableStack();
  const fill = async () => {
    for (;;) queue.use(await Deno.connect({ transport: "unix", path }));
  };
  await assert.rejects(fill(), Deno.errors.WouldBlock);
  const timeouts = ["connect_timeout: 300ms", "connect_timeout: 1h"];
  await using sluice = await Sluice.withConfig(
    "log: { format: json }\nservices:\n" +
      timeouts.map((keys, index) => `  - { name: s${index}, listen: 0, upstream: "unix:${path}", ${keys} }\n`)
        .join(""),
  );
  using late = await connect(sluice.port(0));
  assert.equal((await readAll(late)).byteLength, 0);
  const [failed] = await sluice.loggedEvents("connection_failed", 1);
  assert.equal(failed!.code, "connect_timeout");
  using patient = await connect(sluice.port(1));
  await writeText(patient, "ping");
  // The connections in the queue first, then the client.
  const text = async (conn: Deno.Conn) => {
    const buffer = new Uint8Array(4);
    return await conn.read(buffer) === null ? "" : new TextDecoder().decode(buffer);
  };
  queue.dispose();
  for (let found = ""; found !== "ping";) {
    using conn = await listener.accept();
    found = await text(conn);
  }
});

Deno.test({
  name: "abstract sockets work wherever unix sockets do (needs Linux)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const name = (what: string) => `sluice-${what}-${crypto.randomUUID()}`;
    const [front, back, admin] = [name("front"), name("back"), name("admin")];
    await using _server = unixEcho(`\0${back}`);
    await using sluice = await Sluice.withConfig(`
admin: { listen: "unix:@${admin}" }
services: [{ name: test, listen: "unix:@${front}", upstream: "unix:@${back}" }]
`);
    assert.deepEqual(sluice.ready.services, [{ name: "test", listen: [`unix:@${front}`] }]);
    assert.equal(sluice.ready.admin, `unix:@${admin}`);
    assert.equal(await ping(`\0${front}`), "ping");
    const line = await sluice.logged("test: closed, client closed");
    assert.ok(line.includes(` upstream=unix:@${back} `), line);
    const status = await runSluice(["status", "--admin", `unix:@${admin}`]);
    assert.equal(status.code, 2);
    assert.ok(status.stderr.includes(`curl --abstract-unix-socket ${admin} `), status.stderr);
    using operator = await Deno.connect({ transport: "unix", path: `\0${admin}` });
    await writeText(
      operator,
      "GET /api/v1/services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert.match(new TextDecoder().decode(await readAll(operator)), new RegExp(`"unix:@${front}"`));
    const taken = await runSluice([`unix:@${front}=1`]);
    assert.equal(taken.code, 1);
    assert.ok(taken.stderr.includes(`Cannot listen on unix:@${front}: address already in use`), taken.stderr);
  },
});

/** A test with a directory of its own for socket files. */
function testUnix(name: string, fn: (directory: string) => Promise<void>, ignore = false): void {
  Deno.test({
    name: `${name} (needs Unix)`,
    ignore: ignore || Deno.build.os === "windows",
    fn: async () => {
      // Not below $TMPDIR, which is long on macOS: a socket path has 103 bytes there.
      const directory = await Deno.makeTempDir({ dir: "/tmp" });
      try {
        await fn(directory);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

function start(listen: string, upstream: string, keys: string[] = []): Promise<Sluice> {
  const entries = ["name: test", `listen: "unix:${listen}"`, `upstream: "${upstream}"`, ...keys];
  return Sluice.withConfig(`services: [{ ${entries.join(", ")} }]\n`);
}

async function ping(path: string): Promise<string> {
  using client = await Deno.connect({ transport: "unix", path });
  await writeText(client, "ping");
  return await readText(client, 4);
}

/** Answers the connections of a unix socket with what they say. */
function unixEcho(path: string): AsyncDisposable {
  const listener = Deno.listen({ transport: "unix", path });
  const conns: Deno.UnixConn[] = [];
  const serving = (async () => {
    for await (const conn of listener) {
      conns.push(conn);
      await echo(conn);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of conns) tryClose(conn);
      await serving;
    },
  };
}
