/** Clients before and after the first health check of an endpoint. */

import assert from "node:assert/strict";
import { Admin } from "../../support/program/admin.ts";
import { CountingServer, exchange } from "../../support/peers/counting_server.ts";
import { eventually } from "../../support/eventually.ts";
import { Clients, countsOf, NamedServers, Visits } from "../../support/peers/named_server.ts";
import { Sluice } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";

const CHECK =
  'health_check: { interval: 20ms, timeout: 20s, rise: 1, fall: 1, send: "PING\\r\\n", expect: "+PONG" }';
const threadCounts = Deno.build.os === "linux" ? [1, 2] : [1];

for (const threads of threadCounts) {
  Deno.test(`${threads} threads: no client after a start reaches an endpoint that the first check finds down`, async () => {
    await using group = await NamedServers.start("ab");
    group.all[1]!.answer = () => "-REPLICA\r\n";
    await using sluice = await Sluice.withConfig(groupOf(group.endpoints), [], { workers: threads });
    using clients = await Clients.connect(sluice.port(), 10);
    assert.deepEqual(clients.counts, { a: 10 });
  });

  Deno.test(`${threads} threads: an endpoint added by a reload gets no client before its first check`, async () => {
    await using group = await NamedServers.start("abc");
    const c = group.all[2];
    const checked = Promise.withResolvers<string>();
    c!.answer = () => checked.promise;
    const [first, ...others] = group.endpoints;
    await using fixture = await Reloadable.start(`workers: ${threads}\n${groupOf([first!])}`);
    const visits = new Visits(fixture.sluice.port());
    assert.deepEqual(countsOf(await visits.make(5)), { a: 5 });
    await fixture.reload(`workers: ${threads}\n${groupOf([first!, ...others])}`);
    await visits.until(c!.pinged(1));
    assert.equal(countsOf(await visits.make(20))["c"], undefined);
    assert.equal((await fixture.admin.ask("GET", "/readyz")).status, 503, "not all is known yet");
    checked.resolve("+PONG\r\n");
    await eventually("the new one", async () => (await visits.make(1))[0], (name) => name === "c");
    assert.equal((await fixture.admin.ask("GET", "/readyz")).status, 200);
  });

  Deno.test(`${threads} threads: a client that came while no endpoint was up does not stay at a down one, with on_down: close`, async () => {
    await using group = await NamedServers.start("ab");
    const [a, b] = group.all;
    a!.answer = b!.answer = () => "-REPLICA\r\n";
    await using sluice = await Sluice.withConfig(groupOf(group.endpoints, ["on_down: close"]), [], {
      workers: threads,
    });
    await sluice.loggedEvents("group_down", 1);
    const visits = new Visits(sluice.port());
    await eventually("all to be tried", () => visits.make(4), (names) => names.includes("b"));
    using clients = await Clients.connect(sluice.port(), 8);
    assert.deepEqual(clients.counts, { a: 4, b: 4 });
    a!.answer = () => "+PONG\r\n";
    assert.equal((await clients.ended("b")).length, 4);
    const closed = await sluice.loggedEvents("connection_closed", visits.names.length + 4);
    assert.equal(closed.filter(({ code }) => code === "endpoint_down").length, 4);
    clients.leave("b");
    await clients.checkAlive();
    assert.deepEqual(clients.counts, { a: 4 });
    assert.deepEqual(countsOf(await visits.make(6)), { a: 6 });
  });

  Deno.test(`${threads} threads: a client that finds an endpoint full gets that reason, whichever client leaves meanwhile`, async () => {
    const limit = 3;
    await using server = new CountingServer(limit, 1);
    await using sluice = await Sluice.withConfig(
      groupOf([`{ address: "${server.address}", max_connections: ${limit} }`], [], ""),
      [],
      { workers: threads },
    );
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 200 }, () => exchange(sluice.port(), true).then(() => true, () => false)),
      );
    }
    const metrics = await new Admin(sluice).metrics();
    assert.equal(metrics.sum("sluice_connections_failed_total", "no_endpoint"), 0);
    assert.ok(metrics.sum("sluice_connections_failed_total", "endpoints_full") > 0);
  });
}

function groupOf(endpoints: readonly string[], keys: readonly string[] = [], check = CHECK): string {
  const all = [`endpoints: [${endpoints.join(", ")}]`, ...check === "" ? [] : [check], ...keys];
  return `
log: { format: json }
admin: { listen: "127.0.0.1:0" }
upstreams: { group: { ${all.join(", ")} } }
services: [{ name: test, listen: 0, upstream: group }]
`;
}
