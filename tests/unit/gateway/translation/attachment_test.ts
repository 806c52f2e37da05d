import assert from "node:assert/strict";
import {
  gateway,
  gatewayClass,
  GROUP,
  namespace,
  tcpListener,
  tcpRoute,
  tlsListener,
  tlsRoute,
  within,
} from "../../../support/kubernetes/gateway_objects.ts";
import { Translated } from "../translated.ts";

function accepted(found: Translated, kind: "TCPRoute" | "TLSRoute", name: string): string[] {
  return found.route(kind, name).map((each) => each.split(" ")[0]!);
}

const TRUE = "Accepted=True";
const NO_PARENT = "Accepted=False(NoMatchingParent)";
const NOT_ALLOWED = "Accepted=False(NotAllowedByListeners)";
const NO_HOSTNAME = "Accepted=False(NoMatchingListenerHostname)";

Deno.test("a route attaches to listeners by name, by port, by both, or to all of a Gateway", () => {
  const edge = gateway("edge", [tcpListener("one", 1), tcpListener("two", 2), tcpListener("three", 3)]);
  const cases: [parent: Record<string, unknown>, ports: number[], condition: string][] = [
    [{ name: "edge" }, [1, 2, 3], TRUE],
    [{ name: "edge", sectionName: "two" }, [2], TRUE],
    [{ name: "edge", port: 3 }, [3], TRUE],
    [{ name: "edge", sectionName: "one", port: 1 }, [1], TRUE],
    [{ name: "edge", sectionName: "one", port: 2 }, [], NO_PARENT],
    [{ name: "edge", sectionName: "four" }, [], NO_PARENT],
    [{ name: "edge", port: 4 }, [], NO_PARENT],
    [{ name: "edge", namespace: "prod", group: GROUP, kind: "Gateway", sectionName: "one" }, [1], TRUE],
  ];
  for (const [parent, ports, condition] of cases) {
    const found = new Translated([gatewayClass(), edge, tcpRoute("db", [parent], [])]);
    const what = JSON.stringify(parent);
    assert.deepEqual(found.translation.ports.map(({ port }) => port), ports, what);
    assert.deepEqual(accepted(found, "TCPRoute", "prod/db"), [condition], what);
    for (const [index, name] of ["one", "two", "three"].entries()) {
      assert.ok(found.listener("prod/edge", name).startsWith(ports.includes(index + 1) ? "1 " : "0 "), what);
    }
  }
});

Deno.test("a route says nothing about parents that are gone, of another kind, or of another controller", () => {
  const parents = [
    { name: "gone" },
    { name: "edge", kind: "Service", group: "" },
    { name: "edge", group: "example.com" },
    { name: "edge", namespace: "elsewhere" },
  ];
  const found = new Translated([
    gatewayClass(),
    gateway("edge", [tcpListener("one", 1)]),
    tcpRoute("db", parents, []),
  ]);
  assert.equal(found.status("TCPRoute", "prod/db"), undefined);
});

