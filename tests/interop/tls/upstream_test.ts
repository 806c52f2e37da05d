/** TLS on upstream legs: its settings, when its handshake is complete, and how it fails. */

import assert from "node:assert/strict";
import type { PoolConfig, UpstreamTlsConfig } from "../../../src/config/config.ts";
import { type Address, parseUpstreamAddress } from "../../../src/net/address.ts";
import { type Conn, writeAll } from "../../../src/net/socket/conn.ts";
import { DenoConn } from "../../../src/net/socket/deno_socket.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import { TlsServer } from "../../../src/net/tls/server.ts";
import { ServiceFiles } from "../../../src/runtime/files/service_files.ts";
import { Connector } from "../../../src/upstream/connector.ts";
import type { Attempts } from "../../../src/upstream/search.ts";
import type { UpstreamDialerOptions } from "../../../src/upstream/upstream_dialer.ts";
import type { GroupController } from "../../../src/upstream/group_controller.ts";
import { poolFiguresOf } from "../../../src/upstream/pool/pool.ts";
import { UpstreamTls } from "../../../src/upstream/upstream_tls.ts";
import { eventually } from "../../support/eventually.ts";
import { Sluice } from "../../support/program/program.ts";
import { connect, endOf, readText, type Upstream, upstream, writeText } from "../../support/peers/sockets.ts";
import { ControlledGroup } from "../../support/fakes/upstream_parts.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { echo, serverOptions, TerminatingServer } from "./terminating_server.ts";

const NEVER = new AbortController().signal;
const POOL: PoolConfig = { mode: "warm", maxIdle: 2, maxIdleTime: 600_000, quiet: 50, maxUses: 1000 };
const PREFACE = new TextEncoder().encode("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");

interopTest("new files are used from the next handshake on, invalid ones never", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const server = stack.use(await serverFor(authority, { clientAuth: "require" }));
  const pair = await authority.issue({ name: "old", usage: "clientAuth" });
  const config = { ...tlsConfig(authority), certificate: pair };
  const files = filesOf(config);
  assert.deepEqual(files.paths, [authority.cert, pair.cert, pair.key]);
  assert.deepEqual(filesOf({ ...config, ca: undefined, certificate: undefined }).paths, []);
  await files.read(insisting);
  const tls = new UpstreamTls(config, files.upstreamTls!);
  const shownTo = async () => {
    const conn = await tls.startTls(new DenoConn(await connect(server.port)), addressOf(server), NEVER);
    const { clientSubject } = await server.outcome() as { clientSubject: string };
    assert.equal(await roundTrip(conn), "hello");
    return { conn, clientSubject, subjects: files.all.map(({ subject }) => subject) };
  };
  const before = await shownTo();
  assert.deepEqual([before.clientSubject, ...before.subjects], ["O=Test, CN=old", "O=Test, CN=old"]);

  const next = await authority.issue({ name: "new", usage: "clientAuth" });
  await Deno.copyFile(next.cert, pair.cert);
  await assert.rejects(files.read(insisting), {
    name: "CredentialsError",
    message: /belongs to another certificate/,
  });
  const problems: unknown[] = [];
  await files.read((key) => problems.push(key));
  // No section of TLS with clients: it is upstream_tls.
  assert.deepEqual(problems, [undefined]);
  tls.update(files.upstreamTls!);
  const still = await shownTo();
  assert.deepEqual([still.clientSubject, ...still.subjects], ["O=Test, CN=old", "O=Test, CN=old"]);

  await Deno.copyFile(next.key, pair.key);
  await files.read(insisting);
  tls.update(files.upstreamTls!);
  const after = await shownTo();
  assert.deepEqual([after.clientSubject, ...after.subjects], ["O=Test, CN=new", "O=Test, CN=new"]);
  assert.equal(await roundTrip(before.conn), "hello", "open connections stay");
  for (const { conn } of [before, still, after]) conn.close();
});

