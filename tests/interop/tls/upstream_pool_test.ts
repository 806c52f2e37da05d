/** Pools of connections with TLS. */

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Conn } from "../../../src/net/socket/conn.ts";
import { eventually } from "../../support/eventually.ts";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { connect, endOf, readText, writeText } from "../../support/peers/sockets.ts";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { echo, serverOptions, TerminatingServer } from "./terminating_server.ts";

interopTest(
  "a warm pool drops connections that the upstream ends, with close_notify or without",
  OPENSSL,
  async (stack) => {
    const open: Conn[] = [];
    const { proxy } = await pooled(stack, { maxIdle: 2 }, async (terminated) => {
      open.push(terminated.conn);
      await echo(terminated);
    });
    await proxy.holds(2);
    // In TLS 1.3 the client finishes the handshake first.
    await eventually("both on the other side too", () => open.length, (count) => count === 2);
    const [first, second] = open.splice(0);
    await first!.closeWrite();
    await proxy.holds(1);
    second!.reset();
    const pool = await proxy.holds(0);
    assert.equal(pool.lost, 2);
    // Neither holds a place any more: the endpoint has two, and both can be used again.
    using one = await served(proxy.port);
    using two = await served(proxy.port);
    assert.equal(proxy.endpoint.active, 2);
    for (const client of [one, two]) await writeText(client, "end");
  },
);

interopTest("a reuse pool hands a TLS connection from client to client", OPENSSL, async (stack) => {
  let handshakes = 0;
  const { proxy } = await pooled(stack, { mode: "reuse", maxIdle: 1, quiet: 20 }, async (terminated) => {
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

/** A proxy before a server that requires a client certificate, and the proxy's files, which a test can replace. */
async function renewable(
  stack: AsyncDisposableStack,
  pool: Parameters<typeof PooledProxy.before>[1],
): Promise<Renewable> {
  const [authority, stranger] = [await CertificateAuthority.create(), await CertificateAuthority.create()];
  stack.use(authority);
  stack.use(stranger);
  const options = await serverOptions(authority, [await authority.issue({ name: "db.test" })], {
    clientAuth: "require",
  });
  const log: string[] = [];
  const server = stack.use(
    new TerminatingServer(options, async (terminated) => {
      const subject = String(terminated.facts.clientSubject);
      log.push(`open ${subject}`);
      await echo(terminated).catch(() => {});
      log.push(`end ${subject}`);
    }),
  );
  const ca = await authority.file("trusted.pem", await Deno.readTextFile(authority.cert));
  const own = await authority.issue({ name: "old", usage: "clientAuth" });
  const upstreamTls = { ca, serverName: "db.test", cert: own.cert, key: own.key };
  const address = `127.0.0.1:${server.port}`;
  const proxy = stack.use(await PooledProxy.before({ address }, pool, { service: { upstreamTls } }));
  return { proxy, authority, stranger, ca, own, log };
}

interface Renewable {
  readonly proxy: PooledProxy;
  readonly authority: CertificateAuthority;
  /** Another one, with the same name. */
  readonly stranger: CertificateAuthority;
  readonly ca: string;
  readonly own: KeyPair;
  /** The connections that the server saw begin and end. */
  readonly log: readonly string[];
}

interopTest("a warm pool drops connections made with an earlier ca", OPENSSL, async (stack) => {
  const { proxy, ca, stranger, authority, log } = await renewable(stack, { maxIdle: 2 });
  await proxy.holds(2);
  await eventually("both on the other side", () => log.length, (count) => count === 2);
  await Deno.copyFile(stranger.cert, ca);
  // No client is involved.
  await eventually(
    "their end",
    () => log.slice(2),
    (lines) => isDeepStrictEqual(lines, ["end O=Test, CN=old", "end O=Test, CN=old"]),
  );
  assert.equal(proxy.pool.idle, 0);
  using refused = await connect(proxy.port);
  assert.equal(await endOf(refused), "fin");
  await Deno.copyFile(authority.cert, ca);
  await eventually("a client that is served", () => isServed(proxy.port), (served) => served);
  await proxy.holds(2);
});

interopTest("a warm pool uses the new certificate after a reload", OPENSSL, async (stack) => {
  const { proxy, own, authority, log } = await renewable(stack, { maxIdle: 1 });
  await proxy.holds(1);
  const renewed = await authority.issue({ name: "new", usage: "clientAuth" });
  await Deno.copyFile(renewed.key, own.key);
  await Deno.copyFile(renewed.cert, own.cert);
  await eventually(
    "another connection ahead",
    () => [...log].sort(),
    (lines) => isDeepStrictEqual(lines, ["end O=Test, CN=old", "open O=Test, CN=new", "open O=Test, CN=old"]),
  );
  await proxy.holds(1);
});

interopTest(
  "a reuse pool drops connections made with an earlier ca",
  OPENSSL,
  async (stack) => {
    const { proxy, ca, stranger, log } = await renewable(stack, { mode: "reuse", maxIdle: 2, quiet: 1 });
    using busy = await served(proxy.port);
    using idle = await served(proxy.port);
    await idle.closeWrite();
    assert.equal(await endOf(idle), "fin");
    await proxy.holds(1);
    await Deno.copyFile(stranger.cert, ca);
    await proxy.holds(0);
    // The connection in use goes on, and closes after its client.
    await writeText(busy, "ping");
    assert.equal(await readText(busy, 4), "ping");
    await busy.closeWrite();
    assert.equal(await endOf(busy), "fin");
    await eventually("its end on the other side", () => log.length, (count) => count === 4);
    assert.equal(proxy.pool.idle, 0);
    assert.equal(await isServed(proxy.port), false);
  },
);

interopTest("files that are written again as they were drop nothing", OPENSSL, async (stack) => {
  const { proxy, ca, own, authority, log } = await renewable(stack, { maxIdle: 1 });
  await proxy.holds(1);
  for (const path of [ca, own.cert, own.key]) await Deno.writeTextFile(path, await Deno.readTextFile(path));
  // The watcher reports the change of another file after these.
  const renewed = await authority.issue({ name: "new", usage: "clientAuth" });
  await Deno.copyFile(renewed.key, own.key);
  await Deno.copyFile(renewed.cert, own.cert);
  await eventually("the new certificate", () => log.includes("open O=Test, CN=new"), (isThere) => isThere);
  assert.deepEqual(log.filter((line) => line.startsWith("open")), [
    "open O=Test, CN=old",
    "open O=Test, CN=new",
  ]);
});

async function isServed(port: number): Promise<boolean> {
  using conn = await connect(port);
  try {
    await writeText(conn, "ping");
    return await readText(conn, 4) === "ping";
  } catch {
    return false;
  }
}

async function pooled(
  stack: AsyncDisposableStack,
  pool: Parameters<typeof PooledProxy.before>[1],
  handle: ConstructorParameters<typeof TerminatingServer>[1],
): Promise<{ proxy: PooledProxy }> {
  const authority = stack.use(await CertificateAuthority.create());
  const options = await serverOptions(authority, [await authority.issue({ name: "db.test" })]);
  const server = stack.use(new TerminatingServer(options, handle));
  const address = `127.0.0.1:${server.port}`;
  const service = { upstreamTls: { ca: authority.cert, serverName: "db.test" } };
  const proxy = await PooledProxy.before({ address, maxConnections: 2 }, pool, { service });
  return { proxy: stack.use(proxy) };
}

/** A client that has received its bytes back. */
async function served(port: number): Promise<Deno.TcpConn> {
  const conn = await connect(port);
  await writeText(conn, "ping");
  assert.equal(await readText(conn, 4), "ping");
  return conn;
}
