/** A new sluice beside the one that runs, on the same addresses: `--take-over`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { connect, echo, readText, tryClose, upstream, writeText } from "../../support/peers/sockets.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { namesIn, temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice, Sluice, sluiceCommand, within } from "../../support/program/program.ts";

const SOON = 20_000;

/** Only Linux lets two programs listen on one address. */
function test(name: string, fn: (stack: AsyncDisposableStack) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Linux)`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      await using stack = new AsyncDisposableStack();
      await fn(stack);
    },
  });
}

test("--take-over: new clients go to the new program, the old one drains and ends", async (stack) => {
  const server = stack.use(upstream(echo));
  const { path } = stack.use(await temporaryDirectory());
  const socket = join(path, "db.sock");
  const yaml = (tcp: string, admin: string) => `
admin: { listen: "${admin}", token: a-token-of-some-length }
log: { format: json }
services:
  - { name: tcp, listen: "${tcp}", upstream: "${server.address}" }
  - { name: unix, listen: "unix:${socket}", unix_mode: "0600", upstream: "${server.address}" }
`;
  const old = stack.use(await Sluice.withConfig(yaml("127.0.0.1:0", "127.0.0.1:0")));
  using before = await connect(old.port());
  await say(before, "before");
  const same = yaml(old.address(), old.ready.admin!);
  const sluice = stack.use(await Sluice.withConfig(same, ["--take-over"]));
  assert.deepEqual(sluice.ready.services, old.ready.services);
  await within(SOON, "a stop", old.loggedEvents("stopping", 1));
  // The connection to the old program goes on.
  await say(before, "after");
  using tcp = await connect(sluice.port());
  await say(tcp, "tcp");
  using unix = await Deno.connect({ transport: "unix", path: socket }) as unknown as Deno.TcpConn;
  await say(unix, "unix");
  assert.equal((await Deno.stat(socket)).mode! & 0o777, 0o600);
  const status = await fetch(`http://${sluice.ready.admin}/api/v1/status`, {
    headers: { authorization: "Bearer a-token-of-some-length", connection: "close" },
  });
  assert.equal((await status.json()).pid, sluice.pid);
  before.close();
  const { code, stderr } = await within(SOON, "the end", old.ended());
  assert.equal(code, 0, stderr);
  assert.deepEqual(old.events("stopped").map(({ cut }) => cut), [0]);
  assert.equal(sluice.events("taken_over")[0]!["pid"], old.pid);
  // The new program has not connected to it.
  assert.deepEqual(old.events("connection_closed").map(({ service }) => service), ["tcp"]);
  assert.deepEqual(old.events("connection_failed"), []);
  // The socket file of the new program is still there.
  using last = await Deno.connect({ transport: "unix", path: socket }) as unknown as Deno.TcpConn;
  await say(last, "last");
});

test("--take-over without a sluice to take over from, or with another token, ends the start", async (stack) => {
  const server = stack.use(upstream(echo));
  const { path } = stack.use(await temporaryDirectory());
  const yaml = (admin: string) =>
    `${admin}
services: [{ name: test, listen: 127.0.0.1:0, upstream: "${server.address}" }]
`;
  const running = stack.use(
    await Sluice.withConfig(yaml("admin: { listen: 127.0.0.1:0, token: token-of-the-old-one }")),
  );
  const file = join(path, "sluice.yaml");
  const failure = async (admin: string) => {
    await Deno.writeTextFile(file, yaml(admin));
    const { code, stderr } = await runSluice(["-c", file, "--take-over"]);
    assert.equal(code, 1);
    return stderr;
  };
  assert.match(await failure(""), /Cannot take over without admin\.listen/);
  assert.match(
    await failure(`admin: { listen: "${running.ready.admin}", token: token-of-the-new-one }`),
    /GET \/api\/v1\/status was answered with 401 \(its admin\.token is another one\)/,
  );
  assert.match(
    await failure(`admin: { listen: "unix:${join(path, "admin.sock")}" }`),
    /admin\.sock: no such file or directory \(without a running sluice, leave --take-over out\)\n$/,
  );
  using client = await connect(running.port());
  await say(client, "unharmed");
});

