/** A side that finishes sending first, perhaps before its first byte, gets all bytes that the other one still sends. */

import assert from "node:assert/strict";
import { BULK, BULK_HASH as HASH, hashOf, Sender } from "../../support/peers/bulk_sender.ts";
import { Sluice } from "../../support/program/program.ts";
import { connect, readAll, readText, upstream, writeText } from "../../support/peers/sockets.ts";

const LEGS: Record<string, string[]> = {
  "Deno's own sockets": [],
  "reset: pass": ["reset: pass"],
  "a keepalive time": ["keepalive: 30s"],
};
if (Deno.build.os === "linux") LEGS["source_address"] = ["source_address: 127.0.0.5"];

for (const [leg, keys] of Object.entries(LEGS)) {
  for (const first of ["", "request"]) {
    const after = first === "" ? "before its first byte" : "after a few bytes";

    Deno.test(`a client that half-closes ${after} and reads late gets 32 MiB, with ${leg}`, async () => {
      const sender = new Sender();
      await using server = upstream(async (conn) => {
        await readAll(conn);
        await sender.send(conn);
      });
      await using sluice = await before(server.address, keys);
      using client = await connect(sluice.port());
      await writeText(client, first);
      await client.closeWrite();
      await sender.stalls();
      assert.equal(hashOf(await readAll(client)), HASH);
      await endedInOrder(sluice, "client");
    });

    Deno.test(`an upstream that half-closes ${after} and reads late gets 32 MiB, with ${leg}`, async () => {
      const mayRead = Promise.withResolvers<void>();
      const received = Promise.withResolvers<string>();
      await using server = upstream(async (conn) => {
        await writeText(conn, first);
        await conn.closeWrite();
        await mayRead.promise;
        received.resolve(hashOf(await readAll(conn)));
      });
      await using sluice = await before(server.address, keys);
      using client = await connect(sluice.port());
      assert.equal((await readAll(client)).byteLength, first.length);
      const sender = new Sender();
      const sent = sender.start(client);
      await sender.stalls();
      mayRead.resolve();
      await sent;
      assert.equal(await received.promise, HASH);
      await endedInOrder(sluice, "upstream");
    });
  }

  Deno.test(`a client that half-closes in the middle of 32 MiB gets all of it, with ${leg}`, async () => {
    const sender = new Sender();
    await using server = upstream((conn) => sender.send(conn));
    await using sluice = await before(server.address, keys);
    using client = await connect(sluice.port());
    await sender.stalls();
    await client.closeWrite();
    assert.equal(hashOf(await readAll(client)), HASH);
    await endedInOrder(sluice, "client");
  });
}

Deno.test("an upstream that half-closes behind a PROXY header gets 32 MiB", async () => {
  const mayRead = Promise.withResolvers<void>();
  const received = Promise.withResolvers<Uint8Array>();
  await using server = upstream(async (conn) => {
    await conn.closeWrite();
    await mayRead.promise;
    received.resolve(await readAll(conn));
  });
  await using sluice = await before(server.address, ["reset: pass", "send_proxy_protocol: v1"]);
  using client = await connect(sluice.port());
  assert.equal((await readAll(client)).byteLength, 0);
  const sender = new Sender();
  const sent = sender.start(client);
  await sender.stalls();
  mayRead.resolve();
  await sent;
  const bytes = await received.promise;
  const header = bytes.indexOf(10) + 1;
  assert.match(new TextDecoder().decode(bytes.subarray(0, header)), /^PROXY TCP4 /);
  assert.equal(hashOf(bytes.subarray(header)), HASH);
});

Deno.test("uploads to an upstream that half-closes first do not eject it", async () => {
  await using server = upstream(async (conn) => {
    await conn.closeWrite();
    await readText(conn, BULK.byteLength);
  });
  await using sluice = await Sluice.beforeGroup(
    [`"${server.address}"`],
    ["passive: { failures: 3, window: 1h, eject: 1h }"],
    ["reset: pass"],
  );
  for (let count = 1; count <= 4; count++) {
    using client = await connect(sluice.port());
    assert.equal((await readAll(client)).byteLength, 0);
    await new Sender().send(client);
    const lines = await sluice.loggedEvents("connection_closed", count);
    const { ended_by, code, bytes_from_client } = lines.at(-1)!;
    assert.deepEqual([ended_by, code, bytes_from_client], ["upstream", undefined, BULK.byteLength]);
  }
  assert.deepEqual(sluice.events("endpoint_ejected"), []);
});

function before(address: string, keys: string[]): Promise<Sluice> {
  return Sluice.beforeGroup([`"${address}"`], [], keys);
}

async function endedInOrder(sluice: Sluice, first: string): Promise<void> {
  const [line] = await sluice.loggedEvents("connection_closed", 1);
  assert.deepEqual([line!.ended_by, line!.code], [first, undefined]);
}
