import assert from "node:assert/strict";
import type { ConsulEntry } from "../../../../../src/config/schema/discovery_schema.ts";
import type { HttpClient } from "../../../../../src/net/http_client.ts";
import { consulSource } from "../../../../../src/upstream/discovery/consul/consul_source.ts";
import { FakeTime } from "../../../../support/fakes/fake_time.ts";
import { sourceParts } from "../../../../support/fakes/upstream_parts.ts";

Deno.test("consulSource waits ten seconds for an answer, and longer where Consul waits for a change", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  const asked: number[] = [];
  const failed: number[] = [];
  const complete: ConsulEntry = {
    service: "db",
    address: "http://192.0.2.1",
    tag: [],
    datacenter: undefined,
    passingOnly: false,
    token: undefined,
    tokenFile: undefined,
    ca: undefined,
    wait: 32_000,
  };
  const fetch: HttpClient["fetch"] = (_, { signal }) => {
    asked.push(performance.now());
    if (asked.length === 2) return Promise.resolve(Response.json([], { headers: { "X-Consul-Index": "5" } }));
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const running = consulSource.run(complete, {
    discovery: { consul: complete },
    entries: [],
    events: { endpoints() {}, answered() {}, forgotten() {}, failed: () => failed.push(performance.now()) },
    parts: { ...sourceParts(), random: () => 0.5, http: () => ({ fetch, [Symbol.dispose]() {} }) },
    signal: stop.signal,
  });
  await time.advance(60_000);
  stop.abort();
  await running;
  // 10 s; a second later it asks again, and 100 ms after the answer with its index: 32 s, 2 s and 10 s.
  assert.deepEqual(asked.slice(0, 3), [0, 11_000, 11_100]);
  assert.deepEqual(failed, [10_000, 55_100]);
});
