/** The end of TLS where the kernel is slow to take bytes, as for a slow reader or on a busy machine. */

import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Conn, ConnWrapper, writeAll } from "../../../src/net/socket/conn.ts";
import { DenoConn } from "../../../src/net/socket/deno_socket.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import { TlsServer } from "../../../src/net/tls/server.ts";
import { readAll } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { serverOptions } from "./terminating_server.ts";

/** How many turns of the event loop a write takes. */
const TURNS = 20;

class SlowConn extends ConnWrapper {
  constructor(inner: Conn) {
    super(inner);
  }

  override async write(bytes: Uint8Array): Promise<number> {
    for (let turn = 0; turn < TURNS; turn++) await nextTurn();
    return await this.inner.write(bytes);
  }
}

interopTest(
  "a client that has finished gets close_notify, however long writes take",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const pair = await authority.issue({ name: "a.test", names: ["IP:127.0.0.1"] });
    const server = new TlsServer(await serverOptions(authority, [pair]), new PendingHandshakes(10));
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const serve = async (how: "closeWrite" | "close") => {
      const { conn } = await server.terminate(
        new SlowConn(new DenoConn(await listener.accept())),
        new AbortController().signal,
      );
      const buffer = new Uint8Array(64);
      while (await conn.read(buffer) !== null);
      await writeAll(conn, new Uint8Array(1000));
      if (how === "closeWrite") await conn.closeWrite();
      conn.close();
    };
    const caCerts = [await Deno.readTextFile(authority.cert)];
    for (const how of ["closeWrite", "close"] as const) {
      const served = serve(how);
      using client = await Deno.connectTls({ hostname: "127.0.0.1", port: listener.addr.port, caCerts });
      await client.write(new TextEncoder().encode("question"));
      await client.closeWrite();
      // Without close_notify this rejects: UnexpectedEof.
      assert.equal((await readAll(client)).byteLength, 1000, how);
      await served;
    }
  },
);
