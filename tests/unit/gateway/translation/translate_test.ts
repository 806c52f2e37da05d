import assert from "node:assert/strict";
import fc from "fast-check";
import { atOnce } from "../../../../src/config/input/steps.ts";
import { decodePort } from "../../../../src/gateway/port_document.ts";
import { statusUpdates } from "../../../../src/gateway/translation/statuses.ts";
import type { JsonObject } from "../../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";
import {
  endingListener,
  gateway,
  gatewayClass,
  grant,
  secret,
  service,
  slice,
  tcpListener,
  tcpRoute,
  tlsListener,
  tlsRoute,
} from "../../../support/kubernetes/gateway_objects.ts";
import { NOW, Translated } from "../translated.ts";

const NAMES = ["a", "b", ""];
const HOSTS = ["a.com", "*.com", "*.a.com", "x.a.com", "10.0.0.1", "**", ""];

const name = fc.constantFrom(...NAMES);
const host = fc.constantFrom(...HOSTS);
const port = fc.constantFrom(1, 2, 0, -1, 70_000, 1.5);
const parent = fc.record({ name, sectionName: name, port }, { requiredKeys: ["name"] });
const backend = fc.record({ name, port, weight: fc.integer({ min: -1, max: 2_000_000 }), kind: name }, {
  requiredKeys: ["name"],
});
const listener = fc.oneof(
  fc.tuple(name, port).map(([name, port]) => tcpListener(name, port)),
  fc.tuple(name, port, host).map(([name, port, host]) => tlsListener(name, port, host)),
  fc.tuple(name, port, host, name).map(([name, port, host, cert]) =>
    endingListener(name, port, host, { name: cert })
  ),
);
const good: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.tuple(name, fc.array(listener, { maxLength: 4 })).map(([name, listeners]) => gateway(name, listeners)),
  fc.tuple(name, fc.array(parent, { maxLength: 3 }), fc.array(backend, { maxLength: 3 }), fc.nat(9))
    .map(([name, parents, backends, created]) => tcpRoute(name, parents, backends, created)),
  fc.tuple(
    name,
    fc.array(parent, { maxLength: 3 }),
    fc.array(host, { maxLength: 3 }),
    fc.array(backend, { maxLength: 3 }),
  )
    .map(([name, parents, hosts, backends]) => tlsRoute(name, parents, hosts, backends)),
  name.map((name) => service(name, 1)),
  name.map((name) => slice(name, ["10.0.0.1:1"])),
  name.map((name) => secret(name, { cert: "no", key: "no" })),
  name.map((name) => grant("prod", ["TCPRoute", name], ["Service"])),
);

/** Any part of an object replaced by any JSON. */
const wrong = fc.tuple(good, fc.nat(), fc.jsonValue({ maxDepth: 2 })).map(([object, at, value]) => {
  const places: [Record<string, unknown>, string][] = [];
  const copy = structuredClone(object) as Record<string, unknown>;
  const visit = (each: unknown) => {
    if (typeof each !== "object" || each === null) return;
    for (const key of Object.keys(each)) {
      if (each !== copy || key !== "kind") places.push([each as Record<string, unknown>, key]);
      visit((each as Record<string, unknown>)[key]);
    }
  };
  visit(copy);
  const [parent, key] = places[at % places.length]!;
  parent[key] = value;
  return copy as JsonObject;
});

const OPTIONS = { host: "", directory: "/certificates", defaults: {} };

Deno.test("translate() never throws, however wrong objects are, and sluice can decode all that it plans", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(good, wrong), { maxLength: 16 }), (objects) => {
      const { translation } = new Translated([gatewayClass(), ...objects]);
      for (const plan of translation.ports) atOnce(decodePort(plan, OPTIONS));
      const updates = atOnce(statusUpdates(translation, new Map(), NOW));
      assert.doesNotThrow(() => JSON.stringify(updates));
    }),
    { numRuns: 500 },
  );
});

Deno.test("translate() gives the same whatever the order of the objects", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(good, { maxLength: 12, selector: (each) => JSON.stringify([each.kind, each.metadata]) }),
      (objects) => {
        const ports = (all: readonly JsonObject[]) => {
          const { translation } = new Translated([gatewayClass(), ...all]);
          return translation.ports.map(({ port, routes, upstream, groups }) => ({
            port,
            routes,
            upstream,
            groups: [...groups].sort(),
          }));
        };
        assert.deepEqual(ports(objects), ports(objects.toReversed()));
      },
    ),
    { numRuns: 200 },
  );
});
