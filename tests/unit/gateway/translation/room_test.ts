import assert from "node:assert/strict";
import {
  gateway,
  gatewayClass,
  service,
  slice,
  tcpListener,
  tcpRoute,
  tlsListener,
  tlsRoute,
} from "../../../support/kubernetes/gateway_objects.ts";
import { Translated } from "../translated.ts";

const EDGE = [{ name: "edge" }];
const LISTENERS = [tlsListener("tls", 443), tcpListener("tcp", 1)];
const LEFT_OUT = ["Accepted=False(TooManyRoutes) ResolvedRefs=True"];
const TAKEN = ["Accepted=True ResolvedRefs=True"];

/** A Service with this many endpoints. */
function pods(name: string, count: number) {
  const addresses = Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}:443`);
  return [service(name, 443), slice(name, addresses)];
}

const to = (name: string, weight = 1) => [{ name, port: 443, weight }];

Deno.test("the youngest routes are left out where there is no room for all, and their clients are refused", () => {
  // Of the same age but for the first, so that their names decide.
  const many = Array.from({ length: 2100 }, (_, index) => {
    const number = String(index).padStart(4, "0");
    // Backends of their own: others would share a group.
    return tlsRoute(`r${number}`, EDGE, [`h${number}.example.com`], to("a", index + 2), 1);
  });
  const found = new Translated([
    gatewayClass(),
    gateway("edge", LISTENERS),
    ...pods("a", 1),
    tlsRoute("zzz", EDGE, ["old.example.com"], to("a"), 0),
    ...many,
    tcpRoute("young", [{ name: "edge", sectionName: "tcp" }], to("a"), 2),
  ]);
  assert.deepEqual(found.route("TLSRoute", "prod/zzz"), TAKEN);
  assert.deepEqual(found.route("TLSRoute", "prod/r2000"), TAKEN);
  assert.deepEqual(found.route("TLSRoute", "prod/r2099"), LEFT_OUT);
  assert.deepEqual(found.route("TCPRoute", "prod/young"), LEFT_OUT);
  const groups = found.translation.ports.flatMap((port) => [...port.groups.keys()]);
  assert.equal(groups.length, 2048);
  assert.equal(found.translation.excess.size, 2102 - (2048 - 2));
  assert.ok(found.port(443)!.includes("h2000.example.com -> 10.0.0.0:443"));
  assert.ok(found.port(443)!.includes("h2099.example.com -> refused"));
  assert.deepEqual(found.port(1), ["all -> refused"]);
  assert.match(found.listener("prod/edge", "tls"), /^2046 /);
});

Deno.test("a route with more endpoints than there is room for is left out, and no other one", () => {
  const found = new Translated([
    gatewayClass(),
    gateway("edge", LISTENERS),
    ...pods("huge", 9000),
    ...pods("a", 1),
    tlsRoute("huge", EDGE, ["huge.example.com"], to("huge"), 0),
    tlsRoute("small", EDGE, ["small.example.com"], to("a"), 1),
  ]);
  assert.deepEqual(found.route("TLSRoute", "prod/huge"), LEFT_OUT);
  assert.deepEqual(found.route("TLSRoute", "prod/small"), TAKEN);
  assert.deepEqual(found.port(443), ["huge.example.com -> refused", "small.example.com -> 10.0.0.0:443"]);
});

Deno.test("routes with the same backends take room once", () => {
  const found = new Translated([
    gatewayClass(),
    gateway("edge", LISTENERS),
    ...pods("a", 100),
    ...Array.from(
      { length: 200 },
      (_, index) => tlsRoute(`r${index}`, EDGE, [`h${index}.example.com`], to("a")),
    ),
  ]);
  assert.equal(found.translation.excess.size, 0);
  assert.deepEqual(found.translation.ports.map(({ groups }) => groups.size), [1]);
});
