import assert from "node:assert/strict";
import { type Conn, writeAll } from "../../../src/net/socket/conn.ts";
import { DenoConn } from "../../../src/net/socket/deno_socket.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { loadAuthorities, loadCredentials } from "../../../src/net/tls/credentials.ts";
import { TlsClient, type TlsClientOptions } from "../../../src/net/tls/client.ts";
import { connect, upstream } from "../../support/peers/sockets.ts";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { OpensslServer } from "../servers/openssl_server.ts";
import { serverOptions, TerminatingServer } from "./terminating_server.ts";
import type { TlsServerOptions } from "../../../src/net/tls/server.ts";

const NEVER = new AbortController().signal;

async function dial(port: number): Promise<Conn> {
  return new DenoConn(await connect(port));
}

async function roundTrip(conn: Conn): Promise<string> {
  await writeAll(conn, new TextEncoder().encode("hello"));
  const buffer = new Uint8Array(16);
  const count = await conn.read(buffer);
  return count === null ? "" : new TextDecoder().decode(buffer.subarray(0, count));
}

class Fixture {
  readonly authority: CertificateAuthority;
  readonly #fixture: AsyncDisposableStack;

  constructor(stack: AsyncDisposableStack, authority: CertificateAuthority) {
    this.#fixture = stack;
    this.authority = authority;
  }

  static async create(stack: AsyncDisposableStack): Promise<Fixture> {
    return new Fixture(stack, stack.use(await CertificateAuthority.create()));
  }

  async client(options: Partial<TlsClientOptions> = {}): Promise<TlsClient> {
    return new TlsClient({
      authorities: await loadAuthorities(this.authority.cert),
      credentials: undefined,
      verify: true,
      alpn: [],
      ...options,
    });
  }

  /** A server with a certificate of this authority or of another one. */
  async server(pair: KeyPair, options: Partial<TlsServerOptions> = {}): Promise<TerminatingServer> {
    // Loading refuses an expired certificate, so this loads it as of a date on which it was valid.
    const certificates = [await loadCredentials(pair, await validDate(pair.cert))];
    const all = await serverOptions(this.authority, [], { certificates, ...options });
    return this.#fixture.use(new TerminatingServer(all));
  }
}

async function validDate(path: string): Promise<Date> {
  const { X509Certificate } = await import("node:crypto");
  return new Date(new X509Certificate(await Deno.readTextFile(path)).validFromDate.getTime() + 1000);
}

interopTest("TLS to an upstream: name, ALPN, half-close", OPENSSL, async (stack) => {
  const the = await Fixture.create(stack);
  const server = await the.server(await the.authority.issue({ name: "db.test" }), { alpn: ["pg", "x"] });
  const client = await the.client({ alpn: ["x"] });
  const conn = await client.startTls(await dial(server.port), "db.test", NEVER);
  assert.deepEqual(await server.outcome(), { serverName: "db.test", alpn: "x", version: "TLSv1.3" });
  assert.equal(await roundTrip(conn), "hello");
  await conn.closeWrite();
  assert.equal(await conn.read(new Uint8Array(1)), null);
  conn.close();
});

interopTest("TLS to an upstream by its address sends no name", OPENSSL, async (stack) => {
  const the = await Fixture.create(stack);
  const server = await the.server(await the.authority.issue({ name: "db", names: ["IP:127.0.0.1"] }));
  const client = await the.client();
  const conn = await client.startTls(await dial(server.port), "127.0.0.1", NEVER);
  assert.deepEqual(await server.outcome(), { version: "TLSv1.3" });
  assert.equal(await roundTrip(conn), "hello");
  conn.close();
  await assert.rejects(client.startTls(await dial(server.port), "127.0.0.2", NEVER), {
    code: "tls_certificate_rejected",
    message: /: it is not for "127\.0\.0\.2" but for IP/,
  });
});

