/**
 * A listener that gives its address to the next. It runs in a process whose other tests start no programs at the same
 * time: those would have a copy of the old listener until they run, and the address would be in use.
 */

import assert from "node:assert/strict";
import { acceptConnections } from "../../../src/net/socket/accept.ts";
import type { TcpAddress } from "../../../src/net/address.ts";
import { loadCredentials } from "../../../src/net/tls/credentials.ts";
import { TlsListener } from "../../../src/net/tls/listener.ts";
import { eventually } from "../../support/eventually.ts";
import { ownAddress } from "../../support/peers/own_address.ts";
import { readText, tryClose, writeText } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { echo } from "../tls/terminating_server.ts";

/** What happens to a client that comes while one listener gives the address to the next. */
const LOST = [
  Deno.errors.ConnectionRefused,
  Deno.errors.ConnectionReset,
  Deno.errors.NotConnected,
  Deno.errors.UnexpectedEof,
];

interopTest("a new certificate is served where no address can be shared", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const caCerts = [await Deno.readTextFile(authority.cert)];
  const identities = await Promise.all(["a.test", "b.test"].map(async (name) => ({
    name,
    credentials: await loadCredentials(await authority.issue({ name })),
  })));
  // Between the two listeners, the port is free for whatever asks for one of the same address.
  const address: TcpAddress = { transport: "tcp", hostname: ownAddress(), port: 0 };
  const listener = TlsListener.bind(address, { ...identities[0]!, alpn: [] }, { reusePort: false });
  const { port } = listener.address as TcpAddress;
  const ended = new AbortController();
  const failures: unknown[] = [];
  const loop = acceptConnections(listener, {
    onConnection: (conn) => void echo({ conn, facts: {} }).catch(() => {}).finally(() => conn.close()),
    onError: (error) => void failures.push(error),
    signal: ended.signal,
  });
  const connect = (hostname: string) =>
    eventually(`a connection with the certificate of ${hostname}`, async () => {
      let conn: Deno.TcpConn | Deno.TlsConn | undefined;
      try {
        conn = await Deno.connect({ hostname: address.hostname, port });
        conn = await Deno.startTls(conn, { hostname, caCerts });
        await conn.handshake();
        return conn;
      } catch (error) {
        if (conn !== undefined) tryClose(conn);
        if (LOST.some((type) => error instanceof type)) return undefined;
        throw error;
      }
    }, (conn) => conn !== undefined);
  const roundTrip = async (conn: Deno.TlsConn) => {
    await writeText(conn, "ping");
    assert.equal(await readText(conn, 4), "ping");
  };
  const old = stack.use((await connect("a.test"))!);
  await roundTrip(old);
  for (let round = 1; round <= 6; round++) {
    const { name, credentials } = identities[round % 2]!;
    listener.replace({ credentials, alpn: [] });
    using conn = (await connect(name))!;
    await roundTrip(conn);
  }
  const bad = { credentials: { cert: "no certificate", key: "", names: [] }, alpn: [] };
  assert.throws(() => listener.replace(bad));
  using conn = (await connect("a.test"))!;
  await roundTrip(conn);
  await roundTrip(old);
  ended.abort();
  await loop;
  assert.deepEqual(failures, []);
});
