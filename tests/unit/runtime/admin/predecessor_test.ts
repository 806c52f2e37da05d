/** What a take-over says of a running program that does not answer. */

import assert from "node:assert/strict";
import { decodeOptions } from "../../../../src/config/library.ts";
import { formatAddress } from "../../../../src/net/address.ts";
import { Predecessor } from "../../../../src/runtime/admin/predecessor.ts";
import { blackHole, readText, upstream, writeText } from "../../../support/peers/sockets.ts";

const ignore = Deno.build.os !== "linux";
const STATUS = 'HTTP/1.1 200 OK\r\n\r\n{"pid":4711}';

test("a program that does not answer", async () => {
  await using hung = upstream(async (conn) => {
    while (await conn.read(new Uint8Array(1024)) !== null);
  });
  await assert.rejects(predecessorAt(hung.address).find(), {
    name: "TakeOverError",
    message:
      `Cannot take over from the sluice whose admin interface is ${hung.address}: it did not answer GET ` +
      "/api/v1/status within 1 s (if it hangs, end it and start without --take-over)",
  });
});

test("a program that answers once only, with its process", async () => {
  await using hangs = upstream(async (conn) => {
    const asksForStatus = await readText(conn, 4) === "GET ";
    if (asksForStatus) return await writeText(conn, STATUS);
    while (await conn.read(new Uint8Array(1024)) !== null);
  });
  const predecessor = predecessorAt(hangs.address);
  assert.equal(await predecessor.find(), 4711);
  using conn = await predecessor.connect();
  await assert.rejects(predecessor.handOver(conn), {
    message: /its process 4711 did not answer POST \/api\/v1\/drain within 1 s \(if it hangs,/,
  });
});

/** When the running program could still act, the new one must not have given up. */
Deno.test({
  name: "Predecessor.handOver() asks for a drain within half of the time for its answer (needs Linux)",
  ignore,
  fn: async () => {
    const asked = Promise.withResolvers<string>();
    await using other = upstream(async (conn) => {
      const buffer = new Uint8Array(4096);
      asked.resolve(new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0)));
      await writeText(conn, "HTTP/1.1 202 Accepted\r\n\r\n");
    });
    const predecessor = predecessorAt(other.address);
    const before = Date.now();
    using conn = await predecessor.connect();
    await predecessor.handOver(conn);
    const after = Date.now();
    const order = JSON.parse((await asked.promise).split("\r\n\r\n")[1]!);
    assert.equal(order.handed_over, true);
    assert.ok(order.not_after >= before + 500 && order.not_after <= after + 500, JSON.stringify(order));
  },
});

Deno.test({
  name: "Predecessor.find() rejects an answer that no sluice gives (needs Linux)",
  ignore,
  fn: async () => {
    for (const body of ["<html></html>", "{}", '{"pid":"4711"}']) {
      await using other = upstream((conn) => writeText(conn, `HTTP/1.1 200 OK\r\n\r\n${body}`));
      await assert.rejects(predecessorAt(other.address).find(), {
        name: "TakeOverError",
        message: /GET \/api\/v1\/status was answered by another program than sluice$/,
      }, body);
    }
  },
});

Deno.test({
  name: "Predecessor.listeners() has the addresses of services that listen (needs Linux)",
  ignore,
  fn: async () => {
    const services = [
      { name: "a", state: "listening", listen: ["127.0.0.1:5000", "unix:/run/a.sock"] },
      { name: "b", state: "down", listen: ["127.0.0.1:5001"] },
      { name: "c", state: "draining", listen: ["127.0.0.1:5002"] },
    ];
    const body = JSON.stringify(services);
    await using other = upstream((conn) => writeText(conn, `HTTP/1.1 200 OK\r\n\r\n${body}`));
    const listeners = await predecessorAt(other.address).listeners();
    assert.deepEqual(listeners.map(({ service, address }) => `${service} ${formatAddress(address)}`), [
      "a 127.0.0.1:5000",
      "a unix:/run/a.sock",
    ]);
  },
});

Deno.test({
  name: "Predecessor.listeners() rejects an answer that no sluice gives (needs Linux)",
  ignore,
  fn: async () => {
    for (const body of ["<html></html>", "{}", '[{"state":"listening","listen":["nowhere"]}]']) {
      await using other = upstream((conn) => writeText(conn, `HTTP/1.1 200 OK\r\n\r\n${body}`));
      await assert.rejects(predecessorAt(other.address).listeners(), {
        name: "TakeOverError",
        message: /GET \/api\/v1\/services was answered by another program than sluice$/,
      }, body);
    }
  },
});

test("a program that accepts no connection", async () => {
  await using full = await blackHole();
  await assert.rejects(predecessorAt(full.address).find(), {
    message: new RegExp(`${full.address}: it did not accept a connection within 1 s \\(if it hangs,`),
  });
});

function predecessorAt(address: string): Predecessor {
  const options = { upstream: "127.0.0.1:1", admin: { listen: address, token: "token-of-sixteen-letters" } };
  return Predecessor.of(decodeOptions(options), 1000);
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `Predecessor names ${name} (needs Linux)`, ignore, fn });
}