Deno.test("a listener takes routes of its own namespace, of all, or of those with labels", () => {
  const from = (namespaces: unknown) => tcpListener("tcp", 1, { allowedRoutes: { namespaces } });
  const labels = { env: "live", tier: "1" };
  const cases: [namespaces: unknown, own: string, other: string][] = [
    [undefined, TRUE, NOT_ALLOWED],
    [{}, TRUE, NOT_ALLOWED],
    [{ from: "Same" }, TRUE, NOT_ALLOWED],
    [{ from: "All" }, TRUE, TRUE],
    [{ from: "None" }, NOT_ALLOWED, NOT_ALLOWED],
    [{ from: "Selector" }, NOT_ALLOWED, NOT_ALLOWED],
    [{ from: "Selector", selector: {} }, TRUE, TRUE],
    [{ from: "Selector", selector: { matchLabels: { env: "live" } } }, NOT_ALLOWED, TRUE],
    [{ from: "Selector", selector: { matchLabels: { env: "live", tier: "2" } } }, NOT_ALLOWED, NOT_ALLOWED],
    ...([
      [{ key: "env", operator: "In", values: ["test", "live"] }, NOT_ALLOWED, TRUE],
      [{ key: "env", operator: "NotIn", values: ["live"] }, TRUE, NOT_ALLOWED],
      [{ key: "env", operator: "Exists" }, NOT_ALLOWED, TRUE],
      [{ key: "env", operator: "DoesNotExist" }, TRUE, NOT_ALLOWED],
      [{ key: "env", operator: "Near" }, NOT_ALLOWED, NOT_ALLOWED],
    ] as const).map(([expression, own, other]): [unknown, string, string] => [
      { from: "Selector", selector: { matchExpressions: [expression] } },
      own,
      other,
    ]),
  ];
  for (const [namespaces, own, other] of cases) {
    const found = new Translated([
      gatewayClass(),
      gateway("edge", [from(namespaces)]),
      namespace("prod", {}),
      namespace("shop", labels),
      tcpRoute("own", [{ name: "edge" }], []),
      within("shop", tcpRoute("other", [{ name: "edge", namespace: "prod" }], [])),
    ]);
    const what = JSON.stringify(namespaces);
    assert.deepEqual(accepted(found, "TCPRoute", "prod/own"), [own], what);
    assert.deepEqual(accepted(found, "TCPRoute", "shop/other"), [other], what);
  }
});

Deno.test("a route attaches only to listeners that take its kind", () => {
  const found = new Translated([
    gatewayClass(),
    gateway("edge", [
      tcpListener("tcp", 1),
      tlsListener("tls", 2),
      tcpListener("http", 3, { protocol: "HTTP" }),
    ]),
    tcpRoute("tcp", [{ name: "edge", sectionName: "tls" }, { name: "edge", sectionName: "http" }], []),
    tlsRoute("tls", [{ name: "edge", sectionName: "tcp" }, { name: "edge" }], ["a.example.com"], []),
  ]);
  assert.deepEqual(accepted(found, "TCPRoute", "prod/tcp"), [NOT_ALLOWED, NOT_ALLOWED]);
  assert.deepEqual(accepted(found, "TLSRoute", "prod/tls"), [NOT_ALLOWED, TRUE]);
  assert.match(found.listener("prod/edge", "tls"), /^1 /);
  assert.deepEqual(found.translation.ports.map(({ port }) => port), [2]);
});

Deno.test("a TLSRoute needs a host name in common with a listener", () => {
  const found = new Translated([
    gatewayClass(),
    gateway("exact", [tlsListener("tls", 1, "a.example.com")]),
    gateway("wild", [tlsListener("tls", 2, "*.example.com")]),
    tlsRoute("a", [{ name: "exact" }, { name: "wild" }], ["b.example.com", "x.example.net"], []),
    tlsRoute("b", [{ name: "exact" }, { name: "wild" }], ["example.com"], []),
    tlsRoute("c", [{ name: "exact" }, { name: "wild" }], ["*.com"], []),
  ]);
  assert.deepEqual(accepted(found, "TLSRoute", "prod/a"), [NO_HOSTNAME, TRUE]);
  assert.deepEqual(accepted(found, "TLSRoute", "prod/b"), [NO_HOSTNAME, NO_HOSTNAME]);
  assert.deepEqual(accepted(found, "TLSRoute", "prod/c"), [TRUE, TRUE]);
  assert.match(found.listener("prod/exact", "tls"), /^1 /);
  assert.match(found.listener("prod/wild", "tls"), /^2 /);
});

Deno.test("a route that names a listener twice is attached to it once", () => {
  const parents = [{ name: "edge" }, { name: "edge", sectionName: "tcp" }];
  const found = new Translated([
    gatewayClass(),
    gateway("edge", [tcpListener("tcp", 1)]),
    tcpRoute("db", parents, []),
  ]);
  assert.deepEqual(accepted(found, "TCPRoute", "prod/db"), [TRUE, TRUE]);
  assert.match(found.listener("prod/edge", "tcp"), /^1 /);
});
