import assert from "node:assert/strict";
import { formatAddress } from "../../../../../src/net/address.ts";
import {
  type EndpointSlice,
  readSlice,
} from "../../../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";
import {
  type EndpointSelection,
  endpointsOf,
} from "../../../../../src/upstream/discovery/kubernetes/slice_endpoints.ts";
import { type FakeEndpoint, type FakeSlice, sliceObject } from "./slices.ts";

Deno.test("readSlice() takes missing conditions as the API defines them", () => {
  const rows: [FakeEndpoint, boolean, boolean][] = [
    [{ address: "10.0.0.1" }, true, false],
    [{ address: "10.0.0.1", ready: true, terminating: true }, true, false],
    [{ address: "10.0.0.1", ready: false }, false, false],
    [{ address: "10.0.0.1", ready: false, serving: true, terminating: true }, false, true],
    [{ address: "10.0.0.1", ready: false, serving: true, terminating: false }, false, false],
    [{ address: "10.0.0.1", ready: false, serving: true }, false, false],
    [{ address: "10.0.0.1", ready: false, serving: false, terminating: true }, false, false],
    [{ address: "10.0.0.1", ready: false, terminating: true }, false, true],
  ];
  for (const [endpoint, isReady, isDraining] of rows) {
    const [read] = slice([endpoint]).endpoints;
    assert.deepEqual([read!.isReady, read!.isDraining], [isReady, isDraining], JSON.stringify(endpoint));
  }
});

Deno.test("readSlice() reads what has null or nothing where lists and objects belong", () => {
  assert.equal(readSlice({}), undefined);
  assert.equal(readSlice(null), undefined);
  assert.equal(readSlice({ metadata: { name: "" } }), undefined);
  const bare = { name: "a", addressType: "", ports: [], endpoints: [] };
  assert.deepEqual(readSlice({ metadata: { name: "a" } }), bare);
  assert.deepEqual(readSlice({ metadata: { name: "a" }, ports: null, endpoints: null }), bare);
  assert.deepEqual(
    readSlice({ metadata: { name: "a" }, ports: [], endpoints: [{}, null, { addresses: [] }] }),
    bare,
  );
  assert.deepEqual(
    readSlice({ metadata: { name: "a" }, ports: [{ name: null, port: null, protocol: null }] })?.ports,
    [
      { name: "", port: undefined, protocol: "TCP" },
    ],
  );
});

Deno.test("endpointsOf() gives ready endpoints, and those that drain as draining", () => {
  const shown = show([
    slice([
      "10.0.0.2",
      { address: "10.0.0.1", ready: true },
      { address: "10.0.0.3", ready: false },
      { address: "10.0.0.4", ready: false, serving: true, terminating: true },
    ]),
  ]);
  assert.deepEqual(shown, ["10.0.0.1:5432", "10.0.0.2:5432", "10.0.0.4:5432 draining"]);
});

Deno.test("endpointsOf() joins slices, and takes an address of several of them once, ready if one says so", () => {
  const draining = { address: "10.0.0.1", ready: false, serving: true, terminating: true };
  const one = slice([draining, "10.0.0.2"], { name: "db-1" });
  const two = slice(["10.0.0.1", "10.0.0.3"], { name: "db-2" });
  const expected = ["10.0.0.1:5432", "10.0.0.2:5432", "10.0.0.3:5432"];
  assert.deepEqual(show([one, two]), expected);
  assert.deepEqual(show([two, one]), expected);
});

Deno.test("endpointsOf() resolves a port by name in each slice on its own", () => {
  const ports = (
    port: number,
  ) => [{ name: "metrics", port: 9000 }, { name: "postgres", port, protocol: "TCP" }];
  const slices = [slice(["10.0.0.1"], { ports: ports(5432) }), slice(["10.0.0.2"], { ports: ports(5433) })];
  assert.deepEqual(show(slices), ["10.0.0.1:5432", "10.0.0.2:5433"]);
});

Deno.test("endpointsOf() takes a port by number, or the only one", () => {
  const ports = [{ name: "dns", port: 53, protocol: "UDP" }, { name: "dns-tcp", port: 53 }, {
    name: "web",
    port: 80,
  }];
  assert.deepEqual(show([slice(["10.0.0.1"], { ports })], { port: 53 }), ["10.0.0.1:53"]);
  assert.deepEqual(show([slice(["10.0.0.1"])], { port: undefined }), ["10.0.0.1:5432"]);
  assert.deepEqual(show([slice(["10.0.0.1"], { ports: null })], { port: 7000 }), ["10.0.0.1:7000"]);
  assert.deepEqual(show([slice(["10.0.0.1"], { ports: [{ port: 6379 }] })], { port: undefined }), [
    "10.0.0.1:6379",
  ]);
});

