/** A failed handshake leaves nothing in memory, however it failed. */

import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Conn, ConnWrapper } from "../../../src/net/socket/conn.ts";
import { DenoConn } from "../../../src/net/socket/deno_socket.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import { TlsServer } from "../../../src/net/tls/server.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { eventually, roundTrip } from "../../support/eventually.ts";
import { connect, tryClose, writeAll } from "../../support/peers/sockets.ts";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { serverOptions } from "./terminating_server.ts";

const CLIENTS = 20;
/** A stack frame may still refer to the last one or two. */
const STILL_THERE = 2;

const WAYS: [what: string, bytes: Uint8Array, isCut: boolean][] = [
  ["says nothing and goes", new Uint8Array(0), false],
  ["speaks no TLS", new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"), false],
  ["goes in the middle of its ClientHello", clientHello({ sni: "a.test" }).subarray(0, 60), false],
  ["goes after its ClientHello", clientHello({ sni: "a.test" }), false],
  ["is silent until its deadline", new Uint8Array(0), true],
];

for (const certificates of [1, 2]) {
  for (const [what, bytes, isCut] of WAYS) {
    interopTest(
      `nothing is kept of a client that ${what}, ${certificates} certificates`,
      OPENSSL,
      async (stack) => {
        const authority = stack.use(await CertificateAuthority.create());
        const pairs: KeyPair[] = [];
        while (pairs.length < certificates) pairs.push(await authority.issue({ name: "a.test" }));
        const server = new TlsServer(await serverOptions(authority, pairs), new PendingHandshakes(CLIENTS));
        const listener = stack.use(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
        const seen: WeakRef<Conn>[] = [];
        for (let count = 0; count < CLIENTS; count++) seen.push(await failed(server, listener, bytes, isCut));
        const collect = garbageCollector();
        const left = async () => {
          // A timer of the program may keep a reference for one turn of the event loop.
          await roundTrip();
          collect();
          return seen.filter((each) => each.deref() !== undefined).length;
        };
        await eventually("the connections to be gone", left, (count) => count <= STILL_THERE);
      },
    );
  }
}

/** Makes one handshake fail, and returns only a weak reference to its connection. */
async function failed(
  server: TlsServer,
  listener: Deno.TcpListener,
  bytes: Uint8Array,
  isCut: boolean,
): Promise<WeakRef<Conn>> {
  const { port } = listener.addr;
  const [client, accepted] = await Promise.all([connect(port), listener.accept()]);
  const conn = new Watched(new DenoConn(accepted));
  const deadline = new AbortController();
  const outcome = assert.rejects(server.terminate(conn, deadline.signal));
  await writeAll(client, bytes);
  if (isCut) deadline.abort(new Error("too late"));
  else client.close();
  await outcome;
  tryClose(client);
  return new WeakRef(conn);
}

/** A connection that nothing in Deno refers to. */
class Watched extends ConnWrapper {}

function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
