import assert from "node:assert/strict";
import { Resolver as NodeResolver } from "node:dns/promises";
import { mock } from "node:test";
import { DnsResolver } from "../../../../../src/upstream/discovery/dns/resolver.ts";

for (
  const [ttls, expected] of [
    [[30, 60], 30_000],
    [[0, 60], 0],
    [[30, undefined], undefined],
    [[NaN, 60], undefined],
    [[-1, 60], undefined],
    [["30", 60], undefined],
  ] as [unknown[], number | undefined][]
) {
  Deno.test(`DnsResolver.addresses(): TTLs of ${ttls.map(String)} s hold for ${expected} ms`, async () => {
    const records = ttls.map((ttl, index) => ({ address: `10.0.0.${index}`, ttl }));
    const answers: [name: "resolve4" | "resolve6" | "resolveCname", records: unknown[]][] = [
      ["resolve4", records],
      ["resolve6", []],
      ["resolveCname", []],
    ];
    const mocks = answers.map(([name, answer]) =>
      mock.method(NodeResolver.prototype, name, () => Promise.resolve(answer))
    );
    try {
      const found = await new DnsResolver(undefined).addresses("a.test", new AbortController().signal);
      assert.deepEqual(found, { v4: ["10.0.0.0", "10.0.0.1"], v6: [], ttl: expected });
    } finally {
      for (const each of mocks) each.mock.restore();
    }
  });
}
