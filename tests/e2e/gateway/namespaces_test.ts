/** What a namespace must not do to others. */

import assert from "node:assert/strict";
import { gateway, service, tcpListener, tcpRoute, within } from "../../support/kubernetes/gateway_objects.ts";
import { eventually } from "../../support/eventually.ts";
import { NamedServers } from "../../support/peers/named_server.ts";
import { GatewayFixture, gatewayTest, pods, to } from "./gateway_fixture.ts";

const EDGE = [{ name: "edge" }];

gatewayTest(
  "sluice gateway follows other namespaces while the Services of one are too many",
  async (stack) => {
    const servers = stack.use(await NamedServers.start("ab"));
    const [a, b] = servers.all.map(({ address }) => address) as [string, string];
    const open = { allowedRoutes: { namespaces: { from: "All" } } };
    const fixture = stack.use(
      new GatewayFixture(
        gateway("edge", [tcpListener("db", 5432), tcpListener("open", 5433, open)]),
        ...pods("a", a),
        tcpRoute("db", [{ name: "edge", sectionName: "db" }], to("a")),
        ...Array.from(
          { length: 17 },
          (_, index) => within("evil", service(`s${index}`, 80, { data: "x".repeat(1024 * 1024) })),
        ),
      ),
    );
    const { cluster } = fixture;
    await fixture.start();
    cluster.put(within("evil", tcpRoute("x", [{ ...EDGE[0], namespace: "prod", port: 5433 }], to("s0"))));
    await eventually(
      "the reason",
      () => JSON.stringify(cluster.status("TCPRoute", "x", "evil")),
      (text) => text.includes("larger than 16 MiB"),
    );
    cluster.put(...pods("a", b));
    await eventually("clients at b", () => fixture.ask(5432), (found) => found === "b");
    assert.equal(await fixture.ask(5433), "");
  },
);
