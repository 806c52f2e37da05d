import assert from "node:assert/strict";
import { atOnce } from "../../../../src/config/input/steps.ts";
import { keyOf, NAMESPACES, servicesIn, slicesIn } from "../../../../src/gateway/cluster/collection.ts";
import { Snapshot } from "../../../../src/gateway/cluster/snapshot.ts";
import { translate } from "../../../../src/gateway/translation/translate.ts";
import type { JsonObject } from "../../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";
import {
  gateway,
  gatewayClass,
  grant,
  namespace,
  service,
  slice,
  tcpListener,
  tcpRoute,
  within,
} from "../../../support/kubernetes/gateway_objects.ts";
import { collectionOf, snapshotOf, Translated } from "../translated.ts";

const OPTIONS = { className: "sluice", gateway: undefined, addresses: [], service: undefined };

type Objects = Record<string, unknown>[];

function routed(
  backends: Record<string, unknown>[],
  objects: Objects,
  refusals: Record<string, string> = {},
): { ends: string; resolvedRefs: string; message: unknown } {
  const found = new Translated(
    [
      gatewayClass(),
      gateway("edge", [tcpListener("tcp", 1)]),
      tcpRoute("db", [{ name: "edge" }], backends),
      ...objects,
    ],
    {},
    { refusals },
  );
  const [parent] = found.status("TCPRoute", "prod/db")!.parents as { conditions: { message: string }[] }[];
  return {
    ends: found.port(1)!.join(),
    resolvedRefs: found.route("TCPRoute", "prod/db")[0]!.split(" ")[1]!,
    message: parent!.conditions[1]!.message,
  };
}

Deno.test("a route goes to the ready pods of its Service, on the port of the pods", () => {
  const pods = slice("db", ["10.0.0.1:15432", "10.0.0.2:15432"]);
  const endpoints = pods.endpoints as Record<string, unknown>[];
  endpoints.push({ addresses: ["10.0.0.3"], conditions: { ready: false } });
  endpoints.push({ addresses: ["10.0.0.4"], conditions: { ready: false, serving: true, terminating: true } });
  const { ends, resolvedRefs } = routed([{ name: "db", port: 5432 }], [service("db", 5432), pods]);
  assert.equal(ends, "all -> 10.0.0.1:15432 10.0.0.2:15432");
  assert.equal(resolvedRefs, "ResolvedRefs=True");
});

Deno.test("pods that end are used while there are no others", () => {
  const ending = { ready: false, serving: true, terminating: true };
  const pods = {
    ...slice("db", ["10.0.0.1:15432"]),
    endpoints: [{ addresses: ["10.0.0.1"], conditions: ending }],
  };
  assert.equal(
    routed([{ name: "db", port: 5432 }], [service("db", 5432), pods]).ends,
    "all -> 10.0.0.1:15432",
  );
});

Deno.test("backends get clients by their weights, whatever the number of their pods", () => {
  const objects = [
    service("v1", 80),
    slice("v1", ["10.0.0.1:80", "10.0.0.2:80"]),
    service("v2", 80),
    slice("v2", ["10.0.1.1:80"]),
    service("v3", 80),
    slice("v3", ["10.0.2.1:80"]),
  ];
  const backends = [
    { name: "v1", port: 80, weight: 70 },
    { name: "v2", port: 80, weight: 30 },
    { name: "v3", port: 80, weight: 0 },
  ];
  assert.equal(routed(backends, objects).ends, "all -> 10.0.0.1:80*7 10.0.0.2:80*7 10.0.1.1:80*6");
});

