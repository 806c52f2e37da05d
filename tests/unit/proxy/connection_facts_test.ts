/** What a connection learns of its client before it has a route: from a PROXY header, a ClientHello and TLS. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ProxyError } from "../../../src/net/errors.ts";
import { encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { latin1 } from "../wire/proxy_protocol/proxy_headers.ts";
import { Fixture, LONG, LooseConn } from "./connection_fixture.ts";

Deno.test("Connection closes a peer that may not send a PROXY header before it reads", async () => {
  const fixture = new Fixture({ acceptProxyProtocol: { from: ["198.51.100.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  await fixture.run();
  assert.deepEqual([fixture.log.at(-1), fixture.client.reads], ["ended proxy_not_trusted", 0]);
});

Deno.test("Connection routes a client without a ClientHello by the reason for that", async () => {
  // The first byte decides, and there may be room for no more.
  for (const readAhead of [4096, 1]) {
    const fixture = new Fixture({}, { readAhead, needsHello: true });
    const ran = fixture.run();
    fixture.client.arrive("GET / HTTP/1.1");
    await fixture.dialled();
    assert.deepEqual([fixture.facts!.noHello, fixture.facts!.serverName], ["not TLS", undefined]);
    fixture.connection.abort("killed");
    await ran;
  }
});

Deno.test("Connection records the facts of a PROXY header", async () => {
  const header = latin1(encodeProxyHeader({
    command: "proxy",
    source: { transport: "tcp", hostname: "198.51.100.7", port: 7 },
    destination: { transport: "tcp", hostname: "198.51.100.8", port: 8 },
    authority: "db.test",
    alpn: "h2",
    uniqueId: Uint8Array.of(255),
    tls: { client: 7, verify: 0, version: "TLSv1.3", commonName: "alice" },
  }, 2));
  const fixture = new Fixture({ acceptProxyProtocol: { from: ["192.0.2.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  const ran = fixture.run();
  fixture.client.arriveBytes(header);
  await fixture.dialled();
  const { client, peer, serverName, alpn, tlsVersion, clientSubject, uniqueId } = fixture.record!;
  assert.deepEqual({ client, peer, serverName, alpn, tlsVersion, clientSubject, uniqueId }, {
    client: "198.51.100.7:7",
    peer: "192.0.2.1:5432",
    serverName: "db.test",
    alpn: "h2",
    tlsVersion: "TLSv1.3",
    clientSubject: "CN=alice",
    uniqueId: "ff",
  });
  fixture.connection.abort("killed");
  await ran;

  const local = new Fixture({ acceptProxyProtocol: { from: ["192.0.2.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  const localRan = local.run();
  local.client.arriveBytes(latin1(encodeProxyHeader({ command: "local" }, 2)));
  await local.dialled();
  assert.equal(local.record!.uniqueId, undefined);
  assert.deepEqual([local.record!.client, local.record!.peer], ["192.0.2.1:5432", undefined]);
  local.connection.abort("killed");
  await localRan;

  const nameless = new Fixture({ acceptProxyProtocol: { from: ["192.0.2.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  const namelessRan = nameless.run();
  nameless.client.arriveBytes(latin1(encodeProxyHeader({
    command: "proxy",
    source: { transport: "tcp", hostname: "198.51.100.7", port: 7 },
    destination: { transport: "tcp", hostname: "198.51.100.8", port: 8 },
    uniqueId: new Uint8Array(0),
  }, 2)));
  await nameless.dialled();
  assert.deepEqual([nameless.record!.client, nameless.record!.uniqueId], ["198.51.100.7:7", undefined]);
  nameless.connection.abort("killed");
  await namelessRan;
});

Deno.test("Connection records the name in a ClientHello, and relays all its bytes", async () => {
  const hello = latin1(clientHello({ sni: "db.test", alpn: ["h2", "http/1.1"] }));
  const fixture = new Fixture({}, { readAhead: 4096, needsHello: true });
  const ran = fixture.run();
  fixture.client.arriveBytes(hello);
  await fixture.dialled();
  assert.equal(fixture.record!.serverName, "db.test");
  assert.deepEqual([fixture.facts!.serverName, fixture.facts!.alpn], ["db.test", ["h2", "http/1.1"]]);
  fixture.answer();
  await setImmediate();
  assert.equal(fixture.upstream.writes, 1);
  fixture.connection.abort("killed");
  await ran;
});

Deno.test("Connection reads a client inside TLS after the handshake, and records what was negotiated", async () => {
  const inside = new LooseConn();
  const facts = { serverName: "db.test", alpn: "h2", version: "TLSv1.3", clientSubject: "CN=alice" };
  let state: string | undefined;
  const terminate = () => {
    state = fixture.state;
    return Promise.resolve({ conn: inside, facts });
  };
  const fixture = new Fixture({}, { tls: { terminate, deadlines: LONG } });
  const ran = fixture.run();
  await fixture.dialled();
  const { serverName, alpn, tlsVersion, clientSubject } = fixture.record!;
  assert.deepEqual([serverName, alpn, tlsVersion, clientSubject], ["db.test", "h2", "TLSv1.3", "CN=alice"]);
  assert.deepEqual([state, fixture.facts!.serverName, fixture.facts!.alpn], ["handshake", "db.test", ["h2"]]);
  fixture.answer();
  await setImmediate();
  await inside.arriveAll("secret", "end");
  await fixture.upstream.arriveAll("end");
  await ran;
  assert.deepEqual([fixture.upstream.written, inside.isClosed], ["secret", true]);
});

Deno.test("Connection refuses a client that is routed by one name and shakes hands for another", async () => {
  const hello = latin1(clientHello({ sni: "a.test" }));
  for (
    const [serverName, isRefused] of [["a.test", false], ["A.test.", false], ["b.test", true], [
      undefined,
      false,
    ]] as const
  ) {
    const inside = new LooseConn();
    const facts = serverName === undefined ? {} : { serverName };
    const tls = { terminate: () => Promise.resolve({ conn: inside, facts }), deadlines: LONG };
    const fixture = new Fixture({}, { readAhead: 4096, needsHello: true, tlsOfRoute: tls });
    const ran = fixture.run();
    fixture.client.arriveBytes(hello);
    if (isRefused) {
      await ran;
      assert.deepEqual([fixture.dials, fixture.log.at(-1)], [0, "ended tls_handshake_failed"]);
    } else {
      await fixture.dialled();
      assert.equal(fixture.record!.serverName, serverName);
      fixture.connection.abort("killed");
      await ran;
    }
    assert.equal(inside.isClosed, true);
  }
});

for (
  const [room, handshakes, left, end] of [[1, 1, 0, "tls_handshake_failed"], [
    0,
    0,
    0,
    "connect_rate",
  ]] as const
) {
  Deno.test(`Connection counts a handshake for the service's rate, whatever its result: ${end}`, async () => {
    let begun = 0;
    const terminate = () => {
      begun += 1;
      return Promise.reject(new ProxyError("tls_handshake_failed", "client"));
    };
    const rate = { left: room as number, take: () => rate.left > 0 && rate.left-- > 0 };
    const fixture = new Fixture({}, { tls: { terminate, deadlines: LONG }, rate });
    await fixture.run();
    assert.deepEqual([begun, rate.left, fixture.log.at(-1), fixture.inside], [
      handshakes,
      left,
      `ended ${end}`,
      0,
    ]);
  });
}
