/** Sockets that a service manager holds: `listen: systemd:NAME`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { findProgram } from "../../support/interop.ts";
import { openDescriptors } from "../../support/peers/descriptors.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice, Sluice, within, workers } from "../../support/program/program.ts";
import { SocketHolder } from "../../support/program/socket_holder.ts";

const SOON = 20_000;

function test(name: string, fn: (stack: AsyncDisposableStack) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Linux and python3)`,
    ignore: Deno.build.os !== "linux" || findProgram("python3") === undefined,
    fn: async () => {
      await using stack = new AsyncDisposableStack();
      await fn(stack);
    },
  });
}

test("a restart loses no connection that comes meanwhile, on TCP and unix sockets", async (stack) => {
  const server = stack.use(upstream(echo));
  const { path } = stack.use(await temporaryDirectory());
  const socket = join(path, "db.sock");
  const holder = stack.use(await SocketHolder.hold(path, "web=tcp", `db=unix:${socket}`));
  const yaml = `services:
  - { name: web, listen: "systemd:web", upstream: "${server.address}" }
  - { name: db, listen: "systemd:db", upstream: "${server.address}" }
`;
  const start = () => Sluice.withConfig(yaml, [], { wrapper: holder.wrapper });
  const addresses = [{ transport: "tcp", port: holder.ports["web"]! }, {
    transport: "unix",
    path: socket,
  }] as const;
  let sluice = await start();
  assert.deepEqual([sluice.address(0), sluice.address(1)], [
    `127.0.0.1:${holder.ports["web"]}`,
    "systemd:db",
  ]);
  let isOver = false;
  let served = 0;
  const clients = Array.from({ length: 8 }, async (_, index) => {
    for (let count = 0; !isOver; count++) {
      using client = await connectTo(addresses[index % 2]!);
      await client.write(new TextEncoder().encode("hello"));
      assert.equal(await readText(client, 5), "hello", `client ${index}, connection ${count}`);
      served += 1;
    }
  });
  for (let restart = 0; restart < 2; restart++) {
    const before = served;
    while (served < before + 100) await new Promise((resolve) => setTimeout(resolve, 1));
    sluice.kill("SIGTERM");
    const { code } = await within(SOON, "the end", sluice.ended());
    assert.equal(code, 0);
    sluice = await start();
  }
  isOver = true;
  await Promise.all(clients);
  await sluice[Symbol.asyncDispose]();
});

test("a reload keeps a socket, closes it and takes it over again; clients wait meanwhile", async (stack) => {
  const server = stack.use(upstream(echo));
  const { path } = stack.use(await temporaryDirectory());
  const holder = stack.use(await SocketHolder.hold(path, "web=tcp"));
  const own = `{ name: web, listen: "systemd:web", upstream: "${server.address}" }`;
  const other = `{ name: other, listen: 127.0.0.1:0, upstream: "${server.address}" }`;
  const sluice = stack.use(await Reloaded.start(path, holder, workers, own));
  const isServed = async (client: Deno.Conn) => assert.equal(await readText(client as Deno.TcpConn, 1), "a");
  using early = await connect(holder.ports["web"]!);
  await writeText(early, "a");
  await isServed(early);
  await sluice.reload("reloaded", 1, own, other);
  await writeText(early, "a");
  await isServed(early);
  await sluice.reload("reloaded", 2, other);
  using waiting = await connect(holder.ports["web"]!);
  await writeText(waiting, "a");
  await sluice.reload("reloaded", 3, other, own);
  await isServed(waiting);
});

for (const workers of [1, 2]) {
  const name = `with ${workers} ${workers === 1 ? "thread" : "threads"}`;

  test(`a start that fails loses no client that waits, ${name}`, async (stack) => {
    const server = stack.use(upstream(echo));
    const { path } = stack.use(await temporaryDirectory());
    const holder = stack.use(await SocketHolder.hold(path, "web=tcp"));
    const waiting = await waitingClients(stack, holder.ports["web"]!);
    const own = `{ name: web, listen: "systemd:web", upstream: "${server.address}" }`;
    const taken = join(path, "taken.sock");
    using _other = Deno.listen({ transport: "unix", path: taken });
    const busy = `{ name: busy, listen: "unix:${taken}", upstream: 127.0.0.1:1 }`;
    const start = (...services: string[]) =>
      Sluice.withConfig(listed(services), [], { wrapper: holder.wrapper, workers });
    await assert.rejects(start(own, busy), /Cannot listen on .*: address already in use/);
    stack.use(await start(own));
    for (const client of waiting) assert.equal(await readText(client, 5), "hello");
  });

  test(`a reload that fails loses no client that waits, ${name}`, async (stack) => {
    const server = stack.use(upstream(echo));
    const { path } = stack.use(await temporaryDirectory());
    const holder = stack.use(await SocketHolder.hold(path, "web=tcp"));
    const waiting = await waitingClients(stack, holder.ports["web"]!);
    const own = `{ name: web, listen: "systemd:web", upstream: "${server.address}" }`;
    const other = `{ name: other, listen: 127.0.0.1:0, upstream: "${server.address}" }`;
    const taken = join(path, "taken.sock");
    using _other = Deno.listen({ transport: "unix", path: taken });
    const busy = `{ name: busy, listen: "unix:${taken}", upstream: 127.0.0.1:1 }`;
    const sluice = stack.use(await Reloaded.start(path, holder, workers, other));
    await sluice.reload("reload_refused", 1, other, own, busy);
    await sluice.reload("reloaded", 1, other, own);
    for (const client of waiting) assert.equal(await readText(client, 5), "hello");
  });

  test(`reloads with a socket that cannot listen leave no more descriptors open, ${name}`, async (stack) => {
    const server = stack.use(upstream(echo));
    const { path } = stack.use(await temporaryDirectory());
    const holder = stack.use(await SocketHolder.hold(path, "web=udp"));
    const own = `{ name: web, listen: "systemd:web", upstream: "${server.address}" }`;
    const other = `{ name: other, listen: 127.0.0.1:0, upstream: "${server.address}" }`;
    const sluice = stack.use(await Reloaded.start(path, holder, workers, other));
    const refused = async (count: number) => {
      const { message } = await sluice.reload("reload_refused", count, other, own);
      assert.match(String(message), /: it is not a stream socket that listens \(ListenStream= and/);
      return await socketsOf(sluice.pid);
    };
    const first = await refused(1);
    for (const count of [2, 3, 4]) assert.equal(await refused(count), first);
  });
}

Deno.test("without a service manager, a socket of it ends the start with the remedy", async () => {
  const { code, stderr } = await runSluice(["systemd:web=127.0.0.1:1"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /Cannot listen on systemd:web: no service manager has passed sockets \(LISTEN_FDS is not/,
  );
});

async function connectTo(address: { transport: "tcp"; port: number } | { transport: "unix"; path: string }) {
  return await (address.transport === "tcp" ? Deno.connect(address) : Deno.connect(address)) as Deno.TcpConn;
}

/** Clients in the queue of a socket, which have sent `hello`. */
async function waitingClients(stack: AsyncDisposableStack, port: number): Promise<Deno.TcpConn[]> {
  return await Promise.all(Array.from({ length: 20 }, async () => {
    const client = stack.use(await connect(port));
    await writeText(client, "hello");
    return client;
  }));
}

