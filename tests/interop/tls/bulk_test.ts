/** Bulk inside TLS leaves nothing to the garbage collector, in either direction. */

import assert from "node:assert/strict";
import { type Conn, writeAll } from "../../../src/net/socket/conn.ts";
import { writeAll as writeAllTo } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { serverOptions, TerminatingServer } from "./terminating_server.ts";

/** What is sent at a time, how often, and how many bytes of it may be in memory at any time. */
const PIECE = new Uint8Array(1024 * 1024);
const PIECES = 64;
const IN_MEMORY = 8 * PIECE.length;

const sends = async (conn: Conn, look: () => void) => {
  for (let count = 0; count < PIECES; count++) {
    await writeAll(conn, PIECE);
    look();
  }
};

const receives = async (conn: Conn, look: () => void) => {
  const buffer = new Uint8Array(PIECE.length);
  while (await conn.read(buffer) !== null) look();
};

for (
  const [what, relay, isFromClient] of [["encrypted", sends, false], ["decrypted", receives, true]] as const
) {
  interopTest(`bulk that is ${what} leaves nothing for the garbage collector`, OPENSSL, async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const pair = await authority.issue({ name: "a.test", names: ["IP:127.0.0.1"] });
    let most = 0;
    const server = stack.use(
      new TerminatingServer(await serverOptions(authority, [pair]), async ({ conn }) => {
        const before = Deno.memoryUsage().external;
        await relay(conn, () => most = Math.max(most, Deno.memoryUsage().external - before));
      }),
    );
    const caCerts = [await Deno.readTextFile(authority.cert)];
    using client = await Deno.connectTls({ hostname: "127.0.0.1", port: server.port, caCerts });
    if (isFromClient) {
      for (let count = 0; count < PIECES; count++) await writeAllTo(client, PIECE);
      await client.closeWrite();
    }
    // Ends when the other side has sent or received everything.
    const buffer = new Uint8Array(PIECE.length);
    let received = 0;
    for (let count = await client.read(buffer); count !== null; count = await client.read(buffer)) {
      received += count;
    }
    assert.equal(received, isFromClient ? 0 : PIECES * PIECE.length);
    assert.ok(most < IN_MEMORY, `${most} bytes in memory`);
  });
}
