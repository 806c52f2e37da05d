/** A side that finishes sending first receives all that the other one still sends, inside TLS over node:net. */

import assert from "node:assert/strict";
import { BULK_HASH, hashOf, Sender } from "../../support/peers/bulk_sender.ts";
import { readAll } from "../../support/peers/sockets.ts";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { terminating, tlsClient } from "../../support/program/tls_termination.ts";

interopTest(
  "a TLS client that half-closes before its first byte and reads late gets 32 MiB, with reset: pass",
  OPENSSL,
  async (stack) => {
    const sender = new Sender();
    const { authority, sluice } = await terminating(stack, {
      service: ["reset: pass"],
      handle: async (conn) => {
        await readAll(conn);
        await sender.send(conn);
      },
    });
    using client = await tlsClient(sluice.port(), authority);
    await client.closeWrite();
    await sender.stalls();
    assert.equal(hashOf(await readAll(client)), BULK_HASH);
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.deepEqual([line!.ended_by, line!.code], ["client", undefined]);
  },
);

interopTest(
  "an upstream that half-closes first and reads late gets 32 MiB of a TLS client, with reset: pass",
  OPENSSL,
  async (stack) => {
    const mayRead = Promise.withResolvers<void>();
    const received = Promise.withResolvers<string>();
    const { authority, sluice } = await terminating(stack, {
      service: ["reset: pass"],
      handle: async (conn) => {
        await conn.closeWrite();
        await mayRead.promise;
        received.resolve(hashOf(await readAll(conn)));
      },
    });
    using client = await tlsClient(sluice.port(), authority);
    assert.equal((await readAll(client)).byteLength, 0);
    const sender = new Sender();
    const sent = sender.start(client);
    await sender.stalls();
    mayRead.resolve();
    await sent;
    assert.equal(await received.promise, BULK_HASH);
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.deepEqual([line!.ended_by, line!.code], ["upstream", undefined]);
  },
);
