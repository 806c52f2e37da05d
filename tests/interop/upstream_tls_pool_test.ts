/** Pools whose connections have TLS inside. */

import assert from "node:assert/strict";
import type { Conn } from "../../src/net/conn.ts";
import { eventually } from "../e2e/eventually.ts";
import { PooledProxy } from "../e2e/pooled.ts";
import { connect, endOf, readText, writeText } from "../e2e/sockets.ts";
import { CertificateAuthority, OPENSSL } from "./certificates.ts";
import { interopTest } from "./interop.ts";
import { echo, serverOptions, TerminatingServer } from "./tls_stage.ts";

interopTest(
  "a warm pool drops connections that the upstream ends, with close_notify or without",
  OPENSSL,
  async (stage) => {
    const open: Conn[] = [];
    const { proxy } = await pooled(stage, { maxIdle: 2 }, async (terminated) => {
      open.push(terminated.conn);
      await echo(terminated);
    });
    await proxy.holds(2);
    // In TLS 1.3 the client is done first.
    await eventually("both on the other side too", () => open.length, (count) => count === 2);
    const [first, second] = open.splice(0);
    await first!.closeWrite();
    await proxy.holds(1);
    second!.reset();
    const pool = await proxy.holds(0);
    assert.equal(pool.lost, 2);
    // None of them holds a place: the endpoint has two, and both are had again.
    using one = await served(proxy.port);
    using two = await served(proxy.port);
    assert.equal(proxy.endpoint.active, 2);
    for (const client of [one, two]) await writeText(client, "end");
  },
);

interopTest("a reuse pool hands a TLS connection from client to client", OPENSSL, async (stage) => {
  let handshakes = 0;
  const { proxy } = await pooled(stage, { mode: "reuse", maxIdle: 1, quiet: 20 }, async (terminated) => {
    handshakes += 1;
    await echo(terminated);
  });
  for (let client = 0; client < 5; client++) {
    using conn = await served(proxy.port);
    await conn.closeWrite();
    assert.equal(await endOf(conn), "fin");
    await proxy.holds(1);
  }
  assert.equal(handshakes, 1);
  assert.equal(proxy.pool.hits, 4);
});

async function pooled(
  stage: AsyncDisposableStack,
  pool: Parameters<typeof PooledProxy.before>[1],
  handle: ConstructorParameters<typeof TerminatingServer>[1],
): Promise<{ proxy: PooledProxy }> {
  const authority = stage.use(await CertificateAuthority.create());
  const options = await serverOptions(authority, [await authority.issue({ name: "db.test" })]);
  const server = stage.use(new TerminatingServer(options, handle));
  const address = `127.0.0.1:${server.port}`;
  const service = { upstreamTls: { ca: authority.cert, serverName: "db.test" } };
  const proxy = await PooledProxy.before({ address, maxConnections: 2 }, pool, { service });
  return { proxy: stage.use(proxy) };
}

/** A client whose bytes came back. */
async function served(port: number): Promise<Deno.TcpConn> {
  const conn = await connect(port);
  await writeText(conn, "ping");
  assert.equal(await readText(conn, 4), "ping");
  return conn;
}
