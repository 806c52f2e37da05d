import assert from "node:assert/strict";
import { BlockList } from "node:net";
import fc from "fast-check";
import type { GroupConfig, PortRange, RouteConfig } from "../../../src/config/config.ts";
import { atOnce } from "../../../src/config/input/steps.ts";
import { type FirstBytes, NO_BYTES_YET } from "../../../src/net/socket/first_bytes.ts";
import type { RouteFacts } from "../../../src/proxy/match/condition.ts";
import { compileRoutes, type RouteMatch, type RouteMatcher } from "../../../src/proxy/route.ts";
import { groupConfig } from "../../support/fakes/upstream_parts.ts";

type Conditions = Partial<Omit<RouteConfig, "upstream">>;

const compiled = (routes: readonly RouteConfig[]) => atOnce(compileRoutes(routes));

const UNIX_CLIENT: RouteFacts = {
  sourceAddress: "",
  sourcePort: 0,
  listenPort: 0,
  awaitsHello: true,
  first: NO_BYTES_YET,
};
const CLIENT: RouteFacts = {
  ...UNIX_CLIENT,
  sourceAddress: "10.1.2.3",
  sourcePort: 40_000,
  listenPort: 5000,
};

Deno.test("RouteMatcher.match() takes the first route whose conditions are all met", () => {
  const routes = routesOf(
    { sourcePort: [port(40_000)], sourceIp: ["10.2.0.0/16"] },
    { sourcePort: [{ first: 30_000, last: 40_000 }], listenPort: [port(5000)] },
    { sourceIp: ["192.0.2.1", "10.1.0.0/16"] },
    { listenPort: [{ first: 5000, last: 5010 }, port(6000)] },
    { sourcePort: [port(50_000), port(50_002)] },
  );
  const indexOf = (facts: Partial<RouteFacts>) => {
    const match = found(compiled(routes), { ...CLIENT, ...facts });
    if (match !== undefined) assert.equal(match.route, routes[match.index]);
    return match?.index;
  };
  assert.equal(indexOf({}), 1);
  assert.equal(indexOf({ sourceAddress: "10.2.2.3" }), 0);
  assert.equal(indexOf({ sourceAddress: "::ffff:10.2.2.3" }), 0);
  assert.equal(indexOf({ sourcePort: 40_001 }), 2);
  assert.equal(indexOf({ sourcePort: 29_999 }), 2);
  assert.equal(indexOf({ listenPort: 5001 }), 2);
  assert.equal(indexOf({ sourceAddress: "192.0.2.2", listenPort: 5001 }), 3);
  assert.equal(indexOf({ sourceAddress: "192.0.2.2", listenPort: 6000 }), 3);
  assert.equal(indexOf({ sourceAddress: "::1", listenPort: 1, sourcePort: 50_000 }), 4);
  assert.equal(indexOf({ sourceAddress: "::1", listenPort: 1, sourcePort: 50_001 }), undefined);
  assert.equal(indexOf({ sourceAddress: "::1", listenPort: 1, sourcePort: 50_002 }), 4);
  assert.equal(indexOf({ sourceAddress: "::1", listenPort: 1, sourcePort: 50_003 }), undefined);
});

Deno.test("RouteMatcher.match() takes no route if there are none", () => {
  assert.equal(compiled([]).match(CLIENT), undefined);
});

Deno.test("RouteMatcher.match() takes a route without conditions for every client", () => {
  const matcher = compiled(routesOf({ sourcePort: [port(1)] }, {}, {}));
  assert.equal(found(matcher, CLIENT)?.index, 1);
  assert.equal(found(matcher, UNIX_CLIENT)?.index, 1);
  assert.equal(found(matcher, { ...CLIENT, sourcePort: 1 })?.index, 0);
});

