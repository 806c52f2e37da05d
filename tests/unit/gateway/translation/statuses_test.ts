import assert from "node:assert/strict";
import { atOnce } from "../../../../src/config/input/steps.ts";
import { statusUpdates } from "../../../../src/gateway/translation/statuses.ts";
import { type JsonObject, objectOf } from "../../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";
import {
  gateway,
  gatewayClass,
  GROUP,
  service,
  tcpListener,
  tcpRoute,
} from "../../../support/kubernetes/gateway_objects.ts";
import { NOW, Translated } from "../translated.ts";

const OBJECTS = [
  gatewayClass(),
  gateway("edge", [tcpListener("tcp", 1)]),
  tcpRoute("db", [{ name: "edge" }], [{ name: "db", port: 1 }]),
];

/** The objects with the status that would be written for them. */
function stored(objects: readonly JsonObject[]): JsonObject[] {
  const found = new Translated(objects);
  return objects.map((object) => {
    const { namespace, name } = objectOf(object.metadata);
    const what = namespace === undefined ? name : `${namespace}/${name}`;
    const status = found.status(String(object.kind), String(what));
    return status === undefined ? object : { ...object, status };
  });
}

function updates(
  objects: readonly JsonObject[],
  ...rest: [Partial<ConstructorParameters<typeof Translated>[1]>?]
) {
  return atOnce(
    statusUpdates(new Translated(objects, rest[0]).translation, new Map(), "2027-01-01T00:00:00Z"),
  );
}

Deno.test("statusUpdates() is empty once its own result is stored", () => {
  const after = stored(OBJECTS);
  assert.equal(after.filter(({ status }) => status !== undefined).length, 3);
  assert.deepEqual(updates(after), []);
});

Deno.test("statusUpdates() asks for the version that it has seen, at the path of the status", () => {
  const found = updates(OBJECTS).map(({ path, resourceVersion }) => `${resourceVersion} ${path}`);
  assert.deepEqual(found, [
    `1 /apis/${GROUP}/v1/gatewayclasses/sluice/status`,
    `1 /apis/${GROUP}/v1/namespaces/prod/gateways/edge/status`,
    `1 /apis/${GROUP}/v1/namespaces/prod/tcproutes/db/status`,
  ]);
});

Deno.test("statusUpdates() keeps the time of a condition whose status stays, and sets the generation", () => {
  const [, edge] = stored(OBJECTS);
  const changed = { ...edge, metadata: { ...objectOf(edge!.metadata), generation: 2 } };
  const [, update] = updates([OBJECTS[0]!, changed, OBJECTS[2]!]);
  const [accepted] = update!.status.conditions as JsonObject[];
  assert.equal(accepted!.observedGeneration, 2);
  assert.equal(accepted!.lastTransitionTime, NOW);
});

Deno.test("statusUpdates() leaves alone what is about a later version of an object", () => {
  const [, edge, db] = stored(OBJECTS);
  const behind = (object: JsonObject) => ({
    ...object,
    metadata: { ...objectOf(object.metadata), generation: 0 },
    spec: { ...objectOf(object.spec), listeners: [], parentRefs: [] },
  });
  assert.deepEqual(updates([gatewayClass(), behind(edge!), behind(db!)]).map(({ what }) => what), [
    "GatewayClass sluice",
  ]);
});

Deno.test("statusUpdates() keeps the entries of other controllers in routes, in their order", () => {
  const foreign = { controllerName: "example.com/a", parentRef: { name: "x" }, conditions: [] };
  const [, , db] = stored([OBJECTS[0]!, OBJECTS[1]!, { ...OBJECTS[2]!, status: { parents: [foreign] } }]);
  const parents = objectOf(db!.status).parents as JsonObject[];
  assert.deepEqual(parents.map(({ controllerName }) => controllerName), [
    "example.com/a",
    "sluice.dev/gateway",
  ]);
  const another = { ...foreign, controllerName: "example.com/b" };
  const later = { ...db, status: { parents: [...parents, another] } };
  assert.deepEqual(updates(stored([...OBJECTS.slice(0, 2), later])), []);
});

Deno.test("statusUpdates() takes its entry out of a route that leaves the Gateway, and of a Gateway that is gone", () => {
  const [first, edge, db] = stored(OBJECTS);
  const left = { ...db, spec: { ...objectOf(db!.spec), parentRefs: [] } };
  const ofRoutes = (objects: JsonObject[]) =>
    updates(objects).filter(({ what }) => what === "TCPRoute prod/db").map(({ status }) => status);
  assert.deepEqual(ofRoutes([first!, edge!, left]), [{ parents: [] }]);
  assert.deepEqual(ofRoutes([first!, db!]), [{ parents: [] }]);
});