Deno.test("endpointsOf() says why a slice has no such port", () => {
  const two = [{ name: "web", port: 8080 }, { name: "", port: 9090 }, {
    name: "dns",
    port: 53,
    protocol: "UDP",
  }];
  const rows: [FakeSlice, string | number | undefined, string][] = [
    [{ ports: two }, 80, "it has no TCP port 80; those of its pods are: web (8080), 9090"],
    [{ ports: two }, "dns", "it has no TCP port dns; those of its pods are: web (8080), 9090"],
    [
      { ports: [{ name: "dns", port: 53, protocol: "UDP" }] },
      undefined,
      "it has no TCP port; those of its pods are: none",
    ],
    [{ ports: [] }, undefined, "it names no ports, so discovery.kubernetes.port must be a number"],
    [
      { ports: two },
      undefined,
      "it has several TCP ports, of which discovery.kubernetes.port must name one: web (8080), 9090",
    ],
    [{ ports: null }, "web", "it names no ports, so discovery.kubernetes.port must be a number"],
    [{ ports: null }, undefined, "it names no ports, so discovery.kubernetes.port must be a number"],
  ];
  for (const [options, port, reason] of rows) {
    const { endpoints, problems } = endpointsOf([slice(["10.0.0.1"], options)], { port, zone: undefined });
    assert.deepEqual([endpoints, problems], [[], [`EndpointSlice db-1 is ignored: ${reason}`]]);
  }
  assert.deepEqual(endpointsOf([slice([], { ports: [] })], { port: "web", zone: undefined }).problems, []);
});

Deno.test("endpointsOf() ignores names with a warning, and what is no address", () => {
  const { endpoints, problems } = endpointsOf([
    slice(["db.example.com"], { name: "names", type: "FQDN" }),
    slice(["nonsense", "10.0.0.1"]),
  ], { port: "postgres", zone: undefined });
  assert.deepEqual(endpoints.map(({ address }) => formatAddress(address)), ["10.0.0.1:5432"]);
  assert.deepEqual(problems, [
    "EndpointSlice names is ignored: its addresses are of type FQDN, not IPv4 or IPv6",
  ]);
});

Deno.test("endpointsOf() takes a pod with addresses of both families once, and IPv6 in any spelling", () => {
  const v4 = slice([{ address: "10.0.0.1", pod: "a" }, { address: "10.0.0.9", pod: "c", ready: false }]);
  const v6 = slice([
    { address: "fd00::1", pod: "a" },
    { address: "FD00:0:0::2", pod: "b" },
    { address: "fd00::3", pod: "c" },
    { address: "fd00::4" },
  ], { name: "db-2", type: "IPv6" });
  assert.deepEqual(show([v4, v6]), ["10.0.0.1:5432", "[fd00::2]:5432", "[fd00::3]:5432", "[fd00::4]:5432"]);
});

Deno.test("endpointsOf() prefers the endpoints whose hints name the zone", () => {
  const hinted = slice([
    { address: "10.0.0.1", zone: "a", hints: ["a"] },
    { address: "10.0.0.2", zone: "a", hints: ["a", "b"] },
    { address: "10.0.0.3", zone: "b", hints: ["c"] },
    { address: "10.0.0.4", zone: "b", ready: false, serving: true, terminating: true },
  ]);
  assert.deepEqual(show([hinted], { zone: "b" }), [
    "10.0.0.1:5432 elsewhere",
    "10.0.0.2:5432",
    "10.0.0.3:5432 elsewhere",
    "10.0.0.4:5432 draining elsewhere",
  ]);
});

Deno.test("endpointsOf() prefers the endpoints in the zone where one has no hint", () => {
  const some = slice([
    { address: "10.0.0.1", zone: "a", hints: ["b"] },
    { address: "10.0.0.2", zone: "b" },
    { address: "10.0.0.3" },
  ]);
  const expected = ["10.0.0.1:5432 elsewhere", "10.0.0.2:5432", "10.0.0.3:5432 elsewhere"];
  assert.deepEqual(show([some], { zone: "b" }), expected);
  assert.deepEqual(show([some]), ["10.0.0.1:5432", "10.0.0.2:5432", "10.0.0.3:5432"]);
});

function slice(endpoints: readonly (string | FakeEndpoint)[], options?: FakeSlice): EndpointSlice {
  return readSlice(sliceObject(endpoints, options))!;
}

function show(slices: readonly EndpointSlice[], selection: Partial<EndpointSelection> = {}): string[] {
  const { endpoints, problems } = endpointsOf(slices, { port: "postgres", zone: undefined, ...selection });
  assert.deepEqual(problems, []);
  return endpoints.map(({ address, isDraining, isPreferred }) =>
    `${formatAddress(address)}${isDraining ? " draining" : ""}${isPreferred ? "" : " elsewhere"}`
  );
}
