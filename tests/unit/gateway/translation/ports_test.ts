import assert from "node:assert/strict";
import { atOnce } from "../../../../src/config/input/steps.ts";
import { type DecodedPort, decodePort } from "../../../../src/gateway/port_document.ts";
import { statusUpdates } from "../../../../src/gateway/translation/statuses.ts";
import { formatAddress } from "../../../../src/net/address.ts";
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
  within,
} from "../../../support/kubernetes/gateway_objects.ts";
import { certificate } from "../../../support/peers/tls_server.ts";
import { Translated } from "../translated.ts";

/** Services with a pod each, of the same name: a is at a:1. */
function pods(...names: string[]) {
  return names.flatMap((name, index) => [service(name, 443), slice(name, [`10.0.0.${index + 1}:443`])]);
}

const [A, B, C] = ["10.0.0.1:443", "10.0.0.2:443", "10.0.0.3:443"];
const to = (name: string) => [{ name, port: 443 }];
const EDGE = [{ name: "edge" }];

function ports(listeners: Parameters<typeof gateway>[1], ...routes: Record<string, unknown>[]) {
  return new Translated([gatewayClass(), gateway("edge", listeners), ...pods("a", "b", "c"), ...routes]);
}

Deno.test("clients of TLS go by the most specific host name, over all routes and listeners", () => {
  const found = ports(
    [
      tlsListener("any", 443),
      tlsListener("wild", 443, "*.example.com"),
      tlsListener("exact", 443, "x.example.com"),
    ],
    tlsRoute("one", [{ name: "edge", sectionName: "any" }], ["*.com", "shop.org"], to("a")),
    tlsRoute("two", [{ name: "edge", sectionName: "wild" }], ["*.example.com", "y.example.com"], to("b")),
    tlsRoute("three", [{ name: "edge", sectionName: "exact" }], ["*.example.com"], to("c")),
  );
  assert.deepEqual(found.port(443), [
    `x.example.com -> ${C}`,
    `y.example.com,**.example.com -> ${B}`,
    `shop.org,**.com -> ${A}`,
  ]);
});

Deno.test("of routes with the same host name, the oldest gets the clients; of the same age, the first by name", () => {
  const listener = [tlsListener("tls", 443)];
  const names = ["x.example.com"];
  const older = ports(
    listener,
    tlsRoute("aaa", EDGE, names, to("a"), 2),
    tlsRoute("zzz", EDGE, [...names, "z.example.com"], to("b"), 1),
  );
  assert.deepEqual(older.port(443), [`x.example.com,z.example.com -> ${B}`]);
  assert.match(older.listener("prod/edge", "tls"), /^2 /);
  const same = ports(
    listener,
    tlsRoute("zzz", EDGE, names, to("b"), 1),
    tlsRoute("aaa", EDGE, names, to("a"), 1),
  );
  assert.deepEqual(same.port(443), [`x.example.com -> ${A}`]);
});

Deno.test("of the TCPRoutes of a listener, the oldest gets all clients, and all are accepted", () => {
  const found = ports(
    [tcpListener("tcp", 1)],
    tcpRoute("newer", EDGE, to("a"), 2),
    tcpRoute("older", EDGE, to("b"), 1),
  );
  assert.deepEqual(found.port(1), [`all -> ${B}`]);
  assert.match(found.listener("prod/edge", "tcp"), /^2 /);
  assert.match(found.route("TCPRoute", "prod/newer")[0]!, /^Accepted=True /);
});

Deno.test("clients of a listener do not get to a less specific one", () => {
  const found = ports(
    [
      tlsListener("exact", 443, "x.example.com"),
      tlsListener("wild", 443, "*.example.com"),
      tlsListener("any", 443),
    ],
    tlsRoute("web", [{ name: "edge", sectionName: "any" }], ["*.com"], to("a")),
    tlsRoute("one", [{ name: "edge", sectionName: "wild" }], ["y.example.com"], to("b")),
  );
  assert.deepEqual(found.port(443), [
    "x.example.com -> refused",
    `y.example.com -> ${B}`,
    "**.example.com -> refused",
    `**.com -> ${A}`,
  ]);
});

Deno.test("a listener that is not valid refuses its clients, and leaves the others alone", () => {
  const found = ports(
    [
      endingListener("end", 443, "x.example.com", { name: "gone" }),
      tlsListener("any", 443, "*.example.com"),
    ],
    tlsRoute("one", [{ name: "edge", sectionName: "end" }], ["x.example.com"], to("a")),
    tlsRoute("two", [{ name: "edge", sectionName: "any" }], ["*.example.com"], to("b")),
  );
  assert.deepEqual(found.port(443), ["x.example.com -> refused", `**.example.com -> ${B}`]);
});

