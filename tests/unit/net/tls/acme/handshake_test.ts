import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { EcKey } from "../../../../../src/acme/keys.ts";
import { ProxyError } from "../../../../../src/net/errors.ts";
import { listen } from "../../../../../src/net/socket/listen.ts";
import { PendingHandshakes } from "../../../../../src/net/tls/pending.ts";
import { TlsServer } from "../../../../../src/net/tls/server.ts";
import {
  concat,
  helloMessage,
  inRecords,
  latin1,
  number,
  vector,
} from "../../../../support/bytes/client_hello_bytes.ts";
import { OPENSSL } from "../../../../support/certificates.ts";
import { interopTest, run } from "../../../../support/interop.ts";
import { connect, readText } from "../../../../support/peers/sockets.ts";
import { serverOptions } from "../tls_fixture.ts";

const NEVER = new AbortController().signal;

/** A folder with the answer to the checks of a name. */
async function answersFor(name: string) {
  const path = await Deno.makeTempDir();
  const key = await EcKey.generate();
  const digest = new Uint8Array(createHash("sha256").update("proof").digest());
  const certificate = key.challengeCertificate(name, digest, Date.now());
  await Deno.writeTextFile(`${path}/${name}.pem`, certificate + key.toPem());
  return { path, certificate, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A TLS server that orders a certificate for a.test, whose next client is the openssl of `args`. */
async function check(args: readonly string[], { answers = true, certificates = true } = {}) {
  await using answer = await answersFor(answers ? "a.test" : "b.test");
  const { path: folder, certificate } = answer;
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, { adapter: "deno" });
  try {
    const options = serverOptions({ acmeAnswers: { names: ["a.test"], folder } });
    const server = new TlsServer(
      { ...options, ...certificates ? {} : { certificates: [] } },
      new PendingHandshakes(9),
    );
    const served = listener.accept().then((conn) => server.terminate(conn, NEVER)).then(
      ({ conn }) => conn.close(),
      (error) => error as ProxyError,
    );
    const port = (listener.address as { port: number }).port;
    const client = run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-showcerts", ...args]);
    const shown = await client.then(({ text }) => text, (error: Error) => error.message);
    return { error: await served, shown, certificate };
  } finally {
    listener.close();
  }
}

const CHECK = ["-alpn", "acme-tls/1", "-servername", "a.test"];

for (const group of ["X25519", "P-256"]) {
  interopTest(`TlsServer answers a check over TLS with its certificate (${group})`, OPENSSL, async () => {
    const { error, shown, certificate } = await check([...CHECK, "-groups", group]);
    assert.equal((error as ProxyError).code, "acme_challenge");
    assert.match(shown, /ALPN protocol: acme-tls\/1/);
    assert.match(shown, /New, TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/);
    const presented = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(shown)![0];
    assert.ok(new X509Certificate(presented).raw.equals(new X509Certificate(certificate).raw));
  });
}

interopTest(
  "TlsServer answers checks while it has no certificate, and refuses all other clients",
  OPENSSL,
  async () => {
    const { error } = await check(CHECK, { certificates: false });
    assert.equal((error as ProxyError).code, "acme_challenge");
    const refused = await check(["-servername", "a.test"], { certificates: false });
    assert.equal((refused.error as ProxyError).code, "tls_certificate_missing");
  },
);

interopTest(
  "TlsServer refuses checks of names that are not ordered, and those that it cannot answer",
  OPENSSL,
  async () => {
    const detailOf = async (args: readonly string[], answers?: boolean) => {
      const { error } = await check(args, { answers: answers ?? true });
      assert.equal((error as ProxyError).code, "tls_handshake_failed");
      return (error as ProxyError).message;
    };
    assert.match(await detailOf(CHECK, false), /an ACME order of a\.test, and there is none/);
    const other = ["-alpn", "acme-tls/1", "-servername", "../a.test"];
    assert.match(await detailOf(other), /an ACME order of \.\.\/a\.test, and there is none/);
    assert.match(await detailOf([...CHECK, "-tls1_2"]), /does not offer TLS 1\.3.*use acme\.http/);
    assert.match(await detailOf([...CHECK, "-groups", "P-384"]), /does not offer TLS 1\.3/);
  },
);

interopTest(
  "TlsServer serves clients that offer more than the protocol of checks as usual",
  OPENSSL,
  async () => {
    const { error, shown } = await check(["-alpn", "h2,acme-tls/1", "-servername", "a.test"]);
    assert.equal(error, undefined);
    assert.match(shown, /subject=CN *= *a\.test/);
  },
);

Deno.test("TlsServer ends a check whose client stops in the middle, with everything that ends a handshake", async () => {
  await using folder = await answersFor("a.test");
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, { adapter: "deno" });
  const server = new TlsServer(
    serverOptions({ acmeAnswers: { names: ["a.test"], folder: folder.path } }),
    new PendingHandshakes(9),
  );
  try {
    const overdue = new AbortController();
    const served = listener.accept().then((conn) => server.terminate(conn, overdue.signal));
    const client = await connect((listener.address as { port: number }).port);
    try {
      await client.write(inRecords(helloMessage({ extensions: CHECK_EXTENSIONS }), [1000]));
      assert.equal(await readText(client, 3), "\x16\x03\x03"); // the ServerHello
      const reason = new ProxyError("tls_handshake_timeout", "client");
      overdue.abort(reason);
      await assert.rejects(served, reason);
      while (await client.read(new Uint8Array(4096)) !== null);
    } finally {
      client.close();
    }
  } finally {
    listener.close();
  }
});

/** Those of a check of a.test that can be answered. */
const CHECK_EXTENSIONS = [
  [0, vector(2, concat(number(0, 1), vector(2, latin1("a.test"))))],
  [16, vector(2, vector(1, latin1("acme-tls/1")))],
  [43, vector(1, number(0x0304, 2))],
  [13, vector(2, number(0x0403, 2))],
  [51, vector(2, concat(number(0x001d, 2), vector(2, new Uint8Array(32).fill(9))))],
] as const;