/** How many sockets a process has open. */
async function socketsOf(pid: number): Promise<number> {
  return [...await openDescriptors(pid)].filter((each) => each.includes(" socket:")).length;
}

/** A sluice with a file of services that changes. */
class Reloaded implements AsyncDisposable {
  readonly #file: string;
  readonly #sluice: Sluice;

  private constructor(file: string, sluice: Sluice) {
    this.#file = file;
    this.#sluice = sluice;
  }

  static async start(folder: string, { wrapper }: SocketHolder, workers: number, ...services: string[]) {
    const file = join(folder, "sluice.yaml");
    await Deno.writeTextFile(file, listed(services));
    return new Reloaded(
      file,
      await Sluice.start(["-c", file, "--log-format", "json"], { wrapper, workers }),
    );
  }

  get pid(): number {
    return this.#sluice.pid;
  }

  /** Returns the line of this `event`, which is the `count`th one, when the reload has ended with it. */
  async reload(event: string, count: number, ...services: string[]) {
    await Deno.writeTextFile(this.#file, listed(services));
    this.#sluice.kill("SIGHUP");
    return (await within(SOON, "a reload", this.#sluice.loggedEvents(event, count)))[count - 1]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sluice[Symbol.asyncDispose]();
  }
}

function listed(services: readonly string[]): string {
  return `services: [${services.join(", ")}]\n`;
}
