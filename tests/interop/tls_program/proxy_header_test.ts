/** TLS and the PROXY protocol on the same connection, on either side of the proxy. */

import assert from "node:assert/strict";
import { echoAtEof, echoed, latin1 } from "../../support/peers/echo_at_eof.ts";
import * as by from "../../support/bytes/proxy_headers.ts";
import { connect, readText, writeAll, writeText } from "../../support/peers/sockets.ts";
import {
  alternativeNames,
  authority as newAuthority,
  CLIENT_AUTH,
  commonName,
  dnsName,
  issue,
  nameOf,
  organization,
  usableFor,
} from "../../support/bytes/certificate_bytes.ts";
import { decodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyHeader } from "../../../src/wire/proxy_protocol/header.ts";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, terminating, tlsClient } from "../../support/program/tls_termination.ts";
import { openssl } from "../servers/tls_clients.ts";

interopTest(
  "an upstream gets the facts of the terminated TLS in its PROXY header",
  OPENSSL,
  async (stack) => {
    const { authority, sluice } = await terminating(stack, {
      tls: (authority) => [`client_ca: "${authority.cert}"`, "client_auth: request", "alpn: [imap, h2]"],
      service: ["send_proxy_protocol: v2"],
    });
    using conn = await tlsClient(sluice.port(), authority, { alpn: ["h2"] });
    const anonymous = headerIn(await echoed(conn, "ping"));
    assert.equal(anonymous.authority, NAME);
    assert.equal(anonymous.alpn, "h2");
    // `verify` is 1 because there is no certificate to verify.
    assert.deepEqual(anonymous.tls, { client: 1, verify: 1, version: "TLSv1.3" });
    const alice = await authority.issue({ name: "alice", usage: "clientAuth" });
    // More bytes than a header has, so that the client has received the whole header before it closes.
    const { received } = await openssl(
      sluice.port(),
      ["-cert", alice.cert, "-key", alice.key, "-servername", NAME, "-tls1_2"],
      "p".repeat(500),
    );
    assert.match(received, /TLSv1\.2/);
    assert.match(received, /alice/);
    const lines = await sluice.loggedEvents("connection_closed", 2);
    assert.equal(lines[0]!.sni, NAME);
    assert.equal(lines[1]!.sni, NAME);
  },
);

interopTest("an upstream gets the common name, whatever else is in the subject", OPENSSL, async (stack) => {
  const clients = newAuthority();
  const { authority, sluice } = await terminating(stack, {
    tls: async (authority) => [`client_ca: "${await authority.file("clients.pem", clients.pem)}"`],
    service: ["send_proxy_protocol: v2"],
  });
  const subjects: [Uint8Array[][], string, string | undefined][] = [
    [[[organization("x\nCN=admin")], [commonName("bob")]], "O=x\\0aCN=admin, CN=bob", "bob"],
    [[[organization("x, CN=admin"), commonName("bob")]], "O=x\\, CN=admin+CN=bob", "bob"],
    [[[commonName("admin")], [commonName("bob")]], "CN=admin, CN=bob", "bob"],
    [[[commonName("bob\nCN=admin")]], "CN=bob\\0aCN=admin", "bob\nCN=admin"],
    [[[commonName("admin\0.bob")]], "CN=admin\\00.bob", undefined],
    [[[commonName(`${"a".repeat(256)}b`)]], `CN=${"a".repeat(256)}b`, undefined],
    [[[organization("x\nCN=admin")]], "O=x\\0aCN=admin", undefined],
  ];
  for (const [index, [sets, subject, name]] of subjects.entries()) {
    const extensions = [usableFor(CLIENT_AUTH), alternativeNames(dnsName("x, DNS:admin"))];
    const { pem, keys } = issue({ subject: nameOf(...sets), extensions }, clients);
    const cert = await authority.file(`${index}.pem`, pem);
    const key = keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    const args = ["-cert", cert, "-key", await authority.file(`${index}.key`, key), "-servername", NAME];
    const { received } = await openssl(sluice.port(), args, "p".repeat(1500));
    const pass = name === undefined ? "" : by.tlv(0x22, name);
    assert.ok(received.includes(`${by.tlv(0x21, "TLSv1.3")}${pass}`), JSON.stringify(received.slice(0, 200)));
    const lines = await sluice.loggedEvents("connection_closed", index + 1);
    assert.equal(lines[index]!.client_subject, subject);
    // TLV 0x22 is there at most once, and only with this name.
    assert.equal(received.slice(0, 400).split("\x22\0").length, name === undefined ? 1 : 2);
  }
});

for (const version of ["-tls1_2", "-tls1_3"]) {
  interopTest(
    `an upstream gets whether a certificate came in this handshake (${version})`,
    OPENSSL,
    async (stack) => {
      const { authority, sluice } = await terminating(stack, {
        tls: (authority) => [`client_ca: "${authority.cert}"`],
        service: ["send_proxy_protocol: v2"],
        // A session resumes only in its own thread.
        start: { workers: 1 },
      });
      const alice = await authority.issue({ name: "alice", usage: "clientAuth" });
      const session = `${authority.directory}/session`;
      const headerWith = async (args: string[]) =>
        (await openssl(sluice.port(), [version, "-servername", NAME, ...args], "p".repeat(500))).received;
      const tlv = (client: string) =>
        `${client}\0\0\0\0${by.tlv(0x21, version === "-tls1_2" ? "TLSv1.2" : "TLSv1.3")}`;
      const full = await headerWith(["-cert", alice.cert, "-key", alice.key, "-sess_out", session]);
      assert.ok(full.includes(tlv("\x07")), JSON.stringify(full));
      const resumed = await headerWith(["-sess_in", session]);
      assert.ok(resumed.includes(tlv("\x05")), JSON.stringify(resumed));
      assert.ok(resumed.includes(by.tlv(0x22, "alice")));
    },
  );
}

interopTest("a PROXY header from a trusted peer comes before the handshake", OPENSSL, async (stack) => {
  const { authority, sluice } = await terminating(stack, {
    service: ["accept_proxy_protocol: { from: 127.0.0.1 }", "send_proxy_protocol: v1"],
    handle: echoAtEof,
  });
  const tcp = await connect(sluice.port());
  const addresses = by.ipv4Block("192.0.2.7", "198.51.100.1", [1234, 443]);
  await writeAll(tcp, by.bytesOf(by.binaryHeader(by.PROXY, by.TCP4, addresses)));
  using client = await Deno.startTls(tcp, {
    hostname: NAME,
    caCerts: [await Deno.readTextFile(authority.cert)],
  });
  await writeText(client, "ping");
  const line = "PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n";
  await client.closeWrite();
  assert.equal(await readText(client, line.length + 4), `${line}ping`);
  // A client that begins with TLS has sent no header.
  using bare = await connect(sluice.port());
  await writeText(bare, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
  const [refused] = await sluice.loggedEvents("connection_refused", 1);
  assert.equal(refused!.code, "proxy_header_invalid");
});

/** The header at the beginning of what an upstream received. */
function headerIn(text: string): ProxyHeader {
  const decoded = decodeProxyHeader(by.bytesOf(text));
  assert.equal(decoded.kind, "header", latin1(by.bytesOf(text)));
  if (decoded.kind !== "header") throw new Error("no header");
  return decoded.header;
}
