/** Access by address. */

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { startProxy } from "../../../main.ts";
import { eventually } from "../../support/eventually.ts";
import { sendAndReset, TestClient, TestClients } from "../../support/peers/test_client.ts";
import { answeringServer, NamedServer } from "../../support/peers/named_server.ts";
import { Sluice } from "../../support/program/program.ts";
import { connect, echo, endOf, readText, upstream, writeText } from "../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs 127.0.0.2 and ::1, which Linux has)";

for (const reset of ["close", "pass"]) {
  Deno.test({
    name:
      `allow and deny match addresses and blocks, and deny takes precedence, with reset: ${reset}${onLinux}`,
    ignore: !isLinux,
    async fn() {
      await using a = await NamedServer.start("a");
      const service = (name: string, keys: string) =>
        `  - { name: ${name}, listen: ":0", reset: ${reset}, ${keys}, upstream: "${a.address}" }`;
      // Dual-stack: the kernel shows IPv4 clients as IPv6 ones.
      await using sluice = await Sluice.withConfig(`
services:
${service("both", `allow: [127.0.0.0/8, "::1"], deny: [127.0.0.2, 127.0.3.0/24]`)}
${service("denied", `deny: ["::1", 127.0.0.2]`)}
${service("mapped", `allow: ["::ffff:127.0.0.2"]`)}
${service("without_ipv6", `deny: ["::/0"]`)}
${service("denied_again", `allow: 127.0.0.2, deny: 127.0.0.0/8`)}
`);
      const addresses = ["127.0.0.1", "127.0.0.2", "127.0.3.0", "127.0.3.255", "127.0.4.0", "::1"];
      const answers = async (service: number) => {
        const visits = addresses.map((localAddress) =>
          answeringServer(sluice.port(service), {
            host: localAddress.includes(":") ? "::1" : "127.0.0.1",
            localAddress,
          })
        );
        return (await Promise.all(visits)).map((name) => name || "-").join("");
      };
      assert.equal(await answers(0), "a---aa");
      assert.equal(await answers(1), "a-aaa-");
      assert.equal(await answers(2), "-a----");
      assert.equal(await answers(3), "aaaaa-");
      assert.equal(await answers(4), "------");
    },
  });

  Deno.test({
    name: `a denied client is closed before the upstream sees a connection, with reset: ${reset}${onLinux}`,
    ignore: !isLinux,
    async fn() {
      let accepted = 0;
      await using server = upstream(async (conn) => {
        accepted += 1;
        await writeText(conn, "hello");
        await echo(conn);
      });
      await using sluice = await Sluice.before(server.address, [`reset: ${reset}`, "deny: 127.0.0.2"]);
      using clients = new TestClients();
      assert.deepEqual(
        new Set(await clients.connectMany(sluice.port(), 20, { localAddress: "127.0.0.2" })),
        new Set([""]),
      );
      const line = await sluice.logged("client=127.0.0.2:");
      assert.match(
        line,
        / warn {2}test: refused, access denied event=connection_refused service=test client=127\.0\.0\.2:\d+ /,
      );
      assert.match(line, / reason="access denied" code=access_denied$/);
      assert.doesNotMatch(line, / (upstream|attempts|peer)=/);
      using client = await connect(sluice.port());
      assert.equal(await readText(client, 5), "hello");
      assert.equal(accepted, 1);
    },
  });
}

for (const reset of ["close", "pass"]) {
  Deno.test({
    name:
      `a client that resets before it is accepted has no address and is refused, with reset: ${reset}${onLinux}`,
    ignore: !isLinux,
    async fn() {
      const received: string[] = [];
      await using server = upstream(async (conn) => {
        received.push(await readText(conn, 4));
        await writeText(conn, "a");
      });
      const directory = await Deno.makeTempDir();
      await using sluice = await Sluice.withConfig(`
services:
  - { name: denied, listen: 0, reset: ${reset}, deny: 127.0.0.1, upstream: "${server.address}" }
  - name: header
    listen: [0, "unix:${directory}/socket"]
    reset: ${reset}
    accept_proxy_protocol: { from: [unix, 127.0.0.2] }
    upstream: "${server.address}"
`);
      const header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
      sluice.kill("SIGSTOP");
      await sendAndReset(sluice.port(0), "EVIL");
      await sendAndReset(sluice.port(1), `${header}EVIL`);
      sluice.kill("SIGCONT");
      // The clients behind them in the queues are admitted.
      assert.equal(await answeringServer(sluice.port(0), { localAddress: "127.0.0.2" }), "a");
      using client = await TestClient.connect(sluice.port(1), { localAddress: "127.0.0.2", header });
      assert.equal(client.name, "a");
      assert.deepEqual(received, ["NAME", "NAME"]);
      await sluice.stop();
      await Deno.remove(directory, { recursive: true });
    },
  });
}

Deno.test("a denied client that sends nothing is closed at once, with a FIN", async () => {
  await using a = await NamedServer.start("a");
  await using sluice = await Sluice.before(a.address, ["allow: 192.0.2.1"]);
  using client = await connect(sluice.port());
  assert.equal(await endOf(client), "fin");
  assert.equal(a.clients, 0);
});

Deno.test("the access log has at most ten refusals a second, and counts the others", async () => {
  await using a = await NamedServer.start("a");
  await using sluice = await Sluice.withConfig(`
log: { format: json }
services: [{ name: test, listen: 0, upstream: "${a.address}", deny: 127.0.0.0/8 }]
`);
  using clients = new TestClients();
  let visits = 100;
  const began = performance.now();
  await clients.connectMany(sluice.port(), visits);
  const seconds = Math.ceil((performance.now() - began) / 1000);
  const first = (await sluice.loggedEvents("connection_refused", 10)).length;
  assert.ok(first <= 10 * (seconds + 1), `${first} lines in ${seconds} s`);
  // After the second, the next client is logged with the number of suppressed lines, which has all before it.
  const counted = await eventually("a line that counts them", async () => {
    using _client = await TestClient.connect(sluice.port());
    visits += 1;
    const lines = sluice.events("connection_refused");
    return lines.reduce((sum, { suppressed }) => sum + 1 + Number(suppressed ?? 0), 0);
  }, (sum) => sum > 100);
  assert.ok(counted <= visits, `${counted} of ${visits}`);
  const codes = sluice.events("connection_refused").map(({ code }) => code);
  assert.deepEqual(new Set(codes), new Set(["access_denied"]));
});

Deno.test("the metrics count refusals by reason", async () => {
  await using a = await NamedServer.start("a");
  const service = { listen: 0, upstream: a.address };
  await using proxy = await startProxy({
    services: [
      { ...service, name: "denied", deny: "127.0.0.1" },
      { ...service, name: "full", limits: { connections: 1 } },
    ],
  });
  using clients = new TestClients();
  for (const { listen } of proxy.services) await clients.connectMany(Number(listen[0]!.split(":")[1]), 50);
  await eventually(
    "the counts",
    () => proxy.figures().map(({ accepted, refused, refusedBy }) => ({ accepted, refused, refusedBy })),
    (figures) =>
      isDeepStrictEqual(figures, [
        { accepted: 50, refused: 50, refusedBy: { access_denied: 50 } },
        { accepted: 50, refused: 49, refusedBy: { connection_limit: 49 } },
      ]),
  );
});
