import assert from "node:assert/strict";
import { startProxy } from "../../../main.ts";
import { answeringServer, askName, NamedServer } from "../../support/peers/named_server.ts";
import { Sluice } from "../../support/program/program.ts";
import { connect, endOf, freePorts } from "../../support/peers/sockets.ts";

const WINDOWS = Deno.build.os === "windows";

for (const reset of ["close", "pass"]) {
  Deno.test(`source_port matches ports and ranges, and the first match decides, with reset: ${reset}`, async () => {
    await using a = await NamedServer.start("a");
    await using b = await NamedServer.start("b");
    await using c = await NamedServer.start("c");
    const ports = freePorts(7);
    await using sluice = await Sluice.withConfig(`
upstreams:
  named: { endpoints: ["${a.address}"] }
services:
  - name: test
    listen: 0
    reset: ${reset}
    routes:
      - { source_port: ["${ports[1]}-${ports[3]}", ${ports[5]}], upstream: named }
      - { source_port: "${ports[2]}-${ports[4]}", upstream: ["${b.address}"] }
    upstream: "${c.address}"
`);
    const answers = ports.map((localPort) => answeringServer(sluice.port(), { localPort }));
    assert.equal((await Promise.all(answers)).join(""), "caaabac");
    assert.match(
      await sluice.logged(`client=127.0.0.1:${ports[4]} `),
      new RegExp(`event=connection_closed .* route=1 upstream=\\S+ endpoint=${b.address} `),
    );
  });

  Deno.test(`a client that no route matches is refused at once without a default, with reset: ${reset}`, async () => {
    await using a = await NamedServer.start("a");
    const [ours, other] = freePorts(2);
    await using sluice = await Sluice.withConfig(`
services:
  - { name: test, listen: 0, reset: ${reset}, routes: [{ source_port: ${ours}, upstream: "${a.address}" }] }
`);
    using stranger = await connect(sluice.port());
    assert.equal(await endOf(stranger), "fin");
    const line = await sluice.logged(`client=127.0.0.1:${stranger.localAddr.port} `);
    assert.match(line, / warn {2}test: refused, no route event=connection_refused service=test /);
    assert.match(line, / reason="no route" code=no_route$/);
    assert.doesNotMatch(line, / (upstream|attempts)=/);
    assert.equal(await answeringServer(sluice.port(), { localPort: other! }), "");
    assert.equal(await answeringServer(sluice.port(), { localPort: ours! }), "a");
    assert.equal(a.clients, 1);
  });
}

Deno.test("refused clients are counted as refused, and not as failed", async () => {
  await using a = await NamedServer.start("a");
  const [ours] = freePorts(1);
  await using proxy = await startProxy({
    services: [{ name: "test", listen: 0, routes: [{ sourcePort: ours!, upstream: a.address }] }],
  });
  const port = portOf(proxy.services[0]!.listen[0]!);
  using stranger = await connect(port);
  assert.equal(await endOf(stranger), "fin");
  assert.equal(await answeringServer(port, { localPort: ours! }), "a");
  await proxy.stop();
  assert.deepEqual(proxy.figures(), [{
    name: "test",
    accepted: 2,
    active: 0,
    failed: 0,
    failedBy: {},
    refused: 1,
    refusedBy: { no_route: 1 },
    closedBy: { client_closed: 1 },
    bytesFromClient: 4,
    bytesFromUpstream: 1,
  }]);
});

