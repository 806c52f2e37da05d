/** `source_address`: the local address of upstream connections. */

import assert from "node:assert/strict";
import { dial } from "../../../src/net/socket/dial.ts";
import { NameLookup } from "../../../src/net/socket/lookup.ts";
import { eventually } from "../../support/eventually.ts";
import { Sluice } from "../../support/program/program.ts";
import { connect, echo, readAll, readText, upstream, writeText } from "../../support/peers/sockets.ts";

/** On Linux, this machine has all addresses of 127.0.0.0/8; elsewhere only 127.0.0.1. */
const ignore = Deno.build.os !== "linux";
const onLinux = ignore ? " (needs Linux)" : "";

const OPTIONS = { adapter: "deno", signal: new AbortController().signal } as const;

for (const reset of ["close", "pass"] as const) {
  Deno.test({
    name:
      `the upstream sees source_address, and bytes and half-closes go both ways, with reset: ${reset}${onLinux}`,
    ignore,
    async fn() {
      const from: string[] = [];
      await using server = upstream(async (conn) => {
        from.push(conn.remoteAddr.hostname);
        await echo(conn);
      });
      await using sluice = await Sluice.before(server.address, [
        "source_address: 127.0.0.5",
        `reset: ${reset}`,
      ]);
      using client = await connect(sluice.port());
      await writeText(client, "ping");
      await client.closeWrite();
      assert.equal(new TextDecoder().decode(await readAll(client)), "ping");
      assert.deepEqual(from, ["127.0.0.5"]);
    },
  });
}

Deno.test("source_address applies to connections opened ahead, too" + onLinux, { ignore }, async () => {
  const from: string[] = [];
  await using server = upstream(async (conn) => {
    from.push(conn.remoteAddr.hostname);
    await echo(conn);
  });
  await using sluice = await Sluice.beforeGroup(
    [`"${server.address}"`],
    ["pool: { max_idle: 2, max_idle_time: 10m }"],
    ["source_address: 127.0.0.5"],
  );
  await eventually("a full pool", () => from.length, (count) => count === 2);
  using client = await connect(sluice.port());
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  assert.deepEqual(new Set(from), new Set(["127.0.0.5"]));
});

Deno.test("source_address that this machine does not have is named, and does not count against the upstream", async () => {
  await using server = upstream(echo);
  // Of a network for documentation (RFC 5737).
  await assert.rejects(dial(addressOf(server.port), { ...OPTIONS, localAddress: "192.0.2.77" }), {
    name: "ProxyError",
    code: "address_not_available",
    side: "proxy",
    retryable: true,
    message: "Cannot connect from the source address 192.0.2.77: this machine does not have it",
  });
  assert.equal(server.accepted, 0);
});

Deno.test("source_address limits the addresses of a name to its family", async () => {
  await using server = upstream(echo);
  // The discard prefix (RFC 6666) leads nowhere, and would be tried first.
  const names = new NameLookup({ find: () => Promise.resolve(["100::1", "127.0.0.1"]) });
  const address = addressOf(server.port, "db.test");
  using conn = await dial(address, { ...OPTIONS, localAddress: "127.0.0.1", names });
  assert.equal(conn.localAddress.transport === "tcp" && conn.localAddress.hostname, "127.0.0.1");

  const others = new NameLookup({ find: () => Promise.resolve(["100::1", "100::2"]) });
  await assert.rejects(dial(address, { ...OPTIONS, localAddress: "127.0.0.1", names: others }), {
    code: "address_not_available",
    side: "proxy",
    message: "Cannot connect to db.test from the source address 127.0.0.1: it has no IPv4 address",
  });
});

Deno.test("source_address reaches no address of the other family", async () => {
  for (
    const [hostname, localAddress, family] of [
      ["::1", "127.0.0.1", "IPv4"],
      ["127.0.0.1", "::1", "IPv6"],
    ] as const
  ) {
    await assert.rejects(dial(addressOf(9, hostname), { ...OPTIONS, localAddress }), {
      code: "address_not_available",
      side: "proxy",
      message:
        `Cannot connect to ${hostname} from the source address ${localAddress}: it has no ${family} address`,
    });
  }
});

Deno.test("source_address, if absent, does not change the adapter", async () => {
  await using server = upstream(echo);
  using conn = await dial(addressOf(server.port), { ...OPTIONS, localAddress: undefined });
  assert.equal(conn.constructor.name, "DenoConn");
});

function addressOf(port: number, hostname = "127.0.0.1") {
  return { transport: "tcp", hostname, port } as const;
}