Deno.test("a backend that cannot be used keeps its share, which is refused", () => {
  const objects = [service("db", 5432), slice("db", ["10.0.0.1:5432"]), service("empty", 5432)];
  const cases: [backend: Record<string, unknown>, resolvedRefs: string, message: RegExp][] = [
    [{ name: "gone", port: 1 }, "False(BackendNotFound)", /The Service prod\/gone does not exist/],
    [{ name: "db", port: 1 }, "False(BackendNotFound)", /has no port 1; it has 5432/],
    [{ name: "db" }, "False(BackendNotFound)", /has no port \(none is named\)/],
    [
      { name: "db", port: 1, kind: "Pod" },
      "False(InvalidKind)",
      /Cannot connect to a Pod: expected a Service/,
    ],
    [{ name: "db", port: 5432, group: "example.com" }, "False(InvalidKind)", /a Service of example\.com/],
    [{ name: "db", port: 5432, namespace: "other" }, "False(RefNotPermitted)", /No ReferenceGrant in other/],
    [{ name: "empty", port: 5432 }, "True", /^$/],
  ];
  for (const [backend, resolvedRefs, message] of cases) {
    const found = routed([{ name: "db", port: 5432, weight: 1 }, { ...backend, weight: 4 }], objects);
    assert.equal(found.ends, "all -> 10.0.0.1:5432 refused*4", JSON.stringify(backend));
    assert.equal(found.resolvedRefs, `ResolvedRefs=${resolvedRefs}`);
    assert.match(String(found.message), message);
  }
});

Deno.test("a backend without a share is refused nothing, and still has to be right", () => {
  const objects = [service("db", 5432), slice("db", ["10.0.0.1:5432"])];
  const found = routed([{ name: "db", port: 5432 }, { name: "gone", port: 1, weight: 0 }], objects);
  assert.equal(found.ends, "all -> 10.0.0.1:5432");
  assert.equal(found.resolvedRefs, "ResolvedRefs=False(BackendNotFound)");
});

Deno.test("a route without backends, or with weights of 0 alone, refuses all", () => {
  const objects = [service("db", 5432), slice("db", ["10.0.0.1:5432"])];
  assert.equal(routed([], objects).ends, "all -> refused");
  assert.equal(routed([{ name: "db", port: 5432, weight: 0 }], objects).ends, "all -> refused");
});

Deno.test("while a share is refused, other endpoints are not tried for it", () => {
  const document = (backends: Record<string, unknown>[]) =>
    new Translated([
      gatewayClass(),
      gateway("edge", [tcpListener("tcp", 1)]),
      tcpRoute("db", [{ name: "edge" }], backends),
      service("db", 5432),
      slice("db", ["10.0.0.1:5432"]),
    ]).document(1).upstreams["tcp.prod.db.1"] as Record<string, unknown>;
  assert.deepEqual(document([{ name: "db", port: 5432 }, { name: "gone", port: 1 }]).retry, { attempts: 1 });
  assert.equal(document([{ name: "db", port: 5432 }]).retry, undefined);
});

Deno.test("a Service of another namespace needs a ReferenceGrant for the kind of the route", () => {
  const objects = [within("data", service("db", 5432)), within("data", slice("db", ["10.0.0.1:5432"]))];
  const backend = [{ name: "db", namespace: "data", port: 5432 }];
  const ends = (...grants: Objects) => routed(backend, [...objects, ...grants]).ends;
  assert.equal(ends(), "all -> refused");
  assert.equal(ends(grant("data", ["TLSRoute", "prod"], ["Service"])), "all -> refused");
  assert.equal(ends(grant("data", ["TCPRoute", "prod"], ["Service", "other"])), "all -> refused");
  assert.equal(ends(grant("data", ["TCPRoute", "prod"], ["Service"])), "all -> 10.0.0.1:5432");
  assert.equal(ends(grant("data", ["TCPRoute", "prod"], ["Service", "db"])), "all -> 10.0.0.1:5432");
});

Deno.test("Services that TCP cannot reach are no backends", () => {
  const udp = service("dns", 53, { ports: [{ name: "dns", port: 53, protocol: "UDP" }] });
  const external = service("ext", 80, { type: "ExternalName", externalName: "example.com" });
  const both = service("both", 53, {
    ports: [{ name: "u", port: 53, protocol: "UDP" }, { name: "main", port: 53, protocol: "TCP" }],
  });
  assert.equal(
    routed([{ name: "dns", port: 53 }], [udp]).resolvedRefs,
    "ResolvedRefs=False(UnsupportedProtocol)",
  );
  assert.equal(
    routed([{ name: "ext", port: 80 }], [external]).resolvedRefs,
    "ResolvedRefs=False(UnsupportedProtocol)",
  );
  const found = routed([{ name: "both", port: 53 }], [both, slice("both", ["10.0.0.1:53"])]);
  assert.equal(found.ends, "all -> 10.0.0.1:53");
});

