import assert from "node:assert/strict";
import { endpointKey, nextTraffic, statsRates } from "../../../../src/cli/top/rates.ts";
import { aConnection, anEndpoint, anUpstream, aService, aStatus } from "../../../support/peers/fake_admin.ts";
import { readingOf, statsAt } from "./top_fixture.ts";

function stats(seconds: number, total: number, upload: number, connects: number, startedAt?: string) {
  return statsAt(seconds, {
    status: aStatus(startedAt === undefined ? {} : { started_at: startedAt }),
    services: [aService("mysql", {
      connections: { total, active: 1, limit: null, failed: 0, refused: 0 },
      bytes: { upload, download: 0 },
    })],
    upstreams: [anUpstream("db", { endpoints: [anEndpoint("a:1", { connects })] })],
  });
}

Deno.test("statsRates() gives rates per second, whatever the time between two readings", () => {
  const { services, endpoints } = statsRates(stats(0, 100, 1000, 50), stats(4, 110, 9000, 52));
  assert.deepEqual(services.get("mysql"), { upload: 2000, download: 0, connections: 2.5 });
  assert.equal(endpoints.get(endpointKey("db", "a:1")), 0.5);
});

Deno.test("statsRates() gives no rate after one reading, nor across a restart of the proxy", () => {
  assert.equal(statsRates(undefined, stats(0, 1, 1, 1)).services.size, 0);
  const restarted = statsRates(stats(0, 1, 1, 1), stats(1, 9, 9, 9, "2025-01-01T00:59:00.000Z"));
  assert.equal(restarted.services.size + restarted.endpoints.size, 0);
});

Deno.test("statsRates() gives no rate for a counter that decreases, a new service, or two readings at the same time", () => {
  const { services } = statsRates(stats(0, 100, 1000, 50), stats(1, 90, 2000, 50));
  assert.deepEqual(services.get("mysql"), { upload: 1000, download: 0, connections: undefined });
  const renamed = statsRates(statsAt(0, { services: [] }), stats(1, 1, 1, 1));
  assert.equal(renamed.services.get("mysql"), undefined);
  assert.equal(statsRates(stats(1, 1, 1, 1), stats(1, 2, 2, 2)).services.get("mysql")?.upload, undefined);
});

Deno.test("nextTraffic() gives a connection a rate from its second reading on", () => {
  const old = (upload: number) => aConnection(1, { age_ms: 60_000, bytes: { upload, download: 0 } });
  const first = nextTraffic(new Map(), readingOf([old(1000)], 5000));
  assert.deepEqual(first.get(1)?.rates, { upload: undefined, download: undefined });
  const second = nextTraffic(first, readingOf([old(5000)], 7000));
  assert.deepEqual(second.get(1)?.rates, { upload: 2000, download: 0 });
});

Deno.test("nextTraffic() ignores a reading that comes soon after the last one", () => {
  const at = (upload: number) => [aConnection(1, { bytes: { upload, download: 0 } })];
  const first = nextTraffic(new Map(), readingOf(at(0), 0));
  const second = nextTraffic(first, readingOf(at(1000), 1000));
  const soon = nextTraffic(second, readingOf(at(1000), 1010));
  assert.deepEqual(soon.get(1)?.rates, { upload: 1000, download: 0 });
  assert.deepEqual(nextTraffic(soon, readingOf(at(2000), 2000)).get(1)?.rates, { upload: 1000, download: 0 });
});

Deno.test("nextTraffic() gives a new connection its average, and forgets one that has left the list", () => {
  const young = aConnection(1, { age_ms: 800, bytes: { upload: 1600, download: 800 } });
  const traffic = nextTraffic(new Map(), readingOf([young], 9000));
  assert.deepEqual(traffic.get(1)?.rates, { upload: 2000, download: 1000 });
  assert.equal(nextTraffic(traffic, readingOf([], 10_000)).size, 0);
});
