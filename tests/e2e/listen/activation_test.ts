/** Sockets that a service manager holds: `listen: systemd:NAME`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { findProgram } from "../../support/interop.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice, Sluice, within } from "../../support/program/program.ts";
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
  const file = join(path, "sluice.yaml");
  const own = `{ name: web, listen: "systemd:web", upstream: "${server.address}" }`;
  const other = `{ name: other, listen: 127.0.0.1:0, upstream: "${server.address}" }`;
  const write = (...services: string[]) => Deno.writeTextFile(file, `services: [${services.join(", ")}]\n`);
  await write(own);
  const sluice = stack.use(
    await Sluice.start(["-c", file, "--log-format", "json"], { wrapper: holder.wrapper }),
  );
  const reload = async (count: number) => {
    sluice.kill("SIGHUP");
    await within(SOON, "a reload", sluice.loggedEvents("reloaded", count));
  };
  const isServed = async (client: Deno.Conn) => assert.equal(await readText(client as Deno.TcpConn, 1), "a");
  using early = await connect(holder.ports["web"]!);
  await writeText(early, "a");
  await isServed(early);
  await write(own, other);
  await reload(1);
  await writeText(early, "a");
  await isServed(early);
  await write(other);
  await reload(2);
  using waiting = await connect(holder.ports["web"]!);
  await writeText(waiting, "a");
  await write(other, own);
  await reload(3);
  await isServed(waiting);
});

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