Deno.test("a route says that the controller may not read its Services", () => {
  const { path } = servicesIn("prod");
  const { ends, message } = routed([{ name: "db", port: 1 }], [], { [path]: "services is forbidden" });
  assert.equal(ends, "all -> refused");
  assert.equal(message, "Cannot read the Service prod/db: services is forbidden");
});

Deno.test("the Services of routes for other controllers are not asked for", () => {
  const objects = [gatewayClass(), tcpRoute("db", [{ name: "foreign" }], [{ name: "db", port: 1 }])];
  const { translation } = new Translated(objects);
  assert.equal(translation.routes.length, 1);
  assert.equal(translation.routes[0]!.backends, undefined);
});

Deno.test("the Services of a route that no listener accepts are not asked for", () => {
  const objects = (from: string) => [
    gatewayClass(),
    gateway("edge", [tcpListener("tcp", 1, { allowedRoutes: { namespaces: { from } } })]),
    within("evil", tcpRoute("db", [{ name: "edge", namespace: "prod" }], [{ name: "db", port: 1 }])),
    within("evil", tcpRoute("pod", [{ name: "edge", namespace: "prod" }], [{ name: "db", kind: "Pod" }], 1)),
  ];
  const asked = (from: string) => {
    const snapshot = snapshotOf(objects(from));
    atOnce(translate(snapshot, OPTIONS));
    return [servicesIn("evil"), slicesIn("evil")].filter(({ path }) => snapshot.asked.has(path)).length;
  };
  assert.equal(asked("Same"), 0);
  assert.equal(asked("All"), 1, "no slices of a Service that does not exist");
  const refused = new Translated(objects("Same"));
  const not = "Accepted=False(NotAllowedByListeners)";
  assert.deepEqual(refused.route("TCPRoute", "evil/db"), [`${not} ResolvedRefs=Unknown(Pending)`]);
  assert.deepEqual(refused.route("TCPRoute", "evil/pod"), [`${not} ResolvedRefs=False(InvalidKind)`]);
});

Deno.test("a list is read once for all names that are looked up in it", () => {
  let reads = 0;
  const counted = (object: JsonObject): JsonObject => ({
    ...object,
    get metadata() {
      reads++;
      return object.metadata;
    },
  });
  const select = { namespaces: { from: "Selector", selector: { matchLabels: { a: "b" } } } };
  const services = Array.from({ length: 50 }, (_, index) => service(`s${index}`, 80));
  const objects = [
    gatewayClass(),
    gateway("edge", [tcpListener("own", 1), tcpListener("select", 2, { allowedRoutes: select })]),
    ...Array.from(
      { length: 40 },
      (_, index) => tcpRoute(`r${index}`, [{ name: "edge" }], [{ name: "none", port: 80 }], index),
    ),
    ...services,
    ...Array.from({ length: 50 }, (_, index) => namespace(`n${index}`, {})),
  ];
  const lists = Map.groupBy(objects.map(counted), (object) => keyOf(collectionOf(object)));
  const snapshot = new Snapshot((key) => ({ objects: lists.get(key) ?? [] }));
  reads = 0;
  atOnce(translate(snapshot, OPTIONS));
  assert.ok(snapshot.asked.has(servicesIn("prod").path) && snapshot.asked.has(NAMESPACES.path));
  assert.ok(reads >= 100 && reads < 1000, `${reads} reads of 142 objects`);
});

Deno.test("the message about many backends of Services with many ports is as short as the API wants it", () => {
  const ports = Array.from({ length: 6000 }, (_, index) => ({ name: `p${index}`, port: 10_000 + index }));
  const backends = (name: string) => Array.from({ length: 16 }, (_, index) => ({ name, port: index + 1 }));
  const message = (name: string) => {
    const found = new Translated([
      gatewayClass(),
      gateway("edge", [tcpListener("tcp", 1)]),
      tcpRoute("db", [{ name: "edge" }], backends(name)),
      service("many", 1, { ports }),
    ]);
    const [{ conditions }] = found.status("TCPRoute", "prod/db")!.parents as [
      { conditions: { message: string }[] },
    ];
    return conditions[1]!.message;
  };
  assert.match(message("many"), /it has 10000, 10001, .*10009 and 5990 more; /);
  assert.ok(message("many").length < 4096);
  assert.equal(message("x".repeat(4000)).length, 32_768);
});