Deno.test("statusUpdates() leaves entries for Gateways alone that another sluice serves", () => {
  const other = { gatewayClassName: "second" };
  const objects = stored([
    gatewayClass(),
    gatewayClass("second"),
    gateway("a", [tcpListener("tcp", 1)]),
    gateway("b", [tcpListener("tcp", 2)], other),
    tcpRoute("db", [{ name: "a" }, { name: "b" }], []),
  ]);
  const [classes, second] = [objects.slice(0, 2), new Translated(objects, { className: "second" })];
  const both = second.status("TCPRoute", "prod/db")!.parents as JsonObject[];
  assert.deepEqual(both.map(({ parentRef }) => objectOf(parentRef).name), ["a", "b"]);
  const after = { ...objects[4], status: { parents: both } };
  const all = [...classes, objects[2]!, objects[3]!, after];
  assert.deepEqual(updates(all).filter(({ what }) => what.startsWith("TCPRoute")), []);
  const alone = updates(all, { gateway: { namespace: "prod", name: "a" } });
  assert.deepEqual(alone.filter(({ what }) => what.startsWith("TCPRoute")), []);
});

Deno.test("statusUpdates() says that a port cannot be bound, on its listener and the Gateway", () => {
  const failures = new Map([[1, { reason: "PortUnavailable", message: "address in use" } as const]]);
  const found = new Translated(OBJECTS, {}, { failures });
  assert.match(
    found.listener("prod/edge", "tcp"),
    /Accepted=False\(PortUnavailable\) .* Programmed=False\(Invalid\)$/,
  );
  assert.match(
    found.gateway("prod/edge"),
    /^Accepted=False\(ListenersNotValid\) Programmed=False\(Invalid\)/,
  );
});

Deno.test("statusUpdates() has the addresses of the command line and of the Service", () => {
  const found = (options: ConstructorParameters<typeof Translated>[1], ...objects: JsonObject[]) => {
    const translated = new Translated([...OBJECTS, ...objects], options);
    const { addresses } = translated.status("Gateway", "prod/edge")!;
    const shown = (addresses as JsonObject[] ?? []).map(({ type, value }) => `${type} ${value}`);
    return [...shown, translated.gateway("prod/edge").split(" ")[1]];
  };
  const front = { namespace: "prod", name: "front" };
  const balancer = { type: "LoadBalancer" };
  const ingress = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { hostname: "lb.example.com" }] } };
  assert.deepEqual(found({ addresses: ["192.0.2.7", "gw.example.com"] }), [
    "IPAddress 192.0.2.7",
    "Hostname gw.example.com",
    "Programmed=True",
  ]);
  assert.deepEqual(found({ service: front }, { ...service("front", 1, balancer), status: ingress }), [
    "IPAddress 192.0.2.1",
    "Hostname lb.example.com",
    "Programmed=True",
  ]);
  assert.deepEqual(found({ service: front }, service("front", 1, { clusterIPs: ["10.0.0.9"] })), [
    "IPAddress 10.0.0.9",
    "Programmed=True",
  ]);
  for (
    const objects of [[], [service("front", 1, balancer)], [service("front", 1, { clusterIPs: ["None"] })]]
  ) {
    assert.deepEqual(found({ service: front }, ...objects), ["Programmed=False(AddressNotAssigned)"]);
  }
});

Deno.test("statusUpdates() refuses addresses and parameters that it cannot give", () => {
  const conditions = (keys: Record<string, unknown>) =>
    new Translated([gatewayClass(), gateway("edge", [tcpListener("tcp", 1)], keys)], {
      addresses: ["192.0.2.7"],
    })
      .gateway("prod/edge");
  assert.match(conditions({ addresses: [{ value: "192.0.2.7" }, { type: "IPAddress" }] }), /Programmed=True/);
  assert.match(conditions({ addresses: [{ value: "192.0.2.8" }] }), /Programmed=False\(AddressNotUsable\)/);
  assert.match(
    conditions({ addresses: [{ type: "example.com/x", value: "y" }] }),
    /^Accepted=False\(UnsupportedAddress\)/,
  );
  assert.match(
    conditions({ infrastructure: { parametersRef: { name: "x" } } }),
    /^Accepted=False\(InvalidParameters\) Programmed=False\(Invalid\)/,
  );
  const parameters = new Translated([gatewayClass("sluice", { parametersRef: {} })]);
  const [accepted] = parameters.status("GatewayClass", "sluice")!.conditions as JsonObject[];
  assert.equal(accepted!.reason, "InvalidParameters");
});
