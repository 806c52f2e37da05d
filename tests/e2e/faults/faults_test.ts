/** Faults of the configuration, as raw clients and servers on both sides see them. */

import assert from "node:assert/strict";
import { OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { findProgram } from "../../support/interop.ts";
import { Sluice } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";
import { NAME, terminating, tlsClient } from "../../support/program/tls_termination.ts";
import {
  connect,
  echo,
  endOf,
  readText,
  resettableServer,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { echoAtEof, echoed, latin1 } from "../../support/peers/echo_at_eof.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import * as by from "../../support/bytes/proxy_headers.ts";

const isUnix = Deno.build.os !== "windows";
const withoutOpenssl = OPENSSL.needs.some((name) => findProgram(name) === undefined);

Deno.test("a fault that refuses the first clients resets them, and the log and the metrics show it", async () => {
  await using server = upstream(echo);
  await using reloadable = await Reloadable.start(service(server.address, "{ type: refuse, first: 2 }"));
  const { sluice, admin } = reloadable;
  for (const expected of ["ConnectionReset", "ConnectionReset", "echo"]) {
    assert.equal(await outcomeOf(sluice.port()), expected);
  }
  assert.equal(server.accepted, 1);
  const lines = await sluice.loggedEvents("connection_failed", 2);
  for (const { faults, code, level } of lines) {
    assert.deepEqual([faults, code, level], ["refuse", "fault", "info"]);
  }
  const [closed] = await sluice.loggedEvents("connection_closed", 1);
  assert.equal(closed!.faults, undefined);
  assert.equal((await admin.metrics()).sum("sluice_faults_applied_total", "refuse"), 2);
});

Deno.test("a fault resets both sides behind a number of bytes", async () => {
  await using server = await resettableServer();
  const fault = "{ type: reset_peer, after_bytes: 4, direction: upload }";
  await using sluice = await Sluice.before(server.address, [`faults: [${fault}]`]);
  using client = await connect(sluice.port());
  const socket = await server.accepted();
  const failed = new Promise<{ code?: string }>((resolve) => socket.once("error", resolve));
  await writeText(client, "1234");
  assert.equal(await endOf(client), "ConnectionReset");
  assert.equal((await failed).code, "ECONNRESET");
  assert.match(await sluice.logged("closed,"), /closed, ended by a fault.* faults=reset_peer_upload/);
});

Deno.test("a fault that swallows the FIN of a client leaves the server without it, and bytes pass", async () => {
  await using server = upstream(async (conn) => {
    await writeText(conn, await readText(conn, 5));
    await writeText(conn, await endOf(conn));
  });
  await using reloadable = await Reloadable.start(
    service(server.address, "{ type: half_open, direction: upload }"),
  );
  using client = await connect(reloadable.sluice.port());
  await writeText(client, "hello");
  await client.closeWrite();
  assert.equal(await readText(client, 5), "hello");
  // The fault goes, and the FIN passes.
  await reloadable.reload(service(server.address));
  assert.equal(await readText(client, 3), "fin");
});

Deno.test("latency delays each way by as much as it says", async () => {
  await using server = upstream(echo);
  const faults = "{ type: latency, latency: 60ms, direction: upload }, { type: latency, latency: 40ms }";
  await using sluice = await Sluice.before(server.address, [`faults: [${faults}]`]);
  using client = await connect(sluice.port());
  const times: number[] = [];
  for (let count = 0; count < 9; count++) {
    const began = performance.now();
    await writeText(client, "ping");
    await readText(client, 4);
    times.push(performance.now() - began);
  }
  const [shortest] = times.sort((a, b) => a - b);
  assert.ok(shortest! >= 98, `${times}`);
  assert.ok(times[4]! < 200, `${times}`);
});

Deno.test("a fault acts on the clients that it names, by the address in their PROXY headers", async () => {
  await using server = upstream(echo);
  await using sluice = await Sluice.before(server.address, [
    "accept_proxy_protocol: { from: [127.0.0.1] }",
    'faults: [{ type: replace, client: 192.0.2.0/24, find: "ping", replacement: "pong" }]',
  ]);
  for (const [address, expected] of [["192.0.2.7", "pong"], ["198.51.100.7", "ping"]] as const) {
    using client = await connect(sluice.port());
    await writeText(client, `PROXY TCP4 ${address} 192.0.2.1 40000 5432\r\nping`);
    assert.equal(await readText(client, 4), expected, address);
  }
});

Deno.test("a fault acts on the server names that it names, though nothing else reads the ClientHello", async () => {
  await using server = upstream((conn) => endOf(conn).then(() => {}));
  await using sluice = await Sluice.before(server.address, [
    'faults: [{ type: reset_peer, sni: "*.broken.test", after_bytes: 1, direction: upload }]',
  ]);
  for (const [name, expected] of [["a.broken.test", "ConnectionReset"], ["a.whole.test", "fin"]] as const) {
    using client = await connect(sluice.port());
    await client.write(clientHello({ sni: name }));
    await client.closeWrite();
    assert.equal(await endOf(client), expected, name);
  }
});

Deno.test("a fault that names servers changes nothing of a PROXY header, and goes by the name in it", async () => {
  await using server = upstream(echoAtEof);
  await using other = upstream(() => {});
  const service = (name: string, condition: string) => `
  - { name: ${name}, listen: 0, upstream: "${other.address}",
      accept_proxy_protocol: { from: 127.0.0.1 }, send_proxy_protocol: v2,
      routes: [{ ${condition}, upstream: "${server.address}" }],
      faults: [{ type: noop, name: at_a, sni: a.test }, { type: noop, name: at_b, sni: b.test }] }`;
  await using sluice = await Sluice.withConfig(
    `log: { format: json }\nservices:${service("names", "sni: a.test")}${service("protocols", "alpn: h2")}`,
  );
  const headerWith = (tlvs: string) =>
    by.binaryHeader(by.PROXY, by.TCP4, by.ipv4Block("192.0.2.7", "192.0.2.8", [1000, 443]) + tlvs);
  const hello = latin1(clientHello({ sni: "b.test", alpn: ["http/1.1"] }));
  const [ofA, ofB, h2] = [by.tlv(2, "a.test"), by.tlv(2, "b.test"), by.tlv(1, "h2")];
  for (const [index, [received, sent]] of [[ofA, ofA], [h2, h2 + ofB]].entries()) {
    using client = await connect(sluice.port(index));
    const bytes = by.bytesOf(headerWith(received!) + hello);
    assert.equal(await echoed(client, bytes), headerWith(sent!) + hello);
  }
  const lines = await sluice.loggedEvents("connection_closed", 2);
  assert.deepEqual(lines.map(({ route, sni, alpn, faults }) => [route, sni, alpn, faults]), [
    [0, "a.test", undefined, "at_a"],
    [0, "b.test", "h2", "at_b"],
  ]);
});

Deno.test({
  name: "a fault acts inside TLS, and resets the socket below",
  ignore: withoutOpenssl,
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const { sluice, authority } = await terminating(stack, {
      service: [
        'faults: [{ type: replace, find: "secret", replacement: "******" }, { type: reset_peer, match: "bye" }]',
      ],
    });
    using client = await tlsClient(sluice.port(), authority, { hostname: NAME });
    await writeText(client, "a secret");
    assert.equal(await readText(client, 8), "a ******");
    await writeText(client, "bye");
    assert.equal(await endOf(client), "ConnectionReset");
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.deepEqual([line!.faults, line!.code], ["replace_download,reset_peer_both", "fault"]);
  },
});

Deno.test({
  name: "faults act between unix sockets, where a reset is a close",
  ignore: !isUnix,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      using listener = Deno.listen({ transport: "unix", path: `${folder}/server` });
      void (async () => {
        for await (const conn of listener) void echo(conn).catch(() => {}).finally(() => conn.close());
      })();
      const faults = '{ type: replace, find: "a", replacement: "b" }, { type: reset_peer, match: "x" }';
      await using _sluice = await Sluice.withConfig(
        `services: [{ name: test, listen: "unix:${folder}/proxy", upstream: "unix:${folder}/server", faults: [${faults}] }]`,
      );
      using client = await Deno.connect({ transport: "unix", path: `${folder}/proxy` });
      await writeText(client, "aha");
      assert.equal(await readText(client, 3), "bhb");
      await writeText(client, "x");
      assert.notEqual(await endOf(client), "Interrupted");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("a reload replaces the faults of open connections, and takes a service down and up", async () => {
  await using server = upstream(echo);
  const marked = (mark: string) => `{ type: replace, find: "x", replacement: "${mark}" }`;
  await using reloadable = await Reloadable.start(service(server.address, marked("1")));
  const port = reloadable.sluice.port();
  using client = await connect(port);
  const answer = async () => {
    await writeText(client, "x");
    return await readText(client, 1);
  };
  assert.equal(await answer(), "1");
  const line = await reloadable.reload(service(server.address, marked("2")));
  assert.match(String(line.message), /faults of test/);
  assert.equal(await answer(), "2");
  await reloadable.reload(service(server.address));
  assert.equal(await answer(), "x");
  await reloadable.reload(service(server.address, "{ type: down }"));
  assert.equal(await endOf(client), "fin");
  await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
  const [view] = await reloadable.admin.view<{ state: string; listen: string[] }[]>("services");
  assert.deepEqual([view!.state, view!.listen], ["down", [`127.0.0.1:${port}`]]);
  assert.equal((await reloadable.sluice.loggedEvents("service_down", 1)).length, 1);
  await reloadable.reload(service(server.address));
  await reloadable.sluice.loggedEvents("listening", 2);
  using back = await connect(port);
  await writeText(back, "x");
  assert.equal(await readText(back, 1), "x");
});

Deno.test("a connection in `sluice connections` has the faults that act on it", async () => {
  await using server = upstream(echo);
  await using reloadable = await Reloadable.start(service(server.address, "{ type: slow_close, delay: 1h }"));
  using client = await connect(reloadable.sluice.port());
  const connections = () => reloadable.admin.view<{ connections: { faults: string[] }[] }>("connections");
  const { connections: [connection] } = await eventually(
    "the fault of the connection",
    connections,
    ({ connections: [first] }) => first?.faults.length === 1,
  );
  assert.deepEqual(connection!.faults, ["slow_close_download"]);
  await client.closeWrite();
});

/** Of one service called "test". */
function service(address: string, faults = ""): string {
  return `faults: true\nservices: [{ name: test, listen: "127.0.0.1:0", upstream: "${address}", faults: [${faults}] }]\n`;
}

/** How a new connection to a server that echoes ends: "echo", or the error of a client that was reset. */
async function outcomeOf(port: number): Promise<string> {
  try {
    using client = await connect(port);
    await writeText(client, "ping");
    return await readText(client, 4) === "ping" ? "echo" : "wrong bytes";
  } catch (error) {
    return (error as Error).name;
  }
}
