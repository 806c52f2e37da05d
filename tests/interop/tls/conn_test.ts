import assert from "node:assert/strict";
import { connect as connectNode, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { writeAll } from "../../../src/net/socket/conn.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import type { Terminated } from "../../../src/net/tls/server.ts";
import {
  connect as connectTcp,
  echo,
  readAll,
  readText,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { openssl } from "../servers/tls_clients.ts";
import { type Handler, serverOptions, TerminatingServer } from "./terminating_server.ts";
import type { TlsServerOptions } from "../../../src/net/tls/server.ts";

interface Started {
  readonly authority: CertificateAuthority;
  readonly server: TerminatingServer;
  readonly connect: () => Promise<Deno.TlsConn>;
}

async function start(
  stack: AsyncDisposableStack,
  handle?: Handler,
  options: Partial<TlsServerOptions> = {},
  settings?: ConstructorParameters<typeof TerminatingServer>[2],
): Promise<Started> {
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: "a.test", names: ["DNS:a.test", "IP:127.0.0.1"] });
  const server = stack.use(
    new TerminatingServer(await serverOptions(authority, [pair], options), handle, settings),
  );
  const caCerts = [await Deno.readTextFile(authority.cert)];
  const connect = async () => {
    const conn = await Deno.connectTls({ hostname: "127.0.0.1", port: server.port, caCerts });
    stack.defer(() => {
      try {
        conn.close();
      } catch {
        // The test has closed it.
      }
    });
    await conn.handshake();
    return conn;
  };
  return { authority, server, connect };
}

/** Gives the test the server side of the next connection, so that it can drive both sides. */
function handOver(): { handle: Handler; terminated: Promise<Terminated>; done: () => void } {
  const arrived = Promise.withResolvers<Terminated>();
  const done = Promise.withResolvers<void>();
  return {
    handle: (terminated) => {
      arrived.resolve(terminated);
      return done.promise;
    },
    terminated: arrived.promise,
    done: done.resolve,
  };
}

async function failureOf(server: TerminatingServer): Promise<ProxyError> {
  const outcome = await server.outcome();
  assert.ok(outcome instanceof ProxyError, String(outcome));
  return outcome;
}

interopTest(
  "a half-closed TLS connection keeps flowing the other way, either way",
  OPENSSL,
  async (stack) => {
    const side = handOver();
    const { connect } = await start(stack, side.handle);
    const client = await connect();
    const { conn } = await side.terminated;
    const buffer = new Uint8Array(64);
    await client.closeWrite();
    assert.equal(await conn.read(buffer), null);
    await writeAll(conn, new TextEncoder().encode("late"));
    await conn.closeWrite();
    assert.equal(new TextDecoder().decode(await readAll(client)), "late");
    side.done();

    const other = handOver();
    const second = await start(stack, other.handle);
    const reader = await second.connect();
    const { conn: first } = await other.terminated;
    await first.closeWrite();
    assert.equal(await reader.read(buffer), null);
    await writeText(reader, "after the end");
    assert.equal(await first.read(buffer), "after the end".length);
    await reader.closeWrite();
    assert.equal(await first.read(buffer), null);
    other.done();
  },
);

interopTest("close() sends close_notify, with or without anything written", OPENSSL, async (stack) => {
  const { connect } = await start(stack, async ({ conn }) => {
    const buffer = new Uint8Array(1);
    await conn.read(buffer);
    if (buffer[0] === 1) await writeAll(conn, new Uint8Array(300_000));
    conn.close();
    conn.close();
  });
  for (const [flag, length] of [[0, 0], [1, 300_000]] as const) {
    for (let round = 0; round < 20; round++) {
      const client = await connect();
      await client.write(Uint8Array.of(flag));
      // Without close_notify this rejects: UnexpectedEof.
      assert.equal((await readAll(client)).byteLength, length);
      client.close();
    }
  }
});

interopTest("closing frees the connection even when the peer does not read", OPENSSL, async (stack) => {
  const side = handOver();
  const { connect } = await start(stack, side.handle);
  await connect();
  const { conn } = await side.terminated;
  const writing = assert.rejects(async () => {
    for (;;) await conn.write(new Uint8Array(256 * 1024));
  });
  const reading = assert.rejects(conn.read(new Uint8Array(1)));
  conn.close();
  await Promise.all([writing, reading]);
  side.done();
});

interopTest("a slow reader stops the sender, both ways", OPENSSL, async (stack) => {
  const side = handOver();
  const { connect } = await start(stack, side.handle);
  const client = await connect();
  const { conn } = await side.terminated;
  const echoServer = stack.use(upstream(echo));
  const elsewhere = stack.use(await connectTcp(echoServer.port));
  const chunk = new Uint8Array(64 * 1024).fill(7);
  const total = 512 * chunk.byteLength;
  const fill = async (write: (bytes: Uint8Array) => Promise<number>, count: { bytes: number }) => {
    while (count.bytes < total) {
      count.bytes += await write(chunk.subarray(0, Math.min(chunk.byteLength, total - count.bytes)));
    }
  };
  for (const [from, to] of [[conn, client], [client, conn]] as const) {
    const sent = { bytes: 0 };
    const filling = fill((bytes) => from.write(bytes), sent);
    // Stalled means that the write takes nothing more during this many round trips on another connection.
    for (let before = -1; before !== sent.bytes;) {
      before = sent.bytes;
      for (let round = 0; round < 300; round++) await roundTrip(elsewhere);
    }
    assert.ok(sent.bytes < total / 2, `${sent.bytes} of ${total} bytes taken`);
    const buffer = new Uint8Array(chunk.byteLength);
    for (let received = 0; received < total;) {
      const count = await to.read(buffer);
      assert.ok(count !== null);
      assert.ok(buffer.subarray(0, count).every((byte) => byte === 7));
      received += count;
    }
    await filling;
  }
  side.done();
});