Deno.test("RouteMatcher.match() matches no source address or port of a unix client, and no port of a unix socket", () => {
  const everything: PortRange[] = [{ first: 0, last: 65_535 }];
  const matcher = compiled(routesOf(
    { sourcePort: everything },
    { sourceIp: ["0.0.0.0/0", "::/0"] },
    { listenPort: everything },
    {},
  ));
  assert.equal(found(matcher, UNIX_CLIENT)?.index, 3);
  assert.equal(found(matcher, { ...UNIX_CLIENT, listenPort: 5000 })?.index, 2);
  assert.equal(found(matcher, CLIENT)?.index, 0);
});

Deno.test("RouteMatcher.match() never takes a route with an empty condition", () => {
  const matcher = compiled(routesOf({ sourcePort: [] }, { sourceIp: [] }, { listenPort: [] }));
  assert.equal(matcher.match(CLIENT), undefined);
});

Deno.test("compileRoutes() refuses an invalid source address", () => {
  assert.throws(() => compiled(routesOf({ sourceIp: ["ten"] })), {
    name: "SyntaxError",
    message: /^Cannot parse "ten"/,
  });
});

Deno.test("RouteMatcher.match() waits for no byte that cannot change the route", () => {
  const matcher = compiled(routesOf(
    { sourceIp: ["192.0.2.0/24"], protocol: ["ssh"] },
    { protocol: ["tls", "http"] },
    { sourcePort: [port(1)] },
    { startsWith: [bytes("AB"), bytes("A1")] },
    { sni: ["a.test"] },
    { silent: true },
    {},
  ));
  const at = (text: string, facts: Partial<RouteFacts> = {}, end?: FirstBytes["end"]) => {
    const match = matcher.match({
      ...CLIENT,
      awaitsHello: false,
      first: { bytes: bytes(text), end },
      ...facts,
    });
    return match === "need_more" ? match : match?.index;
  };
  assert.equal(at(""), "need_more");
  assert.equal(at("\x16\x03"), "need_more");
  assert.equal(at("\x16\x03\x01\x01\x00\x01"), 1);
  assert.equal(at("GET / HTTP/1.1\r\n"), 1);
  // Of those that remain, nothing in the bytes decides.
  assert.equal(at("\0"), 6);
  assert.equal(at("SSH-2.0"), 6);
  assert.equal(at("SSH", { sourceAddress: "192.0.2.7" }), "need_more");
  assert.equal(at("SSH-", { sourceAddress: "192.0.2.7" }), 0);
  // The first two routes are out, so the third is certain.
  assert.equal(at("\0", { sourcePort: 1 }), 2);
  assert.equal(at("G", { sourcePort: 1 }), "need_more");
  // "A" may also begin the method of a request.
  assert.equal(at("A1", {}), 3);
  assert.equal(at("\0", { awaitsHello: true }), "need_more");
  assert.equal(at("\0", { awaitsHello: true, serverName: "a.test" }), 4);
  // At the end, what is undecided is not met.
  for (const end of ["closed", "late", "full"] as const) assert.equal(at("GET /", {}, end), 6);
  assert.equal(at("", {}, "late"), 5);
  assert.equal(at("", {}, "closed"), 6);
});

Deno.test("RouteMatcher.match() distinguishes clients that speak first from those that do not", () => {
  const matcher = compiled(routesOf({ silent: false }, { silent: true }));
  const at = (text: string, end?: FirstBytes["end"]) => {
    const match = matcher.match({ ...CLIENT, first: { bytes: bytes(text), end } });
    return match === "need_more" ? match : match?.index;
  };
  assert.deepEqual([at(""), at("a"), at("", "late"), at("a", "late"), at("", "closed")], [
    "need_more",
    0,
    1,
    0,
    0,
  ]);
});

Deno.test("RouteMatcher.peeks is true only where a route tests what clients send", () => {
  const peeks = (conditions: Conditions) => compiled(routesOf({ listenPort: [port(1)] }, conditions)).peeks;
  assert.deepEqual([peeks({}), peeks({ sourceIp: ["::/0"] })], [false, false]);
  const all: Conditions[] = [{ sni: ["a"] }, { alpn: ["h2"] }, { protocol: ["ssh"] }, {
    startsWith: [bytes("a")],
  }, { silent: true }];
  assert.deepEqual(all.map(peeks), all.map(() => true));
});

