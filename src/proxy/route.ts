/** Which of a service's routes a client takes: the first of which it meets all conditions. */

import type { PortRange, RouteConfig } from "../config/config.ts";
import { CidrSet } from "../wire/ip/cidr.ts";
import { ServerNameSet } from "../wire/client_hello/server_names.ts";

/** What is known about a client when it is routed. */
export interface RouteFacts {
  /** Empty for the client of a unix socket, which no source address fits. */
  readonly sourceAddress: string;
  /** 0 for the client of a unix socket, which no range of ports has. */
  readonly sourcePort: number;
  /** The port the client connected to; 0 for a unix socket. */
  readonly listenPort: number;
  /** The name in the client's TLS ClientHello, and the protocols it offers; undefined when these are not known. */
  readonly serverName?: string | undefined;
  readonly alpn?: readonly string[] | undefined;
}

export interface RouteMatch {
  readonly route: RouteConfig;
  /** Its place in the list of routes. */
  readonly index: number;
}

export interface RouteMatcher {
  /** Whether any route asks for what a ClientHello says. */
  readonly readsHello: boolean;
  /** The route for a client; undefined when none fits. */
  match(facts: RouteFacts): RouteMatch | undefined;
  /** Whether a ClientHello could lead the client to another route than it takes without one. */
  needsHello(facts: RouteFacts): boolean;
}

/** One condition of a route, other than its source ports. */
type Condition = (facts: RouteFacts) => boolean;

interface Rule extends RouteMatch {
  readonly conditions: readonly Condition[];
}

const NO_ROUTES: RouteMatcher = { readsHello: false, match: () => undefined, needsHello: () => false };

/**
 * Prepares routes so that the source port, of which there may be thousands of rules, takes one binary search.
 *
 * @throws {SyntaxError} when a source address is none.
 */
export function compileRoutes(routes: readonly RouteConfig[]): RouteMatcher {
  if (routes.length === 0) return NO_ROUTES;
  const rules = routes.map((route, index) => ({ route, index, conditions: conditionsOf(route) }));
  const anyPort = reachable(rules.filter(({ route }) => route.sourcePort === undefined));
  const byPort = new PortTable(rules);
  const firstOnHello = routes.findIndex(({ sni, alpn }) => sni !== undefined || alpn !== undefined);
  const match = (facts: RouteFacts) => {
    const one = firstThatFits(byPort.rulesFor(facts.sourcePort), facts);
    const other = firstThatFits(anyPort, facts, one?.index);
    return other ?? one;
  };
  return {
    readsHello: firstOnHello !== -1,
    match,
    needsHello: (facts) => firstOnHello !== -1 && (match(facts)?.index ?? Infinity) > firstOnHello,
  };
}

/** The first rule of which all conditions are met, if it comes before place `before`. */
function firstThatFits(rules: readonly Rule[], facts: RouteFacts, before = Infinity): Rule | undefined {
  for (const rule of rules) {
    if (rule.index > before) return undefined;
    if (rule.conditions.every((isMet) => isMet(facts))) return rule;
  }
  return undefined;
}

function conditionsOf({ sourceIp, listenPort: ports, sni, alpn }: RouteConfig): Condition[] {
  const conditions: Condition[] = [];
  if (ports !== undefined) conditions.push(({ listenPort }) => isIn(ports, listenPort));
  if (sourceIp !== undefined) {
    const set = new CidrSet(sourceIp);
    conditions.push(({ sourceAddress }) => set.has(sourceAddress));
  }
  if (sni !== undefined) {
    const set = new ServerNameSet(sni);
    conditions.push(({ serverName }) => serverName !== undefined && set.has(serverName));
  }
  if (alpn !== undefined) conditions.push((facts) => alpn.some((protocol) => facts.alpn?.includes(protocol)));
  return conditions;
}

/** Port 0 stands for a unix socket, and is in no range. */
function isIn(ranges: readonly PortRange[], port: number): boolean {
  return port > 0 && ranges.some(({ first, last }) => first <= port && port <= last);
}

/** Rules up to the first that has no condition, behind which none is ever reached. */
function reachable(rules: readonly Rule[]): readonly Rule[] {
  const last = rules.findIndex(({ conditions }) => conditions.length === 0);
  return last < 0 ? rules : rules.slice(0, last + 1);
}

/** The rules for each source port, the same for all ports from one boundary to the next. */
class PortTable {
  /** Where each stretch of ports begins, ascending; the rules that apply in it are in the same place below. */
  readonly #firsts: number[] = [];
  readonly #rules: (readonly Rule[])[] = [];

  constructor(rules: readonly Rule[]) {
    /** How many ranges of a rule the port is in. */
    const open = new Map<Rule, number>();
    for (const [port, boundaries] of Map.groupBy(boundariesOf(rules), (boundary) => boundary.port)) {
      for (const { rule, change } of boundaries) {
        const ranges = (open.get(rule) ?? 0) + change;
        if (ranges === 0) open.delete(rule);
        else open.set(rule, ranges);
      }
      this.#firsts.push(port);
      this.#rules.push(reachable([...open.keys()].sort((a, b) => a.index - b.index)));
    }
  }

  rulesFor(port: number): readonly Rule[] {
    let low = 0;
    let high = this.#firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle]! <= port) low = middle + 1;
      else high = middle;
    }
    return this.#rules[low - 1] ?? [];
  }
}

/** Where a range of a rule begins, or has ended. */
interface Boundary {
  readonly port: number;
  readonly rule: Rule;
  readonly change: 1 | -1;
}

function boundariesOf(rules: readonly Rule[]): Boundary[] {
  const boundaries = rules.flatMap((rule) =>
    (rule.route.sourcePort ?? []).flatMap(({ first, last }): Boundary[] => [
      { port: Math.max(first, 1), rule, change: 1 },
      { port: last + 1, rule, change: -1 },
    ])
  );
  return boundaries.sort((a, b) => a.port - b.port);
}
