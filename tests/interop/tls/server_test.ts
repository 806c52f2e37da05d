import assert from "node:assert/strict";
import { CertificateAuthority, OPENSSL, RSA } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { writeAll } from "../../../src/net/socket/conn.ts";
import { DenoConn } from "../../../src/net/socket/deno_socket.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import { TlsServer } from "../../../src/net/tls/server.ts";
import { connect, readText, writeText } from "../../support/peers/sockets.ts";
import { curl, openssl } from "../servers/tls_clients.ts";
import { serverOptions, TerminatingServer } from "./terminating_server.ts";
import {
  authority as newAuthority,
  authorityFlag,
  issue,
  type Issued,
  unknownExtension,
} from "../../support/bytes/certificate_bytes.ts";

interopTest("a server picks the certificate by the name the client asks for", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const options = await serverOptions(authority, [
    await authority.issue({ name: "default.test", newKey: RSA }),
    await authority.issue({ name: "wild.test", names: ["DNS:*.shop.test"] }),
    await authority.issue({ name: "exact.test", names: ["DNS:www.shop.test"] }),
  ], { alpn: ["h2", "http/1.1"] });
  const server = stack.use(new TerminatingServer(options));
  const cases: [string[], string, unknown][] = [
    [["-servername", "www.shop.test"], "exact.test", { serverName: "www.shop.test", version: "TLSv1.3" }],
    [["-servername", "a.shop.test"], "wild.test", { serverName: "a.shop.test", version: "TLSv1.3" }],
    [["-servername", "unknown.test"], "default.test", { serverName: "unknown.test", version: "TLSv1.3" }],
    [["-noservername"], "default.test", { version: "TLSv1.3" }],
    [["-noservername", "-tls1_2", "-alpn", "http/1.1"], "default.test", {
      version: "TLSv1.2",
      alpn: "http/1.1",
    }],
    [["-servername", "b.shop.test", "-tls1_2", "-alpn", "x,h2"], "wild.test", {
      serverName: "b.shop.test",
      version: "TLSv1.2",
      alpn: "h2",
    }],
  ];
  for (const [args, name, facts] of cases) {
    const { code, received, report } = await openssl(
      server.port,
      [...args, "-CAfile", authority.cert, "-verify_return_error"],
      "hello",
    );
    assert.equal(received, "hello", `${args}: ${report}`);
    assert.equal(code, 0);
    assert.match(report, new RegExp(`^Peer certificate: O = Test, CN = ${name}$`, "m"));
    assert.deepEqual(await server.outcome(), facts);
  }
});

interopTest("a server serves with a key of every kind that is read", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const curves = ["P-256", "P-384", "P-521"].map((curve) => ["ec", "-pkeyopt", `ec_paramgen_curve:${curve}`]);
  for (const [index, newKey] of [RSA, ["ed25519"], ...curves].entries()) {
    const pair = await authority.issue({ name: `key${index}.test`, newKey });
    const server = stack.use(new TerminatingServer(await serverOptions(authority, [pair])));
    const { received, report } = await openssl(
      server.port,
      ["-CAfile", authority.cert, "-verify_return_error"],
      "hello",
    );
    assert.equal(received, "hello", `${newKey}: ${report}`);
  }
});

for (const version of ["-tls1_2", "-tls1_3"]) {
  interopTest(
    `client certificates are verified, whatever certificate serves (${version})`,
    OPENSSL,
    async (stack) => {
      const authority = stack.use(await CertificateAuthority.create());
      const rogue = stack.use(await CertificateAuthority.create("Test CA"));
      const pairs = [await authority.issue({ name: "a.test" }), await authority.issue({ name: "b.test" })];
      const client = await authority.issue({ name: "alice", usage: "clientAuth" });
      const bad = [
        [
          await rogue.issue({ name: "alice", usage: "clientAuth" }),
          /: its issuer, CN=Test CA, is not trusted$/,
        ],
        [{ cert: rogue.cert, key: `${rogue.directory}/ca.key` }, /: its issuer, CN=Test CA, is not trusted$/],
        [
          await authority.issue({ name: "alice", usage: "clientAuth", from: -9, until: -2 }),
          /: it expired on \d{4}/,
        ],
        [
          await authority.issue({ name: "alice", usage: "clientAuth", from: 2, until: 9 }),
          /: it is valid only from /,
        ],
        [await authority.issue({ name: "alice" }), /: its key usage does not allow it as a client's$/],
      ] as const;
      const require = stack.use(
        new TerminatingServer(await serverOptions(authority, pairs, { clientAuth: "require" })),
      );
      const request = stack.use(
        new TerminatingServer(await serverOptions(authority, pairs, { clientAuth: "request" })),
      );
      const connect = (server: TerminatingServer, name: string, pair?: { cert: string; key: string }) => {
        const own = pair === undefined ? [] : ["-cert", pair.cert, "-key", pair.key];
        return openssl(server.port, [version, "-servername", name, ...own], "hello");
      };
      const refusal = { name: "ProxyError", code: "tls_certificate_rejected", side: "client" };
      for (const name of ["a.test", "b.test"]) {
        for (const server of [require, request]) {
          assert.equal((await connect(server, name, client)).received, "hello");
          const { clientSubject } = await server.outcome() as { clientSubject?: string };
          assert.equal(clientSubject, "O=Test, CN=alice");
          for (const [pair, message] of bad) {
            assert.equal((await connect(server, name, pair)).received, "", String(message));
            const refused = () => server.outcome().then((outcome) => Promise.reject(outcome));
            await assert.rejects(refused(), { ...refusal, message }, String(message));
          }
        }
        assert.equal((await connect(request, name)).received, "hello");
        assert.equal("clientSubject" in (await request.outcome() as object), false);
        assert.equal((await connect(require, name)).received, "");
        await assert.rejects(require.outcome().then((outcome) => Promise.reject(outcome)), {
          ...refusal,
          message: "The client sent no certificate",
        });
      }
    },
  );
}

for (const version of ["-tls1_2", "-tls1_3"]) {
  interopTest(`a refusal names the problem of the client's chain (${version})`, OPENSSL, async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const clients = newAuthority();
    const pinned = issue({ subject: "pinned", from: -9, until: -2 });
    const server = stack.use(
      new TerminatingServer(
        await serverOptions(authority, [await authority.issue({ name: "a.test" })], {
          clientAuth: "require",
          clientAuthorities: [clients.pem, pinned.pem],
        }),
      ),
    );
    const old = issue({ subject: "Old", extensions: [authorityFlag()], from: -9, until: -2 }, clients);
    const cases: [Issued[], RegExp][] = [
      [
        [issue({ subject: "alice", version: 1 }, clients)],
        /: it is of X\.509 version 1; make it version 3, as "openssl x509 -req" does with -extfile FILE and a line such as basicConstraints=CA:FALSE in that file$/,
      ],
      [[issue({ subject: "alice" }, old), old], /: its issuer, CN=Old, is not good: it expired on \d{4}-/],
      // node:tls does not check the dates of a certificate that is itself in client_ca.
      [[pinned], /: it expired on \d{4}-/],
      [[issue({ subject: "alice" }, old)], /: its issuer, CN=Old, is not trusted$/],
      [
        [issue({ subject: "alice", extensions: [unknownExtension(true)] }, clients)],
        /: it cannot be read, or has a critical extension that is not understood$/,
      ],
    ];
    for (const [index, [chain, message]] of cases.entries()) {
      const cert = await authority.file(`client${index}.pem`, chain.map(({ pem }) => pem).join(""));
      const text = chain[0]!.keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
      const key = await authority.file(`client${index}.key`, text);
      await openssl(server.port, [version, "-cert", cert, "-cert_chain", cert, "-key", key], "hello");
      const refused = () => server.outcome().then((outcome) => Promise.reject(outcome));
      await assert.rejects(refused(), { code: "tls_certificate_rejected", message }, String(message));
    }
  });
}