Deno.test("RouteMatcher.match() finds the same route as a test of one after the other", () => {
  // Few numbers, so that ranges overlap, touch and contain the tested ports.
  const number = fc.constantFrom(1, 2, 3, 4, 5, 10, 65_534, 65_535);
  const range = fc.tuple(number, number).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
  const ranges = fc.option(fc.array(range, { maxLength: 4 }), { nil: undefined });
  const blocks = fc.constantFrom(
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.3",
    "2001:db8::/32",
    "0.0.0.0/0",
    "::/0",
  );
  const sourceIp = fc.option(fc.array(blocks, { maxLength: 3 }), { nil: undefined, freq: 2 });
  const conditions = fc.record({ sourcePort: ranges, sourceIp, listenPort: ranges });
  const addresses = fc.constantFrom("10.1.2.3", "10.1.2.4", "10.2.0.0", "192.0.2.1", "2001:db8::1", "::1");
  const ports = fc.constantFrom(1, 2, 3, 4, 5, 6, 9, 10, 11, 65_533, 65_534, 65_535);
  const rest = { awaitsHello: fc.constant(false), first: fc.constant(NO_BYTES_YET) };
  const client = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({ ...rest, sourceAddress: addresses, sourcePort: ports, listenPort: ports }),
    },
    { weight: 1, arbitrary: fc.constant(UNIX_CLIENT) },
  );
  fc.assert(
    fc.property(
      fc.array(conditions, { maxLength: 12 }),
      fc.array(client, { maxLength: 30 }),
      (rules, clients) => {
        const routes = routesOf(...rules);
        const matcher = compiled(routes);
        for (const facts of clients) {
          const expected = routes.findIndex((route) => fits(route, facts));
          assert.equal(found(matcher, facts)?.index ?? -1, expected);
          assert.equal(found(matcher, facts)?.route, routes[expected]);
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** The meaning of a route, in the simplest code. */
function fits({ sourcePort, sourceIp, listenPort }: RouteConfig, facts: RouteFacts): boolean {
  const isIn = (ranges: readonly PortRange[] | undefined, port: number) =>
    ranges === undefined || ranges.some(({ first, last }) => port >= first && port <= last);
  if (!isIn(sourcePort, facts.sourcePort) || !isIn(listenPort, facts.listenPort)) return false;
  if (sourceIp === undefined) return true;
  const family = facts.sourceAddress.includes(":") ? "ipv6" : "ipv4";
  return facts.sourceAddress !== "" && (sourceIp as readonly string[]).some((block) => {
    const [address, prefix] = block.split("/");
    const list = new BlockList();
    const blockFamily = block.includes(":") ? "ipv6" : "ipv4";
    list.addSubnet(address!, Number(prefix ?? 32), blockFamily);
    return list.check(facts.sourceAddress, family);
  });
}

/** A match that needs no more bytes. */
function found(matcher: RouteMatcher, facts: RouteFacts): RouteMatch | undefined {
  const match = matcher.match(facts);
  assert.notEqual(match, "need_more");
  return match as RouteMatch | undefined;
}

function routesOf(...rules: readonly Conditions[]): RouteConfig[] {
  const none = {
    sourcePort: undefined,
    sourceIp: undefined,
    listenPort: undefined,
    protocol: undefined,
    startsWith: undefined,
    silent: undefined,
    clientName: undefined,
    clientSubject: undefined,
    clientIssuer: undefined,
    sni: undefined,
    alpn: undefined,
    tls: undefined,
  };
  return rules.map((conditions, index) => ({ ...none, ...conditions, upstream: groupOf(`group ${index}`) }));
}

function groupOf(name: string): GroupConfig {
  return groupConfig({ name, endpoints: [] });
}

function port(number: number): PortRange {
  return { first: number, last: number };
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
