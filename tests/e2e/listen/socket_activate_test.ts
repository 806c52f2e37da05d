/** Sockets that a program of systemd passes, as its manager does. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { findProgram } from "../../support/interop.ts";
import { ownAddress } from "../../support/peers/own_address.ts";
import { echo, freePorts, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice } from "../../support/program/program.ts";

const ACTIVATE = "systemd-socket-activate";
/** What the program would drop from the environment. */
const KEPT = ["DENO_DIR", "XDG_CACHE_HOME", "NO_COLOR"];

Deno.test({
  name:
    `${ACTIVATE} starts sluice for its first client, on a unix socket, which is served (apt-get install systemd)`,
  ignore: findProgram(ACTIVATE) === undefined,
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(upstream(echo));
    const { path } = stack.use(await temporaryDirectory());
    const socket = join(path, "db.sock");
    // It takes no port 0.
    const [hostname, port] = [ownAddress(), freePorts(1)[0]!];
    const yaml = `services:
  - { name: web, listen: "systemd:web", upstream: "${server.address}" }
  - { name: db, listen: "systemd:db", upstream: "${server.address}" }
`;
    const sockets = [`--listen=${hostname}:${port}`, `--listen=${socket}`, "--fdname=web:db"];
    const kept = KEPT.filter((name) => Deno.env.has(name)).map((name) => `--setenv=${name}`);
    const starting = Sluice.withConfig(yaml, [], { wrapper: [ACTIVATE, ...sockets, ...kept] });
    // It runs sluice when a client has connected.
    const [sluice, first] = await Promise.all([starting, connectTo(socket)]);
    stack.use(sluice);
    using early = first;
    await writeText(early, "early");
    assert.equal(await readText(early, 5), "early");
    assert.deepEqual([sluice.address(0), sluice.address(1)], [`${hostname}:${port}`, "systemd:db"]);
    using other = await Deno.connect({ hostname, port });
    await writeText(other, "other");
    assert.equal(await readText(other, 5), "other");
    for (const client of [early, other]) client.close();
    assert.equal((await sluice.stop()).code, 0);
  },
});

/** A connection to a unix socket, as soon as a program listens there. */
async function connectTo(path: string): Promise<Deno.TcpConn> {
  const attempt = () => Deno.connect({ transport: "unix", path }).catch(() => undefined);
  const conn = await eventually("a socket", attempt, (conn) => conn !== undefined);
  return conn as unknown as Deno.TcpConn;
}