const CURL = { needs: ["openssl", "curl"], install: "apt-get install openssl curl" };

interopTest("curl gets an answer that ends with close_notify only", CURL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const body = "x".repeat(200_000);
  const options = await serverOptions(authority, [await authority.issue({ name: "a.test" })], {
    alpn: ["http/1.1"],
  });
  const server = stack.use(
    new TerminatingServer(options, async ({ conn }) => {
      await conn.read(new Uint8Array(4096));
      await writeAll(conn, new TextEncoder().encode(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`));
    }),
  );
  const url = `https://a.test:${server.port}/`;
  const args = ["--cacert", authority.cert, "--resolve", `a.test:${server.port}:127.0.0.1`, url];
  for (const version of ["--tls-max", "--tlsv1.3"]) {
    const got = await curl([version, ...version === "--tls-max" ? ["1.2"] : [], ...args]);
    assert.equal(got.length, body.length);
  }
});

interopTest("new certificates serve new handshakes, and none is lost", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const caCerts = [await Deno.readTextFile(authority.cert)];
  const names = ["DNS:a.test"];
  const first = await serverOptions(authority, [await authority.issue({ name: "first", names })]);
  const second = await serverOptions(authority, [await authority.issue({ name: "second", names })]);
  const server = stack.use(new TerminatingServer(first));
  const open = async () => {
    const conn = await Deno.startTls(await connect(server.port), { hostname: "a.test", caCerts });
    await conn.handshake();
    return conn;
  };
  const roundTrip = async (conn: Deno.TlsConn) => {
    await writeText(conn, "x");
    await conn.read(new Uint8Array(1));
  };
  const old = stack.use(await open());
  for (let round = 0; round < 30; round++) {
    const opening = [open(), open(), open()];
    server.server.update(round % 2 === 0 ? second : first);
    for (const conn of await Promise.all(opening)) {
      await roundTrip(conn);
      conn.close();
    }
  }
  server.server.update(second);
  const { report } = await openssl(server.port, ["-servername", "a.test"], "x");
  assert.match(report, /CN = second$/m);
  await roundTrip(old);
});

interopTest("TLS starts right after bytes that were read before", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const options = await serverOptions(authority, [await authority.issue({ name: "a.test" })]);
  const server = new TlsServer(options, new PendingHandshakes(1));
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tcp = await connect((listener.addr as Deno.NetAddr).port);
  const accepted = await listener.accept();
  await writeText(tcp, "PROXY UNKNOWN\r\n");
  await readText(accepted, "PROXY UNKNOWN\r\n".length);
  const caCerts = [await Deno.readTextFile(authority.cert)];
  const [client, { conn, facts }] = await Promise.all([
    Deno.startTls(tcp, { hostname: "a.test", caCerts }).then(async (conn) => {
      await conn.handshake();
      return conn;
    }),
    server.terminate(new DenoConn(accepted as Deno.TcpConn), new AbortController().signal),
  ]);
  assert.equal(facts.serverName, "a.test");
  assert.deepEqual(conn.remoteAddress, { ...tcp.localAddr });
  await writeAll(conn, new TextEncoder().encode("hello"));
  assert.equal(await readText(client, 5), "hello");
  conn.close();
  assert.equal(await client.read(new Uint8Array(1)), null);
  client.close();
});
