/** A client that is refused repeatedly blocks no other client. */

import assert from "node:assert/strict";
import { Admin } from "../../support/program/admin.ts";
import { TestClient, TestClients } from "../../support/peers/test_client.ts";
import { countsOf, NamedServer } from "../../support/peers/named_server.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs 127.0.0.2, which Linux has)";

const OTHERS = ["127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7"];
/** As often as the flooder is refused before others come, and again while they do. */
const REFUSALS = 200;

interface Flood {
  readonly what: string;
  readonly limits: string;
  readonly deny?: string;
  /** How many of the flooder's connections stay. */
  readonly own: number;
}

// The rate of the service has room for the admitted clients and no more, and hardly grows while the test runs.
const RATE = "connects_per_second: { rate: 0.1, burst: 20 }";
const FLOODS: readonly Flood[] = [
  { what: "connections_per_client", limits: `${RATE}, connections_per_client: 2`, own: 2 },
  {
    what: "connects_per_second_per_client",
    limits: `${RATE}, connects_per_second_per_client: { rate: 0.1, burst: 2 }`,
    own: 2,
  },
  { what: "deny", limits: RATE, deny: "127.0.0.2", own: 0 },
];

for (const threads of isLinux ? [1, 2] : [1]) {
  for (const hasHeader of [false, true]) {
    for (const { what, limits, deny, own } of FLOODS) {
      const how = `${hasHeader ? "behind PROXY headers" : "by themselves"}, ${threads} threads`;
      Deno.test({
        name: `a client refused by ${what} uses up no other client's limit, ${how}${onLinux}`,
        ignore: !isLinux,
        async fn() {
          await using a = await NamedServer.start("a");
          const keys = [
            "name: test",
            'listen: ":0"',
            `upstream: "${a.address}"`,
            `limits: { ${limits} }`,
            ...deny === undefined ? [] : [`deny: ["${deny}"]`],
            ...hasHeader ? ["accept_proxy_protocol: { from: 127.0.0.1 }"] : [],
          ];
          await using sluice = await Sluice.withConfig(
            `admin: { listen: 127.0.0.1:0 }\nservices: [{ ${keys.join(", ")} }]`,
            [],
            { workers: threads },
          );
          using clients = new TestClients();
          const from = (address: string) =>
            hasHeader
              ? { header: `PROXY TCP4 ${address} 192.0.2.1 1024 443\r\n` }
              : { localAddress: address };
          const flood = async () => {
            for (let round = 0; round < REFUSALS / 20; round++) {
              await clients.connectMany(sluice.port(), 20, from("127.0.0.2"));
            }
          };
          assert.deepEqual(
            countsOf(await clients.connectMany(sluice.port(), own, from("127.0.0.2"))),
            own === 0 ? {} : { a: own },
          );
          await flood();
          // Two of each, as many as each may have.
          const [others] = await Promise.all([
            Promise.all(OTHERS.map((address) => clients.connectMany(sluice.port(), 2, from(address)))),
            flood(),
          ]);
          assert.deepEqual(countsOf(others.flat()), { a: 10 });
          const refused = (await new Admin(sluice).metrics()).sum("sluice_connections_refused_total");
          assert.equal(refused, 2 * REFUSALS);
        },
      });
    }
  }
}

Deno.test("a client over its own limit does not wait in the queue", async () => {
  await using a = await NamedServer.start("a");
  await using sluice = await Sluice.withConfig(
    `services: [{ name: test, listen: 0, upstream: "${a.address}",
      limits: { connections: 1, connections_per_client: 1, when_full: wait } }]`,
    [],
    { workers: 1 },
  );
  using first = await TestClient.connect(sluice.port());
  assert.equal(first.name, "a");
  // An earlier version waited for a place that it could not have used.
  using second = await within(5000, "To be refused", TestClient.connect(sluice.port()));
  assert.equal(second.name, "");
});

Deno.test({
  name: `a lower rate per client applies from the reload on, whatever clients did before${onLinux}`,
  ignore: !isLinux,
  async fn() {
    await using a = await NamedServer.start("a");
    const yaml = (rate: number) =>
      `services: [{ name: test, listen: ":0", upstream: "${a.address}",
        limits: { connects_per_second_per_client: { rate: ${rate}, burst: ${rate} } } }]`;
    await using fixture = await Reloadable.start(yaml(100));
    const visit = async (host: number) => {
      using client = await TestClient.connect(fixture.sluice.port(), { localAddress: `127.0.3.${host}` });
      return client.name;
    };
    const all = (from: number) => Promise.all(Array.from({ length: 50 }, (_, host) => visit(from + host)));
    assert.deepEqual(countsOf(await all(1)), { a: 50 });
    await fixture.reload(yaml(1));
    // Clients from before and new ones, each once.
    assert.deepEqual(countsOf([...await all(1), ...await all(101)]), { a: 100 });
  },
});