for (const reset of ["close", "pass"]) {
  Deno.test({
    name:
      `source_ip matches addresses and blocks of IPv4 and IPv6, with reset: ${reset} (needs ::1 and 127.0.0.2)`,
    ignore: !hasAddress("::1") || !hasAddress("127.0.0.2"),
    fn: async () => {
      await using a = await NamedServer.start("a");
      await using b = await NamedServer.start("b");
      await using c = await NamedServer.start("c");
      const [localPort] = freePorts(1);
      // Dual-stack: the kernel shows IPv4 clients as IPv6 ones.
      await using sluice = await Sluice.withConfig(`
services:
  - name: test
    listen: ":0"
    reset: ${reset}
    routes:
      - { source_ip: [127.0.0.2, 127.0.1.0/24], upstream: "${a.address}" }
      - { source_ip: "::1", upstream: "${b.address}" }
      - { source_ip: 127.0.0.0/8, source_port: ${localPort}, upstream: "${b.address}" }
    upstream: "${c.address}"
`);
      const port = sluice.port();
      assert.equal(await answeringServer(port, { localAddress: "127.0.0.2" }), "a");
      assert.equal(await answeringServer(port, { localAddress: "127.0.0.3" }), "c");
      assert.equal(await answeringServer(port, { localAddress: "127.0.1.255" }), "a");
      assert.equal(await answeringServer(port, { localAddress: "127.0.2.0" }), "c");
      assert.equal(await answeringServer(port, { host: "::1", localAddress: "::1" }), "b");
      assert.equal(await answeringServer(port, { localAddress: "127.0.0.3", localPort: localPort! }), "b");
      assert.equal(await answeringServer(port, { localAddress: "127.0.0.2", localPort: localPort! }), "a");
      assert.match(
        await sluice.logged("client=[::1]:"),
        new RegExp(` route=1 upstream=\\S+ endpoint=${b.address} `),
      );
      assert.match(await sluice.logged("client=127.0.1.255:"), new RegExp(` upstream=${a.address} `));
    },
  });
}

Deno.test("listen_port matches, alone and with other conditions", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  await using c = await NamedServer.start("c");
  const [first, second, localPort] = freePorts(3);
  await using sluice = await Sluice.withConfig(`
services:
  - name: test
    listen: [${first}, ${second}]
    routes:
      - { listen_port: ${second}, source_port: ${localPort}, upstream: "${a.address}" }
      - { listen_port: ${second}, upstream: "${b.address}" }
    upstream: "${c.address}"
`);
  assert.equal(await answeringServer(first!), "c");
  assert.equal(await answeringServer(second!), "b");
  assert.equal(await answeringServer(second!, { localPort: localPort! }), "a");
  assert.equal(await answeringServer(first!, { localPort: localPort! }), "c");
  assert.equal(sluice.stderr.includes("refused"), false);
});

for (const reset of ["close", "pass"]) {
  Deno.test(`routes can name each port of a range, with reset: ${reset}`, async () => {
    await using a = await NamedServer.start("a");
    await using b = await NamedServer.start("b");
    const ports = freePorts(6);
    await using sluice = await Sluice.withConfig(`
services:
  - name: test
    listen: ["127.0.0.1:${ports[0]}-${ports[4]}", 0]
    reset: ${reset}
    routes: [{ listen_port: [${ports[0]}, "${ports[3]}-${ports[4]}"], upstream: "${a.address}" }]
    upstream: "${b.address}"
`);
    const { listen } = sluice.ready.services[0]!;
    assert.deepEqual(listen.slice(0, -1), ports.slice(0, 5).map((port) => `127.0.0.1:${port}`));
    const answers = listen.map((address) => answeringServer(portOf(address)));
    assert.equal((await Promise.all(answers)).join(""), "abbaab");
  });
}

Deno.test({
  name: "a client on a unix socket, without port and address, gets the default",
  ignore: WINDOWS,
  fn: async () => {
    await using a = await NamedServer.start("a");
    await using b = await NamedServer.start("b");
    const directory = await Deno.makeTempDir();
    const path = `${directory}/test.sock`;
    await using sluice = await Sluice.withConfig(`
services:
  - name: test
    listen: ["unix:${path}", 0]
    routes:
      - { source_port: 1-65535, upstream: "${a.address}" }
      - { source_ip: [0.0.0.0/0, "::/0"], upstream: "${a.address}" }
    upstream: "${b.address}"
`);
    assert.equal(await answeringServer(sluice.port(0, 1)), "a");
    using client = await Deno.connect({ transport: "unix", path });
    assert.equal(await askName(client), "b");
    client.close();
    assert.match(await sluice.logged(`upstream=${b.address} `), /event=connection_closed/);
    await sluice.stop();
    await Deno.remove(directory, { recursive: true });
  },
});

function portOf(address: string): number {
  return Number(/:(\d+)$/.exec(address)![1]);
}

function hasAddress(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
