/** The end of idle connections: when their endpoint goes down, when the program stops, and after use. */

import assert from "node:assert/strict";
import { exchange } from "../../support/peers/counting_server.ts";
import { descriptorsReach, settledDescriptors } from "../../support/peers/descriptors.ts";
import { eventually } from "../../support/eventually.ts";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { connect, echo, endOf, readText, upstream, writeText } from "../../support/peers/sockets.ts";

/** Far below the drain of 30 s that is proven not to be waited for, in milliseconds. */
const AT_ONCE = 10_000;

const isLinux = Deno.build.os === "linux";
const isWindows = Deno.build.os === "windows";

for (const reset of ["close", "pass"] as const) {
  Deno.test(`an endpoint that goes down closes its idle connections, with reset: ${reset}`, async () => {
    let accepted = 0;
    let endedUnused = 0;
    let isWell = true;
    await using server = upstream(async (conn) => {
      accepted += 1;
      const request = await readText(conn, 4).catch(() => undefined);
      if (request === undefined) return void (endedUnused += 1);
      await writeText(conn, request === "PING" && !isWell ? "-ERR" : "+PON");
      await echo(conn);
    });
    const healthCheck = { interval: 20, timeout: 10_000, rise: 1, fall: 2, send: "PING", expect: "+PON" };
    await using proxy = await PooledProxy.before(server.address, { maxIdle: 3 }, {
      group: { healthCheck },
      service: { reset },
    });
    await proxy.holds(3);
    using live = await connect(proxy.port);
    await writeText(live, "liveping");
    assert.equal(await readText(live, 8), "+PONping");
    await proxy.holds(3);

    isWell = false;
    await eventually("the endpoint to go down", () => proxy.endpoint.state, (state) => state === "down");
    assert.equal(proxy.pool.idle, 0);
    await eventually("the upstream to see them go", () => endedUnused, (count) => count === 3);
    await writeText(live, "on_down: keep");
    assert.equal(await readText(live, 13), "on_down: keep");

    // The group's only endpoint is used even so, but nothing is opened ahead.
    using bold = await connect(proxy.port);
    await writeText(bold, "bold");
    assert.equal(await readText(bold, 4), "+PON");
    assert.deepEqual(proxy.pool, { idle: 0, hits: 1, misses: 1, expired: 0, lost: 0 });

    isWell = true;
    await eventually("the endpoint to be up again", () => proxy.endpoint.state, (state) => state === "up");
    const before = accepted;
    using next = await connect(proxy.port);
    await writeText(next, "next");
    assert.equal(await readText(next, 4), "+PON");
    await proxy.holds(3);
    assert.ok(accepted >= before + 4);
  });

  Deno.test({
    name: `SIGTERM ends a program with a full pool at once, with reset: ${reset} (needs Unix)`,
    ignore: isWindows,
    async fn() {
      const ends: Promise<string>[] = [];
      await using server = upstream(async (conn) => {
        const end = endOf(conn);
        ends.push(end);
        await end;
      });
      await using sluice = await Sluice.beforeGroup(
        [`"${server.address}"`],
        ["pool: { max_idle: 20, max_idle_time: 10m }"],
        [`reset: ${reset}`],
      );
      await eventually("a full pool", () => ends.length, (count) => count === 20);
      sluice.kill("SIGTERM");
      const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
      assert.equal(code, 0, stderr);
      assert.match(stderr, /"event":"stopped".*"cut":0\}\n$/);
      assert.deepEqual(await Promise.all(ends), Array(20).fill("fin"));
    },
  });

  Deno.test({
    name:
      `500 clients leave as many descriptors behind as the pool had before, with reset: ${reset} (needs Linux)`,
    ignore: !isLinux,
    async fn() {
      let accepted = 0;
      let open = 0;
      await using server = upstream(async (conn) => {
        accepted += 1;
        open += 1;
        await echo(conn).catch(() => {});
        open -= 1;
      });
      await using sluice = await Sluice.beforeGroup(
        [`"${server.address}"`],
        ["pool: { max_idle: 10, max_idle_time: 10m }"],
        [`reset: ${reset}`],
      );
      await exchange(sluice.port());
      await eventually("a full pool", () => open, (count) => count === 10);
      const before = await settledDescriptors(sluice.pid);
      for (let batch = 0; batch < 10; batch++) {
        await Promise.all(Array.from({ length: 50 }, (_, index) => exchange(sluice.port(), index % 2 === 0)));
      }
      assert.equal(await descriptorsReach(sluice.pid, before), before);
      await eventually("nothing but the pool to be open", () => open, (count) => count === 10);
      assert.equal(accepted, 1 + 500 + 10);
    },
  });
}
