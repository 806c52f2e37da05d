/** Peers that break the part before TLS, on either side: each ends in time, with a reason. */

import assert from "node:assert/strict";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import {
  connect,
  readAll,
  readText,
  type Upstream,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { Sluice } from "../../support/program/program.ts";
import { terminating, tlsClient } from "../../support/program/tls_termination.ts";

const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);
const STARTUP = "\0\0\0\x11\0\x03\0\0user\0a\0\0\0";

interopTest(
  "a client that breaks the part before TLS is refused, and the next one served",
  OPENSSL,
  async (stack) => {
    const { sluice, authority } = await terminating(stack, {
      tls: () => ["starttls: postgres", "handshake_timeout: 1s"],
    });
    const cases: [what: Uint8Array | string, answer: string, detail: RegExp | undefined][] = [
      // CVE-2021-23214: the bytes behind the request must not be taken for those of the client inside TLS.
      [bytes(SSL_REQUEST, STARTUP), "", /^The client sent something in plain text behind its SSLRequest$/],
      ["GET / HTTP/1.1\r\n\r\n", "", /not PostgreSQL/],
      [bytes(SSL_REQUEST.subarray(0, 7)), "", undefined], // until the timeout
      [SSL_REQUEST, "S", undefined],
      ["\0\0\x27\x11\0\x03\0\0", "", /first message of 10001 bytes/],
    ];
    for (const [what, answer, detail] of cases) {
      const count = sluice.events("connection_refused").length;
      const conn = await connect(sluice.port());
      await (typeof what === "string" ? writeText(conn, what) : conn.write(what));
      assert.equal(new TextDecoder().decode(await readAll(conn)), answer);
      conn.close();
      const refused = await sluice.loggedEvents("connection_refused", count + 1);
      if (detail === undefined) assert.equal(refused.at(-1)!.code, "tls_handshake_timeout");
      else assert.match(String(refused.at(-1)!.detail), detail);
    }
    const closed = await connect(sluice.port());
    closed.close();
    const [last] = (await sluice.loggedEvents("connection_refused", cases.length + 1)).slice(-1);
    assert.deepEqual([last!.code, last!.detail], ["tls_handshake_failed", "The client closed before TLS"]);

    const conn = await connect(sluice.port());
    await conn.write(SSL_REQUEST);
    assert.equal(await readText(conn, 1), "S");
    using tls = await Deno.startTls(conn, {
      hostname: "db.internal.test",
      caCerts: [await Deno.readTextFile(authority.cert)],
    });
    await writeText(tls, "hello");
    assert.equal(await readText(tls, 5), "hello");
    // The other way to begin, on the same port.
    using direct = await tlsClient(sluice.port(), authority, { alpn: ["postgresql"] });
    await writeText(direct, "hello");
    assert.equal(await readText(direct, 5), "hello");
  },
);

interopTest("a client that sends without end before TLS is refused", OPENSSL, async (stack) => {
  const { sluice } = await terminating(stack, { tls: () => ["starttls: imap"] });
  for (const endless of ["a".repeat(20_000), "a NOOP\r\n".repeat(3000)]) {
    const count = sluice.events("connection_refused").length;
    using conn = await connect(sluice.port());
    const reading = readAll(conn).catch(() => {});
    await writeText(conn, endless).catch(() => {});
    await reading;
    const refused = await sluice.loggedEvents("connection_refused", count + 1);
    assert.equal(refused.at(-1)!.detail, "The client sent too much before TLS");
  }
});

interopTest("an upstream that breaks the part before TLS fails the connection", OPENSSL, async (stack) => {
  const cases: [answer: string, code: string, detail: RegExp][] = [
    ["N", "tls_refused", /offers no TLS/],
    ["SR\0\0\0\x08\0\0\0\0", "tls_handshake_failed", /in plain text behind its consent to TLS/],
    ["E", "tls_handshake_failed", /something else than PostgreSQL/],
    ["S220 mail\r\n", "tls_handshake_failed", /in plain text behind/],
    ["", "tls_handshake_timeout", /TLS handshake timeout/],
    ["S", "tls_handshake_timeout", /TLS handshake timeout/],
  ];
  for (const [answer, code, detail] of cases) {
    const held = Promise.withResolvers<void>();
    const server = stack.use(answering(answer, held.promise));
    stack.defer(held.resolve);
    const sluice = stack.use(
      await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 127.0.0.1:0
    upstream: { endpoints: ["${server.address}"], retry: { attempts: 1 } }
    connect_timeout: 1s
    upstream_tls: { starttls: postgres, verify: false }
`),
    );
    using client = await connect(sluice.port());
    await writeText(client, STARTUP);
    assert.equal((await readAll(client)).length, 0);
    const [failed] = await sluice.loggedEvents("connection_failed", 1);
    assert.equal(failed!.code, code, answer);
    assert.match(String(failed!.detail ?? failed!.reason), detail);
    held.resolve();
  }
});

/** Answers the first bytes, and keeps the connection. */
function answering(answer: string, held: Promise<void>): Upstream {
  return upstream(async (conn) => {
    await conn.read(new Uint8Array(64));
    await writeText(conn, answer);
    await held;
  });
}

function bytes(start: Uint8Array, end = ""): Uint8Array {
  return Uint8Array.of(...start, ...new TextEncoder().encode(end));
}