test("--take-over that cannot bind an address, or write its ready file, changes nothing", async (stack) => {
  const server = stack.use(upstream(echo));
  const busy = stack.use(upstream(echo));
  const { path } = stack.use(await temporaryDirectory());
  const [socket, admin, ready] = ["db.sock", "admin.sock", "ready"].map((name) => join(path, name));
  const yaml = (toxiproxy: string) => `
admin: { listen: "unix:${admin}", toxiproxy: "${toxiproxy}" }
services: [{ name: unix, listen: "unix:${socket}", upstream: "${server.address}" }]
`;
  const old = stack.use(await Sluice.withConfig(yaml("127.0.0.1:0"), ["--ready-file", ready!]));
  const announced = await Deno.readTextFile(ready!);
  const configs = stack.use(await temporaryDirectory());
  const file = join(configs.path, "sluice.yaml");
  const failure = async (toxiproxy: string, readyFile: string) => {
    await Deno.writeTextFile(file, yaml(toxiproxy));
    const { code, stderr } = await runSluice(["-c", file, "--take-over", "--ready-file", readyFile]);
    assert.equal(code, 1);
    return stderr;
  };
  // The sockets are replaced before the API of toxiproxy is bound.
  assert.match(
    await failure(busy.address, ready!),
    /Cannot listen on .* \(admin\.toxiproxy\): address already in use/,
  );
  assert.match(await failure(old.ready.toxiproxy!, join(path, "none", "ready")), /Cannot write --ready-file/);
  using client = await Deno.connect({ transport: "unix", path: socket! }) as unknown as Deno.TcpConn;
  await say(client, "unharmed");
  assert.equal(await Deno.readTextFile(ready!), announced);
  assert.deepEqual(await namesIn(path), ["admin.sock", "db.sock", "ready"]);
  // Its admin interface answers too: it hands over to the next one.
  await Deno.writeTextFile(file, yaml(old.ready.toxiproxy!));
  const next = stack.use(await Sluice.start(["-c", file, "--take-over", "--ready-file", ready!]));
  client.close();
  assert.equal((await within(SOON, "the end", old.ended())).code, 0);
  assert.equal(JSON.parse(await Deno.readTextFile(ready!)).pid, next.pid);
  assert.deepEqual(await namesIn(path), ["admin.sock", "db.sock", "ready"]);
});

