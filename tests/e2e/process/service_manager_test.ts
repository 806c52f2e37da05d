/** What a service manager such as systemd receives: the datagrams of sd_notify(3). */

import assert from "node:assert/strict";
import { join } from "node:path";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { NotifySocket } from "../../support/program/notify_socket.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";

const SOON = 20_000;

/** Unix datagram sockets of Deno's have names without files, which Linux has. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os !== "linux", fn });
}

test("a service manager learns when the program is ready, reloads, what it does, and that it stops", async () => {
  await using server = upstream(echo);
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "notify");
  await using manager = new NotifySocket(path);
  const file = join(directory.path, "sluice.yaml");
  const yaml = `services: [{ name: test, listen: 127.0.0.1:0, upstream: "${server.address}" }]\n`;
  await Deno.writeTextFile(file, yaml);
  const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000" };
  await using sluice = await Sluice.start(["-c", file], { env, workers: 2 });
  await manager.hears("READY=1\nSTATUS=0 connections of 1 service");
  await manager.hears("WATCHDOG=1");
  using client = await connect(sluice.port());
  await writeText(client, "a");
  await readText(client, 1);
  await Deno.writeTextFile(file, "services: none\n");
  sluice.kill("SIGHUP");
  await manager.hears("READY=1\nSTATUS=The last reload was refused, nothing has changed");
  await Deno.writeTextFile(file, yaml);
  sluice.kill("SIGHUP");
  await manager.hears("READY=1\nSTATUS=Reloaded");
  const reloads = manager.heard.filter((text) => text.startsWith("RELOADING=1\nMONOTONIC_USEC="));
  assert.equal(reloads.length, 2);
  sluice.kill("SIGTERM");
  await manager.hears("STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000\nSTATUS=Waiting for open connections");
  client.close();
  assert.equal((await within(SOON, "the end", sluice.ended())).code, 0);
});

test("a service manager that does not listen is a warning, and costs nothing else", async () => {
  await using server = upstream(echo);
  const env = { NOTIFY_SOCKET: "@sluice-test-nobody" };
  await using sluice = await Sluice.before(server.address, [], { env });
  await within(SOON, "a warning", sluice.logged("Cannot notify the service manager: Connection refused"));
  using client = await connect(sluice.port());
  await writeText(client, "a");
  assert.equal(await readText(client, 1), "a");
});