interopTest(
  "a certificate of an upstream that fails a check is rejected, and the check is named",
  OPENSSL,
  async (stack) => {
    const the = await Fixture.create(stack);
    const rogue = stack.use(await CertificateAuthority.create("Rogue CA"));
    const cases: [KeyPair, RegExp][] = [
      [
        await the.authority.issue({ name: "other.test" }),
        /: it is not for "db\.test" but for DNS:other\.test$/,
      ],
      [await the.authority.issue({ name: "db.test", from: -9, until: -2 }), /: it expired on \d{4}-/],
      [await the.authority.issue({ name: "db.test", from: 2, until: 9 }), /: it is valid only from \d{4}-/],
      [await rogue.issue({ name: "db.test" }), /: its issuer, CN=Rogue CA, is not trusted$/],
      [
        await the.authority.issue({ name: "db.test", usage: "clientAuth" }),
        /: its key usage does not allow it as a server's$/,
      ],
    ];
    const client = await the.client();
    const unverified = await the.client({ verify: false });
    for (const [pair, message] of cases) {
      const server = await the.server(pair);
      await assert.rejects(client.startTls(await dial(server.port), "db.test", NEVER), {
        name: "ProxyError",
        code: "tls_certificate_rejected",
        side: "upstream",
        message,
      });
      const conn = await unverified.startTls(await dial(server.port), "db.test", NEVER);
      assert.equal(await roundTrip(conn), "hello");
      conn.close();
    }
  },
);

interopTest("an upstream gets our certificate, and its refusal is an error", OPENSSL, async (stack) => {
  const the = await Fixture.create(stack);
  const pair = await the.authority.issue({ name: "db.test" });
  const server = await the.server(pair, { clientAuth: "require" });
  const credentials = await loadCredentials(
    await the.authority.issue({ name: "proxy", usage: "clientAuth" }),
  );
  const known = await (await the.client({ credentials })).startTls(await dial(server.port), "db.test", NEVER);
  assert.equal((await server.outcome() as { clientSubject: string }).clientSubject, "O=Test, CN=proxy");
  assert.equal(await roundTrip(known), "hello");
  known.close();

  for (const version of ["-tls1_2", "-tls1_3"]) {
    const openssl = stack.use(
      await OpensslServer.start(pair, [version, "-Verify", "1", "-CAfile", the.authority.cert]),
    );
    const attempt = async () => {
      const conn = await (await the.client()).startTls(await dial(openssl.port), "db.test", NEVER);
      try {
        await conn.read(new Uint8Array(1));
      } finally {
        conn.close();
      }
    };
    await assert.rejects(attempt, {
      name: "ProxyError",
      code: "tls_refused",
      side: "upstream",
      message: /certificate/,
    });
  }
});

interopTest("every other failure of TLS to an upstream has its error", OPENSSL, async (stack) => {
  const the = await Fixture.create(stack);
  const client = await the.client({ alpn: ["x"] });
  const failure = async (port: number, signal = NEVER): Promise<ProxyError> => {
    const outcome = await client.startTls(await dial(port), "db.test", signal).catch((error) => error);
    assert.ok(outcome instanceof ProxyError, String(outcome));
    assert.equal(outcome.side, "upstream");
    return outcome;
  };
  const smtp = stack.use(upstream(async (conn) => {
    await conn.write(new TextEncoder().encode("220 mail.test ESMTP\r\n"));
    await conn.read(new Uint8Array(1000));
  }));
  assert.equal((await failure(smtp.port)).message, "The upstream sent something that is not TLS");
  const closing = stack.use(upstream(async (conn) => void await conn.read(new Uint8Array(1000))));
  assert.equal((await failure(closing.port)).message, "The upstream closed during the handshake");
  const server = stack.use(
    await OpensslServer.start(await the.authority.issue({ name: "db.test" }), ["-alpn", "h2"]),
  );
  assert.match(
    (await failure(server.port)).message,
    /^The upstream has no protocol \(ALPN\) in common with us/,
  );

  const deadline = new AbortController();
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<number | null>();
  const silent = stack.use(upstream(async (conn) => {
    await conn.read(new Uint8Array(1000));
    asked.resolve();
    closed.resolve(await conn.read(new Uint8Array(1000)));
  }));
  const late = new ProxyError("tls_handshake_timeout", "upstream");
  const waiting = failure(silent.port, deadline.signal);
  await asked.promise;
  deadline.abort(late);
  assert.equal(await waiting, late);
  assert.equal(await closed.promise, null);
});
