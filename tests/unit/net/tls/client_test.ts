/** Certificates with which an upstream may pretend to be another one. */

import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { connect as connectTls, createServer, type TLSSocket } from "node:tls";
import { DenoConn } from "../../../../src/net/socket/deno_socket.ts";
import { TlsClient } from "../../../../src/net/tls/client.ts";
import { connect } from "../../../support/peers/sockets.ts";
import {
  alternativeNames,
  authority,
  authorityFlag,
  commonName,
  dnsName,
  issue,
  type Issued,
  nameOf,
  newKeys,
  organization,
  text,
} from "../../../support/bytes/certificate_bytes.ts";

const root = authority();
const dbName = alternativeNames(dnsName("db.test"));

/** A TLS server with these certificates, the first of which is its own. */
async function serving(chain: readonly Issued[], use: (port: number) => Promise<void>): Promise<void> {
  const key = chain[0]!.keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const sockets: TLSSocket[] = [];
  const server = createServer({ cert: chain.map(({ pem }) => pem).join(""), key }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write("hello");
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** The result of a connect to a server with these certificates: the greeting "hello", or the error. */
async function outcome(
  chain: readonly Issued[],
  { trusted = [root], host = "db.test", verify = true }: {
    trusted?: Issued[];
    host?: string;
    verify?: boolean;
  } = {},
): Promise<string> {
  const authorities = trusted.map(({ pem }) => pem);
  const client = new TlsClient({ authorities, credentials: undefined, verify, alpn: [] });
  let result = "";
  await serving(chain, async (port) => {
    try {
      const conn = await client.startTls(
        new DenoConn(await connect(port)),
        host,
        new AbortController().signal,
      );
      const buffer = new Uint8Array(16);
      result = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
      conn.close();
    } catch (error) {
      result = (error as Error).message.replace("The certificate of the upstream is not accepted: ", "");
    }
  });
  return result;
}

Deno.test("TlsClient accepts a server to which its authority has issued a certificate with the name", async () => {
  assert.equal(await outcome([issue({ subject: "x", extensions: [dbName] }, root)]), "hello");
  const middle = issue({ subject: "Middle", extensions: [authorityFlag()] }, root);
  assert.equal(await outcome([issue({ subject: "x", extensions: [dbName] }, middle), middle]), "hello");
  assert.equal(
    await outcome([issue({ subject: "x", extensions: [dbName] }, root)], { host: "other.test" }),
    'it is not for "other.test" but for DNS:db.test',
  );
});

Deno.test("TlsClient verifies signatures whatever the version of the certificate", async () => {
  const mallory = authority();
  const versionFault = /^it is of X\.509 version 1; make it version 3/;
  assert.match(await outcome([issue({ subject: "db.test", version: 1 }, mallory)]), versionFault);
  assert.match(await outcome([issue({ subject: "db.test", version: 1 }, root)]), versionFault);
  assert.equal(
    await outcome([issue({ subject: "db.test", version: 1 }, mallory)], { verify: false }),
    "hello",
  );
  // An authority that only claims that the right one has issued it.
  const forged = issue({ subject: "Middle", version: 1 }, mallory);
  assert.match(
    await outcome([issue({ subject: "x", extensions: [dbName] }, forged), forged]),
    /^its issuer, CN=(Root|Middle), is not /,
  );
});

Deno.test("TlsClient reads no name out of another one", async () => {
  const uri = alternativeNames(text(0x86, "http://a.test/, DNS:db.test"));
  const forgeries = [
    issue({ subject: nameOf([organization("x")]), extensions: [uri] }, root),
    issue({ subject: nameOf([organization("x\nCN=db.test")]) }, root),
  ];
  for (const forged of forgeries) {
    assert.equal(await outcome([forged]), 'it is not for "db.test" but for no name at all');
  }
  const multiple = issue({ subject: nameOf([organization("x"), commonName("db.test")]) }, root);
  assert.equal(await outcome([multiple]), "hello");
});

Deno.test("TlsClient comes to an end where authorities have issued each other's certificates", async () => {
  const [one, two] = [newKeys(), newKeys()];
  const names = { one: nameOf([commonName("One")]), two: nameOf([commonName("Two")]) };
  const crossed = (subject: Uint8Array, keys: typeof one, by: { name: Uint8Array; keys: typeof one }) =>
    issue({ subject, keys, extensions: [authorityFlag()] }, by);
  const trusted = [
    crossed(names.one, one, { name: names.two, keys: two }),
    crossed(names.two, two, { name: names.one, keys: one }),
  ];
  assert.equal(
    await outcome([issue({ subject: "x", extensions: [dbName] }, trusted[0])], { trusted }),
    "hello",
  );
});

// When this fails, TlsClient must verify chains of resumed sessions against Deno's own authorities too.
Deno.test("node:tls resumes no session of a client without authorities of its own", async () => {
  const chain = [issue({ subject: "x", extensions: [dbName] }, root)];
  await serving(chain, async (port) => {
    for (let round = 0; round < 3; round++) {
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        servername: "db.test",
        rejectUnauthorized: false,
      });
      await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
      assert.equal(socket.isSessionReused(), false);
      socket.destroy();
      await new Promise((resolve) => socket.once("close", resolve));
    }
  });
});