Deno.test("a port has nothing to listen for while no route is attached to it", () => {
  assert.equal(ports([tcpListener("tcp", 1), tlsListener("tls", 443)]).port(1), undefined);
  assert.equal(ports([tcpListener("tcp", 1), tlsListener("tls", 443)]).port(443), undefined);
});

Deno.test("listeners on a port pass TLS through or end it, each with its certificates", () => {
  const found = ports(
    [
      endingListener("end", 8883, "end.example.com", { name: "cert" }),
      tlsListener("pass", 8883, "pass.example.com"),
    ],
    secret("cert", certificate("end.example.com")),
    tlsRoute("one", [{ name: "edge", sectionName: "pass" }], ["pass.example.com"], to("a")),
    tcpRoute("two", [{ name: "edge", sectionName: "end" }], to("b")),
  );
  assert.deepEqual(found.port(8883), [`end.example.com -> ${B} (ends TLS)`, `pass.example.com -> ${A}`]);
  const [plan] = found.translation.ports;
  const { service: { routes } } = atOnce(
    decodePort(plan!, { host: "10.0.0.9", directory: "/certs", defaults: {} }),
  );
  const [ends, passes] = routes;
  assert.ok(ends!.tls !== false && ends!.tls !== undefined);
  assert.match(ends!.tls.certificates[0]!.cert, /^\/certs\/[0-9a-f]{32}\.crt$/);
  assert.equal(passes!.tls, undefined);
});

Deno.test("a TLSRoute has precedence over a TCPRoute at a listener that ends TLS, however old they are", () => {
  const found = ports(
    [endingListener("end", 443, "*.example.com", { name: "cert" })],
    secret("cert", certificate("end.example.com")),
    tcpRoute("one", EDGE, to("a"), 1),
    tlsRoute("two", EDGE, ["*.example.com"], to("b"), 2),
    tlsRoute("three", EDGE, ["x.example.com"], to("c"), 2),
  );
  assert.deepEqual(found.port(443), [
    `x.example.com -> ${C} (ends TLS)`,
    `**.example.com -> ${B} (ends TLS)`,
  ]);
});

Deno.test("a listener for any host name takes what begins with TLS alone", () => {
  const found = ports([tlsListener("any", 443)], { ...tlsRoute("web", EDGE, [], to("a")) });
  assert.deepEqual(found.port(443), [`any -> ${A}`]);
  assert.equal((found.document(443).services[0]!.routes as { protocol: string }[])[0]!.protocol, "tls");
});

Deno.test("a listener in IPv6 or IPv4, or on all addresses, is what sluice can decode", () => {
  const [plan] = ports([tcpListener("tcp", 5432)], tcpRoute("db", EDGE, to("a"))).translation.ports;
  for (const host of ["", "127.0.0.1", "[::1]"]) {
    const { service: { name, listen }, groups } = atOnce(
      decodePort(plan!, { host, directory: "/c", defaults: {} }),
    );
    assert.equal(name, "port-5432");
    assert.equal(listen.length, 1);
    assert.deepEqual(groups.map((group) => group.name), ["tcp.prod.db.5432"]);
  }
});

Deno.test("the name of a group fits, and differs where routes differ", () => {
  const names = ["x".repeat(80), `${"x".repeat(80)}y`];
  const found = ports(
    [tlsListener("tls", 443)],
    ...names.map((name, index) => tlsRoute(name, EDGE, [`${index}.example.com`], to(["a", "b"][index]!))),
  );
  const [plan] = found.translation.ports;
  assert.equal(plan!.groups.size, 2);
  for (const name of plan!.groups.keys()) assert.match(name, /^tls\.prod\.x{22}-[0-9a-f]{32}$/);
});

/** The routes of prod and of another namespace, for the name of a bank: the second one is what a wildcard would take. */
const BANK = [
  tlsRoute("bank", [{ name: "edge", sectionName: "bank" }], ["bank.example.com"], to("a")),
  within(
    "evil",
    tlsRoute(
      "steal",
      [{ name: "edge", namespace: "prod", sectionName: "all" }],
      ["bank.example.com", "x.example.com"],
      [{ name: "b", port: 443, namespace: "prod" }],
    ),
  ),
  grant("prod", ["TLSRoute", "evil"], ["Service"]),
];
const FOR_ALL = tlsListener("all", 443, "*.example.com", { allowedRoutes: { namespaces: { from: "All" } } });