test("--take-over goes on where nothing reads its ready line, and logs it", async (stack) => {
  const server = stack.use(upstream(echo));
  const { path } = stack.use(await temporaryDirectory());
  const file = join(path, "sluice.yaml");
  const yaml = (listen: string, admin: string) => `
admin: { listen: "${admin}" }
log: { format: json }
services: [{ name: test, listen: "${listen}", upstream: "${server.address}" }]
`;
  const old = stack.use(await Sluice.withConfig(yaml("127.0.0.1:0", "127.0.0.1:0")));
  await Deno.writeTextFile(file, yaml(old.address(), old.ready.admin!));
  const [command, ...args] = sluiceCommand();
  const next = stack.use(
    new Deno.Command(command, {
      args: [...args, "-c", file, "--take-over", "--print-ready"],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
  await next.stdout.cancel();
  const log = new LineReader(next.stderr);
  const line = await log.find((each) => each.includes('"ready_not_announced"'));
  assert.equal(JSON.parse(line).message, "Cannot print the ready line: nothing reads standard output");
  assert.equal((await within(SOON, "the end", old.ended())).code, 0);
  using client = await connect(old.port());
  await say(client, "served");
  client.close();
  next.kill("SIGTERM");
  assert.equal((await within(SOON, "the end", next.status)).code, 0);
  await log.done;
});

test("--take-over that is killed in the middle leaves no file for longer than the old program or the next start", async (stack) => {
  const server = stack.use(upstream(echo));
  const { path } = stack.use(await temporaryDirectory());
  const [socket, admin, other] = ["db.sock", "admin.sock", "other.sock"].map((name) => join(path, name));
  const configs = stack.use(await temporaryDirectory());
  const file = join(configs.path, "sluice.yaml");
  const yaml = (listen: string, more = "") =>
    `${more}\nservices: [{ name: db, listen: "unix:${listen}", upstream: "${server.address}" }]\n`;
  const withAdmin = yaml(socket!, `admin: { listen: "unix:${admin}" }`);
  const links = async () => (await namesIn(path)).filter((name) => /^\.s[0-9a-f-]{36}$/.test(name)).length;
  for (const end of ["SIGTERM", "SIGKILL"] as const) {
    const old = stack.use(await Sluice.withConfig(yaml(socket!)));
    const silent = stack.use(new SilentAdmin(admin!));
    await Deno.writeTextFile(file, withAdmin);
    const [command, ...args] = sluiceCommand();
    const successor = new Deno.Command(command, {
      args: [...args, "-c", file, "--take-over"],
      stdin: "null",
      stderr: "null",
    }).spawn();
    await within(SOON, "the hand-over", silent.handOver);
    successor.kill("SIGKILL");
    await successor.status;
    // Both files are those of the dead program, and each has a link to the one before.
    await assert.rejects(Deno.connect({ transport: "unix", path: socket! }), Deno.errors.ConnectionRefused);
    assert.equal(await links(), 2);
    // The links lead to programs that run: another one leaves them.
    const beside = stack.use(await Sluice.withConfig(yaml(other!)));
    assert.equal((await beside.stop()).code, 0);
    assert.equal(await links(), 2);
    old.kill(end);
    await within(SOON, "the end", old.ended());
    // That of the administrator is of a program that runs.
    assert.equal(await links(), end === "SIGTERM" ? 1 : 2);
    await silent[Symbol.asyncDispose]();
    const next = stack.use(await Sluice.withConfig(withAdmin));
    assert.deepEqual(await namesIn(path), ["admin.sock", "db.sock"]);
    using client = await Deno.connect({ transport: "unix", path: socket! }) as unknown as Deno.TcpConn;
    await say(client, "served");
    client.close();
    assert.equal((await next.stop()).code, 0);
    assert.deepEqual(await namesIn(path), []);
  }
});

async function say(conn: Deno.TcpConn, text: string): Promise<void> {
  await writeText(conn, text);
  assert.equal(await readText(conn, text.length), text);
}

/** The admin interface of a sluice that answers with its status, and never that it hands over. */
class SilentAdmin implements AsyncDisposable {
  /** Resolves when it is asked to hand over. */
  readonly handOver: Promise<void>;
  readonly #listener: Deno.UnixListener;
  readonly #conns: Deno.Conn[] = [];
  readonly #done: Promise<void>;
  #isClosed = false;
  readonly #asked = Promise.withResolvers<void>();

  constructor(path: string) {
    this.handOver = this.#asked.promise;
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#done = this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const conn of this.#listener) {
      this.#conns.push(conn);
      const request = await readHead(conn);
      if (request.startsWith("POST")) this.#asked.resolve();
      else if (request !== "") {
        const body = request.startsWith("GET /api/v1/services ") ? "[]" : '{"pid": 1}';
        await writeText(conn, `HTTP/1.1 200 OK\r\n\r\n${body}`);
      }
      if (!request.startsWith("POST")) conn.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) this.#listener.close();
    this.#isClosed = true;
    for (const conn of this.#conns) tryClose(conn);
    await this.#done;
  }
}

/** The lines of a request before its body; empty when the client only connects. */
async function readHead(conn: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(1024);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const count = await conn.read(bytes);
    if (count === null) return text;
    text += new TextDecoder().decode(bytes.subarray(0, count));
  }
  return text;
}
