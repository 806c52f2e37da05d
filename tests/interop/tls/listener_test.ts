import assert from "node:assert/strict";
import { connect as connectNode } from "node:net";
import { acceptConnections } from "../../../src/net/socket/accept.ts";
import type { TcpAddress } from "../../../src/net/address.ts";
import { writeAll } from "../../../src/net/socket/conn.ts";
import { ProxyError, proxyErrorOf } from "../../../src/net/errors.ts";
import { type Credentials, loadCredentials } from "../../../src/net/tls/credentials.ts";
import { DenoTlsConn, TlsListener } from "../../../src/net/tls/listener.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import { readAll, writeText } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { openssl } from "../servers/tls_clients.ts";
import { echo } from "./terminating_server.ts";

const ANYWHERE: TcpAddress = { transport: "tcp", hostname: "127.0.0.1", port: 0 };
const NEVER = new AbortController().signal;

interface Started {
  readonly authority: CertificateAuthority;
  readonly listener: TlsListener;
  readonly port: number;
  readonly credentials: Credentials;
}

async function start(stack: AsyncDisposableStack, alpn: string[] = []): Promise<Started> {
  const authority = stack.use(await CertificateAuthority.create());
  const credentials = await loadCredentials(await authority.issue({ name: "a.test" }));
  const listener = TlsListener.bind(ANYWHERE, { credentials, alpn });
  stack.defer(() => listener.close());
  return { authority, listener, port: (listener.address as TcpAddress).port, credentials };
}

async function accepted(listener: TlsListener): Promise<DenoTlsConn> {
  const conn = await listener.accept();
  assert.ok(conn instanceof DenoTlsConn);
  return conn;
}

/** Accepts one connection and returns the error of its handshake. */
async function failureOf(listener: TlsListener, pending = new PendingHandshakes(9)): Promise<ProxyError> {
  const conn = await accepted(listener);
  const outcome = await conn.handshake(pending, NEVER).catch((error) => error);
  assert.ok(outcome instanceof ProxyError, String(outcome));
  return outcome;
}

interopTest(
  "a Deno.listenTls listener serves openssl and reports the ALPN protocol",
  OPENSSL,
  async (stack) => {
    const { authority, listener, port } = await start(stack, ["h2", "http/1.1"]);
    for (
      const [args, facts] of [[["-alpn", "x,http/1.1"], { alpn: "http/1.1" }], [["-tls1_2"], {}]] as const
    ) {
      const verify = ["-CAfile", authority.cert, "-verify_return_error", "-verify_hostname", "a.test"];
      const client = openssl(port, [...args, ...verify], "hello");
      const terminated = await (await accepted(listener)).handshake(new PendingHandshakes(9), NEVER);
      assert.deepEqual(terminated.facts, facts);
      await echo(terminated);
      terminated.conn.close();
      const { received, report } = await client;
      assert.equal(received, "hello", report);
    }
  },
);