Deno.test("clients of a listener that is not accepted do not get to a less specific one", () => {
  const bank = tlsListener("bank", 443, "bank.example.com");
  const refused = ["bank.example.com -> refused", `bank.example.com,x.example.com -> ${B}`];
  const conflict = ports([bank, FOR_ALL], ...BANK, gateway("second", [bank]));
  assert.match(conflict.listener("prod/edge", "bank"), /Accepted=False\(HostnameConflict\)/);
  assert.deepEqual(conflict.port(443), refused);
  const mode = ports([{ ...bank, tls: { mode: "Both" } }, FOR_ALL], ...BANK);
  assert.match(mode.listener("prod/edge", "bank"), /Accepted=False\(UnsupportedValue\)/);
  assert.deepEqual(mode.port(443), refused);
  const web = ports([{ ...bank, protocol: "HTTPS" }, FOR_ALL], ...BANK);
  assert.match(web.listener("prod/edge", "bank"), /Accepted=False\(UnsupportedProtocol\)/);
  assert.deepEqual(web.port(443), refused);
  const frontend = new Translated([
    gatewayClass(),
    gateway("edge", [endingListener("bank", 443, "bank.example.com", { name: "cert" }), FOR_ALL], {
      tls: { frontend: { default: {} } },
    }),
    ...pods("a", "b"),
    ...BANK,
  ]);
  assert.deepEqual(frontend.port(443), refused);
});

Deno.test("a listener that sluice cannot serve leaves its host name to one that it can", () => {
  const web = { name: "web", port: 443, protocol: "HTTPS", hostname: "x.example.com" };
  const found = ports(
    [web, tlsListener("tls", 443, "x.example.com"), tlsListener("any", 443)],
    tlsRoute("one", [{ name: "edge", sectionName: "tls" }], ["x.example.com"], to("a")),
  );
  assert.deepEqual(found.port(443), [`x.example.com -> ${A}`]);
});

Deno.test("nothing is served for a Gateway that is not accepted, and no other one gets its clients", () => {
  const bank = tlsListener("bank", 443, "bank.example.com");
  for (
    const keys of [
      { infrastructure: { parametersRef: { name: "x" } } },
      { addresses: [{ type: "NamedAddress", value: "x" }] },
    ]
  ) {
    const found = new Translated([
      gatewayClass(),
      gateway("own", [bank, tcpListener("tcp", 1)], keys),
      gateway("edge", [FOR_ALL]),
      ...pods("a", "b"),
      ...BANK,
      tcpRoute("db", [{ name: "own" }], to("a")),
    ]);
    assert.deepEqual(found.port(443), [
      "bank.example.com -> refused",
      `bank.example.com,x.example.com -> ${B}`,
    ]);
    assert.equal(found.port(1), undefined);
    assert.match(found.listener("prod/own", "tcp"), /Programmed=False/);
  }
  const ofClass = new Translated([
    gatewayClass("sluice", { parametersRef: { name: "x" } }),
    gateway("edge", [tcpListener("tcp", 1)]),
    ...pods("a"),
    tcpRoute("db", EDGE, to("a")),
  ]);
  assert.equal(ofClass.port(1), undefined);
  assert.match(ofClass.gateway("prod/edge"), /^Accepted=False\(InvalidParameters\) Programmed=False/);
});

Deno.test("what sluice cannot decode is a refusal of the route at fault, and says so, while others are served", () => {
  const found = ports(
    [tlsListener("tls", 443), tcpListener("tcp", 1)],
    service("bad", 443),
    slice("bad", ["010.0.0.1:443", "10.0.0.9:443"]),
    service("self", 443),
    slice("self", ["10.0.0.8:443"]),
    tlsRoute("good", EDGE, ["good.example.com"], to("a")),
    tlsRoute("bad", EDGE, ["bad.example.com"], to("bad")),
    tlsRoute("self", EDGE, ["self.example.com"], to("self")),
    tcpRoute("tcp", EDGE, to("bad")),
  );
  const [one, two] = found.translation.ports.map((plan) =>
    atOnce(decodePort(plan, { host: "10.0.0.8", directory: "/c", defaults: {} }))
  );
  const endpoints = (groups: DecodedPort["groups"]) =>
    Object.fromEntries(groups.map(({ name, endpoints }) => [
      name,
      endpoints.map(({ address }) => formatAddress(address)),
    ]));
  const refused = "unix:/nonexistent/no-backend";
  assert.deepEqual(endpoints(one!.groups), { "tcp.prod.tcp.1": ["10.0.0.9:443", refused] });
  assert.deepEqual(endpoints(two!.groups), {
    "tls.prod.bad.443": ["10.0.0.9:443", refused],
    "tls.prod.good.443": [A],
    "tls.prod.self.443": [refused],
  });
  assert.deepEqual([...two!.faults.keys()].sort(), ["tls.prod.bad.443", "tls.prod.self.443"]);
  assert.match(two!.faults.get("tls.prod.bad.443")!, /010\.0\.0\.1/);
  assert.match(two!.faults.get("tls.prod.self.443")!, /the service itself listens there/);
  const conditions = (name: string) => {
    const all = atOnce(statusUpdates(found.translation, new Map(), "2027-01-01T00:00:00Z", two!.faults));
    return JSON.stringify(all.find(({ what }) => what === `TLSRoute prod/${name}`)!.status);
  };
  assert.match(conditions("self"), /"type":"ResolvedRefs","status":"False","reason":"UnsupportedValue"/);
  assert.match(conditions("good"), /"type":"ResolvedRefs","status":"True"/);
});