interopTest("the name checked is server_name, or else the host of the endpoint", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const server = stack.use(await serverFor(authority, { names: ["DNS:db.test", "DNS:localhost"] }));
  const { connector: named } = await connectorFor(stack, server.port, { tls: tlsConfig(authority) });
  using lease = await named.connect({ sourceAddress: "" }, progress());
  assert.equal(await roundTrip(lease.conn), "hello");
  assert.equal((await server.outcome() as { serverName: string }).serverName, "db.test");

  const tls = { ...tlsConfig(authority), serverName: undefined };
  const { connector: byHost } = await connectorFor(stack, server.port, { tls, host: "localhost" });
  using other = await byHost.connect({ sourceAddress: "" }, progress());
  assert.equal(await roundTrip(other.conn), "hello");
  assert.equal((await server.outcome() as { serverName: string }).serverName, "localhost");

  const { connector: byAddress } = await connectorFor(stack, server.port, { tls });
  await assert.rejects(byAddress.connect({ sourceAddress: "" }, progress()), {
    code: "tls_certificate_rejected",
    message: /: it is not for "127\.0\.0\.1"/,
  });
});

interopTest("a warm pool finishes handshakes ahead of clients", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const server = stack.use(await serverFor(authority));
  const { connector, controller } = await connectorFor(stack, server.port, {
    tls: tlsConfig(authority),
    pool: POOL,
  });
  connector.start();
  for (let shaken = 0; shaken < POOL.maxIdle; shaken++) {
    assert.ok(!(await server.outcome() instanceof Error));
  }
  await eventually("a full pool", () => poolFiguresOf(controller.row).idle, (idle) => idle === POOL.maxIdle);
  for (let client = 0; client < 5; client++) {
    using lease = await connector.connect({ sourceAddress: "" }, progress());
    assert.equal(await roundTrip(lease.conn), "hello");
    await lease.conn.closeWrite();
    assert.equal(await lease.conn.read(new Uint8Array(1)), null);
    await eventually(
      "a full pool",
      () => poolFiguresOf(controller.row).idle,
      (idle) => idle === POOL.maxIdle,
    );
  }
  assert.equal(poolFiguresOf(controller.row).hits, 5);
});

for (const pool of [undefined, POOL]) {
  const what = pool === undefined ? "" : ", with a pool too";
  interopTest(`a PROXY header comes before the handshake${what}`, OPENSSL, async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const headers: string[] = [];
    const server = stack.use(await headerServer(authority, headers));
    const { connector, controller } = await connectorFor(stack, server.port, {
      tls: tlsConfig(authority),
      hasPreface: true,
      pool,
    });
    connector.start();
    for (let client = 1; client <= 4; client++) {
      if (pool !== undefined) {
        await eventually(
          "a full pool",
          () => poolFiguresOf(controller.row).idle,
          (idle) => idle === pool.maxIdle,
        );
      }
      using lease = await connector.connect({ sourceAddress: "" }, progress(), PREFACE);
      assert.equal(await roundTrip(lease.conn), "hello");
      assert.equal(headers.length, client);
    }
    assert.deepEqual(new Set(headers), new Set([new TextDecoder().decode(PREFACE)]));
    if (pool !== undefined) assert.equal(poolFiguresOf(controller.row).hits, 4);
  });
}

interopTest(
  "a handshake that takes too long says so, and another endpoint is tried",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const silent = stack.use(upstream(async (conn) => {
      while (await conn.read(new Uint8Array(1000)) !== null);
    }));
    const options = { tls: tlsConfig(authority), connectTimeout: 100 };
    const { connector: alone } = await connectorFor(stack, silent.port, options);
    await assert.rejects(alone.connect({ sourceAddress: "" }, progress()), {
      code: "tls_handshake_timeout",
      side: "upstream",
      reason: "upstream TLS handshake timeout",
    });
    const server = stack.use(await serverFor(authority));
    const ports = [silent.port, server.port];
    const { connector: both, controller } = await connectorFor(stack, ports, {
      ...options,
      connectTimeout: 1000,
    });
    const attempt = progress();
    using lease = await both.connect({ sourceAddress: "" }, attempt);
    assert.equal(await roundTrip(lease.conn), "hello");
    assert.deepEqual(attempt, { endpoint: `127.0.0.1:${server.port}`, attempts: 2 });
    const figures = controller.endpoints.map((endpoint) => endpoint.figures());
    assert.deepEqual(figures.map(({ connects, failures }) => [connects, failures]), [[0, 1], [1, 0]]);
  },
);

interopTest("a failed handshake releases its slot", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const rogue = stack.use(await CertificateAuthority.create("Rogue CA"));
  const server = stack.use(await serverFor(rogue));
  const tls = tlsConfig(authority);
  const { connector, controller } = await connectorFor(stack, server.port, { tls, maxConnections: 1 });
  for (let client = 0; client < 3; client++) {
    await assert.rejects(connector.connect({ sourceAddress: "" }, progress()), {
      code: "tls_certificate_rejected",
    });
  }
  assert.equal(controller.endpoints[0]!.figures().failures, 3);
});

