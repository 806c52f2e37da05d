import assert from "node:assert/strict";
import { BlockList } from "node:net";
import fc from "fast-check";
import type { GroupConfig, PortRange, RouteConfig } from "../../../src/config/config.ts";
import type { RouteFacts } from "../../../src/proxy/match/condition.ts";
import { compileRoutes } from "../../../src/proxy/route.ts";

type Conditions = Partial<Omit<RouteConfig, "upstream">>;

const CLIENT: RouteFacts = { sourceAddress: "10.1.2.3", sourcePort: 40_000, listenPort: 5000 };
const UNIX_CLIENT: RouteFacts = { sourceAddress: "", sourcePort: 0, listenPort: 0 };

Deno.test("the first route whose conditions are all met is taken", () => {
  const routes = routesOf(
    { sourcePort: [port(40_000)], sourceIp: ["10.2.0.0/16"] },
    { sourcePort: [{ first: 30_000, last: 40_000 }], listenPort: [port(5000)] },
    { sourceIp: ["192.0.2.1", "10.1.0.0/16"] },
    { listenPort: [{ first: 5000, last: 5010 }, port(6000)] },
    { sourcePort: [port(50_000), port(50_002)] },
  );
  const indexOf = (facts: Partial<RouteFacts>) => {
    const match = compileRoutes(routes).match({ ...CLIENT, ...facts });
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

Deno.test("without routes none is taken", () => {
  assert.equal(compileRoutes([]).match(CLIENT), undefined);
});

Deno.test("a route without conditions takes everyone", () => {
  const matcher = compileRoutes(routesOf({ sourcePort: [port(1)] }, {}, {}));
  assert.equal(matcher.match(CLIENT)?.index, 1);
  assert.equal(matcher.match(UNIX_CLIENT)?.index, 1);
  assert.equal(matcher.match({ ...CLIENT, sourcePort: 1 })?.index, 0);
});

Deno.test("a unix client has no source, and a unix socket no listening port", () => {
  const everything: PortRange[] = [{ first: 0, last: 65_535 }];
  const matcher = compileRoutes(routesOf(
    { sourcePort: everything },
    { sourceIp: ["0.0.0.0/0", "::/0"] },
    { listenPort: everything },
    {},
  ));
  assert.equal(matcher.match(UNIX_CLIENT)?.index, 3);
  assert.equal(matcher.match({ ...UNIX_CLIENT, listenPort: 5000 })?.index, 2);
  assert.equal(matcher.match(CLIENT)?.index, 0);
});

Deno.test("a condition that lists nothing is met by nobody", () => {
  const matcher = compileRoutes(routesOf({ sourcePort: [] }, { sourceIp: [] }, { listenPort: [] }));
  assert.equal(matcher.match(CLIENT), undefined);
});

Deno.test("a source address that is none is refused", () => {
  assert.throws(() => compileRoutes(routesOf({ sourceIp: ["ten"] })), {
    name: "SyntaxError",
    message: /^Cannot parse "ten"/,
  });
});

Deno.test("routes match as if they were tried one by one", () => {
  // Few numbers, so that ranges overlap, touch and have the ports asked for.
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
  const client = fc.oneof(
    { weight: 9, arbitrary: fc.record({ sourceAddress: addresses, sourcePort: ports, listenPort: ports }) },
    { weight: 1, arbitrary: fc.constant(UNIX_CLIENT) },
  );
  fc.assert(
    fc.property(
      fc.array(conditions, { maxLength: 12 }),
      fc.array(client, { maxLength: 30 }),
      (rules, clients) => {
        const routes = routesOf(...rules);
        const matcher = compileRoutes(routes);
        for (const facts of clients) {
          const expected = routes.findIndex((route) => fits(route, facts));
          assert.equal(matcher.match(facts)?.index ?? -1, expected);
          assert.equal(matcher.match(facts)?.route, routes[expected]);
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** The meaning of a route, said as simply as possible. */
function fits({ sourcePort, sourceIp, listenPort }: RouteConfig, facts: RouteFacts): boolean {
  const isIn = (ranges: readonly PortRange[] | undefined, port: number) =>
    ranges === undefined || ranges.some(({ first, last }) => port >= first && port <= last);
  if (!isIn(sourcePort, facts.sourcePort) || !isIn(listenPort, facts.listenPort)) return false;
  if (sourceIp === undefined) return true;
  const family = facts.sourceAddress.includes(":") ? "ipv6" : "ipv4";
  return facts.sourceAddress !== "" && sourceIp.some((block) => {
    const [address, prefix] = block.split("/");
    const list = new BlockList();
    const blockFamily = block.includes(":") ? "ipv6" : "ipv4";
    list.addSubnet(address!, Number(prefix ?? 32), blockFamily);
    return list.check(facts.sourceAddress, family);
  });
}

function routesOf(...rules: readonly Conditions[]): RouteConfig[] {
  const none = {
    sourcePort: undefined,
    sourceIp: undefined,
    listenPort: undefined,
    sni: undefined,
    alpn: undefined,
  };
  return rules.map((conditions, index) => ({ ...none, ...conditions, upstream: groupOf(`group ${index}`) }));
}

function groupOf(name: string): GroupConfig {
  return {
    name,
    balance: "round_robin",
    endpoints: [],
    retry: { attempts: 1, timeout: 0 },
    healthCheck: undefined,
    passive: undefined,
    onDown: "keep",
    pool: undefined,
    discovery: undefined,
  };
}

function port(number: number): PortRange {
  return { first: number, last: number };
}
