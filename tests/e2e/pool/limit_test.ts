/** `max_connections` holds at the upstream, with everything that pools have open, and costs no client anything. */

import assert from "node:assert/strict";
import { CountingServer, exchange } from "../../support/peers/counting_server.ts";
import { eventually } from "../../support/eventually.ts";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { within } from "../../support/program/program.ts";
import { connect, readText, writeText } from "../../support/peers/sockets.ts";

const LIMIT = 3;
const ROUNDS = 40;

/** Everything that is not slow on purpose arrives within this time, in milliseconds. */
const AT_ONCE = 10_000;

for (const reset of ["close", "pass"] as const) {
  for (const mode of ["warm", "reuse"] as const) {
    for (const services of [1, 2]) {
      const what = `${
        services === 1 ? "one service" : "two services"
      } and a ${mode} pool, with reset: ${reset}`;
      Deno.test(`an upstream never sees more than max_connections, with ${what}`, async () => {
        await using server = new CountingServer(LIMIT);
        await using proxy = await PooledProxy.before(
          { address: server.address, maxConnections: LIMIT },
          { mode, maxIdle: LIMIT, ...mode === "reuse" ? { quiet: 1 } : {} },
          { service: { reset }, services },
        );
        for (let round = 0; round < ROUNDS; round++) {
          await Promise.all(Array.from({ length: LIMIT }, (_, client) => {
            const port = proxy.ports[(round + client * (round % 3)) % services]!;
            return within(AT_ONCE, "An exchange", exchange(port, client === round % LIMIT));
          }));
          // The proxy may notice the end of a client a moment later.
          await eventually("all to have left", () => proxy.endpoint.active, (active) => active === 0);
        }
        assert.equal(server.most, LIMIT);
        const { hits, misses } = proxy.pool;
        assert.equal(hits + misses, ROUNDS * LIMIT);
      });
    }
  }

  Deno.test(`idle connections of one service's pool are closed for another service's clients, with reset: ${reset}`, async () => {
    await using server = new CountingServer(LIMIT);
    await using proxy = await PooledProxy.before(
      { address: server.address, maxConnections: LIMIT },
      { maxIdle: LIMIT },
      { service: { reset }, services: 2 },
    );
    await proxy.holds(LIMIT);
    const clients = [];
    using stack = new DisposableStack();
    for (let client = 0; client < LIMIT; client++) {
      // One of the two services finds no place, depending on whose pool was the first to take them.
      const conn = stack.use(await connect(proxy.ports[client % 2]!));
      clients.push(conn);
      await writeText(conn, "ping");
      assert.equal(await within(AT_ONCE, "An answer", readText(conn, 4)), "ping");
    }
    using late = await connect(proxy.ports[0]!);
    await writeText(late, "ping");
    await assert.rejects(within(AT_ONCE, "A refusal", readText(late, 4)), /ended after 0|reset/);
    assert.equal(server.most, LIMIT);
    for (const conn of clients) {
      await writeText(conn, "pong");
      assert.equal(await readText(conn, 4), "pong");
    }
  });
}
