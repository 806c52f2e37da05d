import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeConfig } from "../../../src/config/decode.ts";
import { encodeConfig } from "../../../src/config/encode.ts";

Deno.test("encodeConfig() writes an address as itself, a group by its name, and one in place in place", () => {
  const list = ["a:1", "b:1"];
  const { upstreams, services } = encode({
    upstreams: { pg: { endpoints: list }, unused: { endpoints: list } },
    services: [
      { name: "lone", listen: 1, routes: [{ source_port: 5, upstream: "DB:1" }], upstream: "db:1" },
      { name: "named", listen: 2, upstream: "pg" },
      { name: "placed", listen: 3, routes: [{ source_port: 5, upstream: list }], upstream: list },
    ],
  });
  assert.deepEqual(Object.keys(upstreams ?? {}), ["pg", "unused"]);
  assert.deepEqual([services[0]?.routes?.[0]?.upstream, services[0]?.upstream], ["DB:1", "DB:1"]);
  assert.equal(services[1]?.upstream, "pg");
  const inPlace = {
    balance: "round_robin",
    endpoints: list.map((address) => ({ address, weight: 1, backup: false })),
    retry: { attempts: 3, timeout: "10s" },
    on_down: "keep",
    on_all_down: "try",
  };
  assert.deepEqual([services[2]?.routes?.[0]?.upstream, services[2]?.upstream], [inPlace, inPlace]);
});

Deno.test("encodeConfig() writes a range of ports as itself, also of one port", () => {
  const { services } = encode({
    services: [
      { name: "a", listen: "7000-7010", upstream: "db:8000-8010" },
      { name: "b", listen: 1, upstream: "db:8000-8000" },
      { name: "c", listen: 2, upstream: "db:8000" },
    ],
  });
  assert.deepEqual(services.map(({ upstream }) => upstream), ["db:8000-8010", "db:8000-8000", "db:8000"]);
});

Deno.test("encodeConfig() writes a service in the same way whatever other services there are", () => {
  const service = { name: "a", listen: 1, upstream: ["a:1", "b:1"] };
  const others = [{ name: "b", listen: 2, upstream: "c:1" }, { name: "c", listen: 3, upstream: ["a:1"] }];
  const [alone] = encode({ services: [service] }).services;
  assert.deepEqual(encode({ services: [...others, service] }).services[2], alone);
  const upstreams = { pg: { endpoints: ["a:1"] } };
  assert.deepEqual(encode({ upstreams, services: [service, ...others] }).services[0], alone);
});

Deno.test("encodeConfig() keeps a group under its name when that is also the name of its place", () => {
  const upstreams = { "b.upstream": { endpoints: ["a:1"] } };
  const first = { name: "a", listen: 1, upstream: "db:1" };
  const second = { name: "b", listen: 2, upstream: "b.upstream" };
  const encoded = encode({ upstreams, services: [first, second] });
  assert.deepEqual(Object.keys(encoded.upstreams ?? {}), ["b.upstream"]);
  assert.equal(encoded.services[1]?.upstream, "b.upstream");
});

Deno.test("decodeConfig() makes the same groups of an encoding, however they are named and written", () => {
  // Addresses and services whose names look like keys, or like names of other groups.
  const address = fc.constantFrom(
    ...[
      "db:1",
      "DB:1",
      "unix:/a.upstream",
      "unix:/a.upstream#2",
      "unix:/a.upstream#2#2",
      "unix:/a.routes[0]",
    ],
  );
  const endpoints = fc.uniqueArray(address, {
    minLength: 1,
    maxLength: 2,
    selector: (text) => text.toLowerCase(),
  });
  const group = fc.record({ endpoints, balance: fc.constantFrom("random_two", "source_hash") });
  const named = fc.uniqueArray(fc.constantFrom("pg", "a.upstream", "b.upstream", "a.upstream.upstream"));
  const file = named.chain((names) => {
    const upstream = fc.oneof(address, endpoints, group, fc.constantFrom("db:2", ...names));
    const route = fc.record({ source_port: fc.constant(5), upstream });
    const routes = fc.option(fc.array(route, { minLength: 1, maxLength: 2 }), { nil: undefined });
    const service = fc.record({
      name: fc.constantFrom("a", "b", "a.upstream", "unix:/a"),
      listen: fc.constant(0),
      upstream,
      routes,
    });
    return fc.record({
      upstreams: fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), group))).map(Object.fromEntries),
      services: fc.uniqueArray(service, { minLength: 1, maxLength: 4, selector: ({ name }) => name }),
    });
  });
  const property = fc.property(file, (document) => {
    const config = decodeConfig(document);
    assert.deepEqual(decodeConfig(encodeConfig(config)), config);
  });
  fc.assert(property, { numRuns: 500 });
});

function encode(document: unknown) {
  return encodeConfig(decodeConfig(document));
}
