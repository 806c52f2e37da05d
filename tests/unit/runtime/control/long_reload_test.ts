/** A reload of many routes and groups, beside a connection that goes on. */

import assert from "node:assert/strict";
import { decodeOptions } from "../../../../src/config/library.ts";
import type { ProxyOptions } from "../../../../src/config/options.ts";
import { echoed, ProxyFixture, roundTrip } from "../proxy_fixture.ts";

const MANY = 800;
/** How much of a reload a client may wait for one answer. What changes at once takes a quarter. */
const LARGEST_SHARE = 0.6;

function optionsOf(upstream: string, port: number): ProxyOptions {
  const numbers = Array.from({ length: MANY }, (_, number) => number);
  return {
    upstreams: Object.fromEntries(numbers.map((n) => [`g${n}`, { endpoints: [`192.0.2.1:${port + n}`] }])),
    services: [
      { name: "test", listen: 0, upstream },
      {
        name: "many",
        listen: 0,
        upstream,
        routes: [
          ...numbers.map((n) => ({ sni: [`h${n}.example.com`], upstream: `g${n}` })),
          { sni: [`port-${port}.example.com`], upstream: "g0" },
        ],
      },
    ],
  };
}

Deno.test("Reloader.reload() lets other connections have their turn while it changes hundreds of routes and groups", async () => {
  await using fixture = await ProxyFixture.start((upstream) => optionsOf(upstream, 1000));
  using client = await echoed(fixture.port());
  // A route has changed, and the endpoint of one group.
  const next = optionsOf(fixture.upstream.address, 1000);
  const file = {
    ...next,
    upstreams: { ...next.upstreams, g1: { endpoints: ["192.0.2.1:999"] } },
    services: [next.services[0]!, { ...next.services[1]!, routes: next.services[1]!.routes!.slice(1) }],
  };
  fixture.file = decodeOptions(file);
  const begin = performance.now();
  let isOver = false;
  const reloading = fixture.reloader.reload().finally(() => isOver = true);
  let longest = 0;
  while (!isOver) {
    const start = performance.now();
    assert.equal(await roundTrip(client), "hello");
    longest = Math.max(longest, performance.now() - start);
  }
  const { ok, detail } = await reloading;
  assert.ok(ok, detail);
  const share = longest / (performance.now() - begin);
  assert.ok(
    share < LARGEST_SHARE,
    `an answer took ${longest.toFixed()} ms, ${share.toFixed(2)} of the reload`,
  );
});