interopTest("a Deno.listenTls listener reports why a handshake failed", OPENSSL, async (stack) => {
  const { listener, port } = await start(stack, ["h2"]);
  const plain = await Deno.connect({ hostname: "127.0.0.1", port });
  await writeText(plain, "GET / HTTP/1.1\r\n\r\n");
  assert.equal((await failureOf(listener)).message, "The client sent something that is not TLS");
  plain.close();
  (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  assert.equal((await failureOf(listener)).message, "The client closed during the handshake");
  const cases: [string[], string, RegExp][] = [
    [["-alpn", "spdy"], "tls_handshake_failed", /^The client has no protocol \(ALPN\) in common with us$/],
    [
      ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
      "tls_handshake_failed",
      /^The client has no TLS version in common/,
    ],
    [
      ["-verify_return_error"],
      "tls_refused",
      /^The client does not trust the issuer .* \(alert UnknownCA\)$/,
    ],
  ];
  for (const [args, code, message] of cases) {
    const client = openssl(port, args);
    const failure = await failureOf(listener);
    assert.equal(failure.code, code);
    assert.match(failure.message, message);
    assert.equal(failure.side, "client");
    await client;
  }
});

interopTest(
  "a Deno.listenTls listener half-closes, and distinguishes truncation from an end",
  OPENSSL,
  async (stack) => {
    const { authority, listener, port } = await start(stack);
    const caCerts = [await Deno.readTextFile(authority.cert)];
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    const client = await Deno.startTls(tcp, { hostname: "a.test", caCerts });
    const conn = await accepted(listener);
    await Promise.all([client.handshake(), conn.handshake(new PendingHandshakes(9), NEVER)]);
    await client.closeWrite();
    const buffer = new Uint8Array(16);
    assert.equal(await conn.read(buffer), null);
    await writeAll(conn, new TextEncoder().encode("late"));
    conn.close();
    conn.close();
    conn.setOptions({ nodelay: true, keepalive: true });
    // It rejects unless close() has sent close_notify.
    assert.equal(new TextDecoder().decode(await readAll(client)), "late");
    client.close();

    const cut = await cutConnection(listener, port);
    const error = await cut.read(buffer).catch((cause) => proxyErrorOf(cause, "client"));
    assert.ok(error instanceof ProxyError);
    assert.equal(error.code, "tls_truncated");
    assert.equal(error.reason, "client closed without close_notify");
    cut.close();
  },
);

interopTest(
  "handshakes on a Deno.listenTls listener end at their deadline, and at the cap",
  OPENSSL,
  async (stack) => {
    const { listener, port } = await start(stack);
    const pending = new PendingHandshakes(2);
    const late = new ProxyError("tls_handshake_timeout", "client");
    const deadline = new AbortController();
    const clients: Deno.TcpConn[] = [];
    const handshakes: Promise<unknown>[] = [];
    for (let count = 0; count < 3; count++) {
      clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      const conn = await accepted(listener);
      handshakes.push(conn.handshake(pending, deadline.signal).catch((error) => error));
    }
    const first = await handshakes[0];
    assert.ok(first instanceof ProxyError);
    assert.equal(first.code, "tls_handshakes_full");
    deadline.abort(late);
    assert.deepEqual(await Promise.all(handshakes.slice(1)), [late, late]);
    // Their sockets stay open until they close them: see DenoTlsConn.handshake().
    for (const client of clients) client.close();
    assert.equal(pending.size, 0);
  },
);

interopTest(
  "a new certificate is served at once, and connections that are open stay",
  OPENSSL,
  async (stack) => {
    const { authority, listener, port } = await start(stack);
    const next = await loadCredentials(await authority.issue({ name: "next.test" }));
    const pending = new PendingHandshakes(9);
    const stopped = new AbortController();
    stack.defer(() => stopped.abort());
    const serving: Promise<void>[] = [];
    const loop = acceptConnections(listener, {
      onConnection: (conn) => {
        // A client that still got the old certificate refuses it.
        serving.push(
          (conn as DenoTlsConn).handshake(pending, NEVER).then(echo).catch(() => {}).finally(() =>
            conn.close()
          ),
        );
      },
      onError: (error) => assert.fail(String(error)),
      signal: stopped.signal,
    });
    const caCerts = [await Deno.readTextFile(authority.cert)];
    const connect = async (hostname: string) =>
      await Deno.startTls(await Deno.connect({ hostname: "127.0.0.1", port }), { hostname, caCerts });
    const roundTrip = async (conn: Deno.TlsConn) => {
      await writeText(conn, "x");
      assert.equal(await conn.read(new Uint8Array(1)), 1);
    };
    const old = await connect("a.test");
    await roundTrip(old);
    listener.replace({ credentials: next, alpn: [] });
    await roundTrip(old);
    // Until the old listener is closed, the kernel gives clients to it too; it resets those that come just before the
    // close.
    for (let inARow = 0; inARow < 20;) {
      const conn = await connect("next.test").catch(() => undefined);
      inARow = await conn?.handshake().then(() => inARow + 1, () => 0) ?? 0;
      conn?.close();
    }
    await roundTrip(old);
    old.close();
    stopped.abort();
    listener.close();
    await loop;
    await Promise.allSettled(serving);
  },
);

interopTest("a port in use is refused, also by a listener that shares it", OPENSSL, async (stack) => {
  const { listener, credentials } = await start(stack);
  const address = listener.address as TcpAddress;
  assert.throws(() => TlsListener.bind(address, { credentials, alpn: [] }), {
    name: "ListenError",
    code: "address_in_use",
  });
  const waiting = assert.rejects(listener.accept());
  listener.close();
  listener.close();
  await waiting;
  await assert.rejects(listener.accept(), { name: "BadResource" });
});

/** A client that completes the handshake and then ends the TCP connection without close_notify. */
async function cutConnection(listener: TlsListener, port: number): Promise<DenoTlsConn> {
  const { connect } = await import("node:tls");
  const raw = connectNode({ host: "127.0.0.1", port });
  const socket = connect({ socket: raw, servername: "a.test", rejectUnauthorized: false });
  socket.on("error", () => {});
  const secure = new Promise<void>((resolve) => void socket.once("secureConnect", resolve));
  const conn = await accepted(listener);
  await Promise.all([secure, conn.handshake(new PendingHandshakes(9), NEVER)]);
  raw.end();
  return conn;
}