interopTest(
  "a program does TLS with its upstreams, ahead of clients where it has a pool",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const server = stack.use(await serverFor(authority));
    const sluice = stack.use(
      await Sluice.beforeGroup(
        [`"127.0.0.1:${server.port}"`],
        ["pool: { max_idle: 2, max_idle_time: 10m }"],
        [`upstream_tls: { ca: "${authority.cert}", server_name: db.test }`],
      ),
    );
    for (let shaken = 0; shaken < 2; shaken++) {
      assert.equal((await server.outcome() as { serverName: string }).serverName, "db.test");
    }
    using client = await connect(sluice.port());
    await writeText(client, "hello");
    assert.equal(await readText(client, 5), "hello");
    await client.closeWrite();
    assert.equal(await endOf(client), "fin");
  },
);

interface Wanted {
  readonly tls: UpstreamTlsConfig;
  readonly host?: string;
  readonly connectTimeout?: number;
  readonly hasPreface?: boolean;
  readonly maxConnections?: number;
  readonly pool?: PoolConfig | undefined;
}

async function connectorFor(
  stack: AsyncDisposableStack,
  ports: number | readonly number[],
  { tls, host = "127.0.0.1", connectTimeout = 20_000, hasPreface = false, maxConnections = 0, pool }: Wanted,
): Promise<{ connector: Connector; controller: GroupController }> {
  const { group, controller } = stack.use(
    new ControlledGroup({
      endpoints: [ports].flat().map((port) => ({
        address: parseUpstreamAddress(`${host}:${port}`),
        weight: 1,
        maxConnections,
        tier: undefined,
        backup: false,
      })),
      retry: { attempts: 3, timeout: 0 },
      pool,
    }),
  );
  const files = filesOf(tls);
  await files.read(insisting);
  const leg: UpstreamDialerOptions = {
    adapter: "deno",
    connectTimeout,
    nodelay: true,
    keepalive: false,
    sourceAddress: undefined,
    tls: new UpstreamTls(tls, files.upstreamTls!),
    hasPreface,
  };
  const connector = new Connector(group, leg);
  stack.defer(() => connector.stop(new ProxyError("shutdown", "proxy")));
  return { connector, controller };
}

function filesOf(upstreamTls: UpstreamTlsConfig): ServiceFiles {
  return new ServiceFiles({ name: "test", tls: undefined, routes: [], upstreamTls });
}

/** Rethrows every error. */
const insisting = (_section: unknown, error: Error): never => {
  throw error;
};

function tlsConfig(authority: CertificateAuthority): UpstreamTlsConfig {
  return {
    ca: authority.cert,
    certificate: undefined,
    serverName: "db.test",
    verify: true,
    alpn: [],
    starttls: undefined,
  };
}

async function serverFor(
  authority: CertificateAuthority,
  { names = ["DNS:db.test"], clientAuth = "none" }: {
    names?: string[];
    clientAuth?: "none" | "require";
  } = {},
): Promise<TerminatingServer> {
  const pair = await authority.issue({ name: "db.test", names });
  return new TerminatingServer(await serverOptions(authority, [pair], { clientAuth }));
}

/** Reads a header of the length of {@linkcode PREFACE} from each connection, then does TLS and echoes. */
async function headerServer(authority: CertificateAuthority, headers: string[]): Promise<Upstream> {
  const options = await serverOptions(authority, [await authority.issue({ name: "db.test" })]);
  const tls = new TlsServer(options, new PendingHandshakes(100));
  return upstream(async (conn) => {
    headers.push(await readText(conn, PREFACE.length));
    const terminated = await tls.terminate(new DenoConn(conn), NEVER);
    await echo(terminated);
    terminated.conn.close();
  });
}

function addressOf({ port }: { readonly port: number }): Address {
  return { transport: "tcp", hostname: "127.0.0.1", port };
}

function progress(): Attempts {
  return { endpoint: "", attempts: 0 };
}

async function roundTrip(conn: Conn): Promise<string> {
  await writeAll(conn, new TextEncoder().encode("hello"));
  const buffer = new Uint8Array(16);
  const count = await conn.read(buffer);
  return count === null ? "" : new TextDecoder().decode(buffer.subarray(0, count));
}
