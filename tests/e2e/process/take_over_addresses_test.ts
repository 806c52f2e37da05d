/** `--take-over` with a configuration that lacks addresses of the sluice before. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ownAddress } from "../../support/peers/own_address.ts";
import { echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice, within } from "../../support/program/program.ts";

const SOON = 20_000;

Deno.test({
  name: "--take-over warns of addresses that go away; a reload that adds them serves them (needs Linux)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(upstream(echo));
    const { path } = stack.use(await temporaryDirectory());
    const [file, kept, gone] = ["sluice.yaml", "kept.sock", "gone.sock"].map((name) => join(path, name));
    const yaml = (admin: string, tcp: readonly string[], unix: readonly string[]) => `
admin: { listen: "${admin}" }
log: { format: json }
services:
  - { name: tcp, listen: ${JSON.stringify(tcp)}, upstream: "${server.address}" }
  - { name: unix, listen: ${
      JSON.stringify(unix.map((socket) => `unix:${socket}`))
    }, upstream: "${server.address}" }
`;
    // Nothing else binds its ports while no sluice listens there.
    const [host, other] = [ownAddress(), ownAddress()];
    const two = [`${host}:0`, `${host}:0`];
    const old = stack.use(await Sluice.withConfig(yaml("127.0.0.1:0", two, [kept!, gone!])));
    const admin = old.ready.admin!;
    const [first, second] = [old.port(0, 0), old.port(0, 1)];
    // All addresses include the one before; another address of the second port does not.
    await Deno.writeTextFile(file!, yaml(admin, [`:${first}`, `${other}:${second}`], [kept!]));
    const sluice = stack.use(await Sluice.start(["-c", file!, "--take-over"]));
    const warnings = await sluice.loggedEvents("address_given_up", 2);
    assert.equal((await within(SOON, "the end", old.ended())).code, 0);
    assert.deepEqual(
      warnings.map(({ level, service, listen, pid }) => [level, service, listen, pid]),
      [["warn", "tcp", `${host}:${second}`, old.pid], ["warn", "unix", `unix:${gone}`, old.pid]],
    );
    assert.match(
      String(warnings[0]!["message"]),
      /clients there are refused\. To serve them, add the address to/,
    );
    await assert.rejects(Deno.connect({ hostname: host, port: second }), Deno.errors.ConnectionRefused);

    await Deno.writeTextFile(file!, yaml(admin, [`:${first}`, `${host}:${second}`], [kept!, gone!]));
    sluice.kill("SIGHUP");
    await within(SOON, "a reload", sluice.loggedEvents("reloaded", 1));
    using tcp = await Deno.connect({ hostname: host, port: second });
    await writeText(tcp, "tcp");
    assert.equal(await readText(tcp, 3), "tcp");
    using unix = await Deno.connect({ transport: "unix", path: gone! });
    await unix.write(new TextEncoder().encode("unix"));
    assert.equal(await readText(unix as unknown as Deno.TcpConn, 4), "unix");
    assert.equal(sluice.events("address_given_up").length, 2);
  },
});
