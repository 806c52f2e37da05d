import assert from "node:assert/strict";
import { Clients, countsOf, Member, Members, whoAnswers } from "./member.ts";
import { type LoggedEvent, Sluice, within } from "./program.ts";
import { connect, echo, endOf, readText, resettableServer, upstream, writeText } from "./sockets.ts";

const PATIENCE = 30_000;
const PING = 'send: "PING", expect: "+PONG"';

for (const reset of ["close", "pass"]) {
  Deno.test(`no client is lost when an endpoint is killed, is down, and returns, with reset: ${reset}`, async () => {
    await using group = await Members.start("abc");
    const b = group.all[1]!;
    await using sluice = await Sluice.beforeGroup(
      group.endpoints,
      ["health_check: { interval: 50ms, rise: 3, fall: 4 }"],
      [`reset: ${reset}`],
    );
    const visits = new Visits(sluice.port());
    await visits.until(() => visits.names.length >= 12);
    assert.deepEqual(countsOf(visits.names), { a: 4, b: 4, c: 4 });
    b.goDown();
    const down = await visits.until(sluice.loggedEvents("endpoint_down", 1));
    const { upstream, endpoint, cause } = down[0]!;
    assert.deepEqual({ upstream, endpoint, cause }, {
      upstream: "group",
      endpoint: b.address,
      cause: "connection refused",
    });
    const met = (await sluice.loggedEvents("connection_closed", visits.names.length)).filter(isRetried);
    assert.ok(met.length > 0, "the endpoint was met before the checks found out");
    assert.deepEqual(countsOf(met.map(({ attempts }) => String(attempts))), { 2: met.length });

    // While it is down nobody tries it.
    const before = visits.names.length;
    await visits.until(() => visits.names.length >= before + 30);
    const later = (await sluice.loggedEvents("connection_closed", before + 30)).slice(before);
    assert.deepEqual(later.filter(isRetried), []);

    b.comeBack();
    const [up] = await visits.until(sluice.loggedEvents("endpoint_up", 1));
    assert.deepEqual([up!.endpoint, up!.cause], [b.address, "connected"]);
    const back = visits.names.length;
    await visits.until(() => visits.names.length >= back + 30);
    assert.deepEqual(countsOf(visits.names.slice(-30)), { a: 10, b: 10, c: 10 });
    assert.equal(visits.names.includes(""), false);
    assert.deepEqual(sluice.events("connection_failed"), []);
    assert.deepEqual(sluice.events("group_down"), []);
  });
}