interopTest("a client's reset is an error on the server's side", OPENSSL, async (stack) => {
  const side = handOver();
  const { server } = await start(stack, side.handle);
  const { raw, socket } = await nodeClient(server.port);
  const { conn } = await side.terminated;
  socket.on("error", () => {});
  raw.resetAndDestroy();
  await assert.rejects(conn.read(new Uint8Array(1)), { name: "ConnectionReset" });
  await assert.rejects(conn.write(new Uint8Array(1)));
  await conn.closeWrite();
  side.done();
  if (!socket.closed) await new Promise((resolve) => socket.on("close", resolve));
});

interopTest("a handshake that its deadline cuts short is closed", OPENSSL, async (stack) => {
  const late = new ProxyError("tls_handshake_timeout", "client");
  const deadline = new AbortController();
  const { server } = await start(stack, undefined, {}, { signalFor: () => deadline.signal });
  const silent = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const begun = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  // The beginning of a handshake record whose rest never comes.
  await begun.write(Uint8Array.of(22, 3, 1, 2, 0, 1));
  const ends = Promise.all([readAll(silent), readAll(begun)].map((end) => end.catch(() => "reset")));
  deadline.abort(late);
  assert.equal(await server.outcome(), late);
  assert.equal(await server.outcome(), late);
  await ends;
  silent.close();
  begun.close();
});

interopTest("the oldest unfinished handshake is closed when there are too many", OPENSSL, async (stack) => {
  const pending = new PendingHandshakes(3);
  const { server, connect } = await start(stack, undefined, {}, { pending });
  const done = await connect();
  assert.deepEqual(Object.keys(await server.outcome() as object), ["version"]);
  const silent: Deno.TcpConn[] = [];
  for (let count = 0; count < 4; count++) {
    silent.push(await Deno.connect({ hostname: "127.0.0.1", port: server.port }));
  }
  assert.equal((await failureOf(server)).code, "tls_handshakes_full");
  assert.equal((await readAll(silent[0]!)).byteLength, 0);
  assert.equal(pending.size, 3);
  // A finished handshake takes no place, and a good client succeeds.
  await writeText(done, "x");
  assert.equal(await done.read(new Uint8Array(1)), 1);
  await connect();
  for (const conn of silent) conn.close();
});

interopTest("the error of a handshake says what is wrong", OPENSSL, async (stack) => {
  const { server } = await start(stack, undefined, { alpn: ["h2"], minVersion: "1.3" });
  const plain = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await writeText(plain, "GET / HTTP/1.1\r\n\r\n");
  const notTls = await failureOf(server);
  assert.equal(notTls.code, "tls_handshake_failed");
  assert.equal(notTls.message, "The client sent something that is not TLS");
  plain.close();

  const gone = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  gone.close();
  assert.equal((await failureOf(server)).message, "The client closed during the handshake");

  await openssl(server.port, ["-tls1_2"]);
  assert.equal((await failureOf(server)).message, "The client has no TLS version in common with us");
  await openssl(server.port, ["-alpn", "spdy"]);
  assert.equal((await failureOf(server)).message, "The client has no protocol (ALPN) in common with us");
  await openssl(server.port, ["-verify_return_error", "-verify", "1"]);
  const refused = await failureOf(server);
  assert.equal(refused.code, "tls_refused");
  assert.match(
    refused.message,
    /^The client does not trust the issuer of our certificate \(alert UnknownCA\)$/,
  );
});

interopTest("a refused client cannot come back with a session ticket", OPENSSL, async (stack) => {
  const rogue = stack.use(await CertificateAuthority.create("Rogue"));
  const pair = await rogue.issue({ name: "eve", usage: "clientAuth" });
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const { server, authority } = await start(stack, undefined, { clientAuth: "require" });
    const session = `${authority.directory}/session.pem`;
    const args = [version, "-cert", pair.cert, "-key", pair.key];
    await openssl(server.port, [...args, "-sess_out", session], "hello");
    assert.equal((await failureOf(server)).code, "tls_certificate_rejected");
    const hasTicket = await Deno.stat(session).then(() => true, () => false);
    const again = await openssl(server.port, [...args, ...hasTicket ? ["-sess_in", session] : []], "hello");
    assert.equal(again.received, "");
    assert.equal((await failureOf(server)).code, "tls_certificate_rejected");
  }
});

async function roundTrip(conn: Deno.Conn): Promise<void> {
  await writeText(conn, "x");
  await readText(conn, 1);
}

async function nodeClient(port: number): Promise<{ raw: Socket; socket: ReturnType<typeof connectTls> }> {
  const raw = connectNode({ host: "127.0.0.1", port });
  const socket = connectTls({ socket: raw, servername: "a.test", rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  return { raw, socket };
}