Deno.test("a wildcard as long as the API allows is served", () => {
  const name = `*.${`${"x".repeat(62)}.`.repeat(3)}${"y".repeat(62)}`;
  assert.equal(name.length, 253);
  const found = ports([tlsListener("tls", 443)], tlsRoute("long", EDGE, [name], to("a")));
  const { service, faults } = atOnce(decodePort(found.translation.ports[0]!, {
    host: "",
    directory: "/c",
    defaults: {},
  }));
  assert.equal(faults.size, 0);
  assert.deepEqual(service.routes[0]!.sni, [`*${name}`]);
});

Deno.test("a server name that sluice cannot decode leaves its route and no other one", () => {
  const found = ports(
    [tlsListener("tls", 443)],
    tlsRoute("one", EDGE, ["x.example.com", "z.example.com"], to("a")),
    tlsRoute("two", EDGE, ["y.example.com"], to("b")),
  );
  const [plan] = found.translation.ports;
  const routes = plan!.routes.map((route, index) =>
    index === 0 ? { ...route, sni: ["no name", ...route.sni!.slice(1)] } : route
  );
  const { service, faults } = atOnce(
    decodePort({ ...plan!, routes }, { host: "", directory: "/c", defaults: {} }),
  );
  assert.deepEqual(service.routes.map(({ sni }) => sni), [["z.example.com"], ["y.example.com"]]);
  assert.deepEqual([...faults.keys()], [plan!.routes[0]!.group]);
});

Deno.test("groups of namespaces with long names that begin alike are not the same", () => {
  // Of the old names, of which 32 bits were a hash, these two were found to be equal.
  const namespace = (end: string) => `team-${"x".repeat(50)}${end}`;
  const parent = { name: "edge", namespace: "prod" };
  const [one, two] = [["a", "r141227"], ["b", "e27538"]].map(([end, name], index) => {
    const route = tlsRoute(name!, [parent], [`${end}.example.com`], [{ name: "s", port: 443 }], index);
    const place = namespace(end!);
    return [route, service("s", 443), slice("s", [`10.0.1.${index}:443`])].map((each) => within(place, each));
  });
  const all = { allowedRoutes: { namespaces: { from: "All" } } };
  const found = ports([tlsListener("tls", 443, undefined, all)], ...one!, ...two!);
  assert.deepEqual(found.port(443)!.toSorted(), [
    "a.example.com -> 10.0.1.0:443",
    "b.example.com -> 10.0.1.1:443",
  ]);
});

Deno.test("routes of a namespace with the same backends share a group, which has the name of the oldest", () => {
  const found = ports(
    [tlsListener("tls", 443)],
    tlsRoute("one", EDGE, ["1.example.com"], to("a"), 2),
    tlsRoute("two", EDGE, ["2.example.com"], to("a"), 1),
    tlsRoute("three", EDGE, ["3.example.com"], [{ name: "a", port: 443, weight: 2 }, ...to("b")], 3),
  );
  const [plan] = found.translation.ports;
  const names = [...plan!.groups].map(([name, { routes }]) => [name, routes.map(({ meta }) => meta.name)]);
  assert.deepEqual(names.sort(), [["tls.prod.three.443", ["three"]], ["tls.prod.two.443", ["two", "one"]]]);
  assert.deepEqual(found.port(443), [
    `2.example.com,1.example.com -> ${A}`,
    `3.example.com -> ${A}*2 ${B}`,
  ]);
});

Deno.test("a group is of one namespace: others may not have its rights", () => {
  const target = [{ name: "a", namespace: "prod", port: 443 }];
  const parent = [{ name: "edge", namespace: "prod" }];
  const found = ports(
    [tlsListener("tls", 443, undefined, { allowedRoutes: { namespaces: { from: "All" } } })],
    tlsRoute("own", parent, ["own.example.com"], target),
    within("evil", tlsRoute("other", parent, ["other.example.com"], target, 1)),
  );
  assert.deepEqual(found.port(443), [`own.example.com -> ${A}`, "other.example.com -> refused"]);
});
