/** Which of a service's routes a client takes: the first of which it meets all conditions. */

import type { RouteConfig } from "../config/config.ts";
import type { RouteFacts } from "./match/condition.ts";
import { compileConditions, readsHello } from "./match/registry.ts";
import { PortTable, reachable, type Rule } from "./match/source_port.ts";

export type RouteMatch = Pick<Rule, "route" | "index">;

export interface RouteMatcher {
  /** Whether any route tests fields of the ClientHello. */
  readonly readsHello: boolean;
  /** The route for a client; undefined when none fits. */
  match(facts: RouteFacts): RouteMatch | undefined;
  /** Whether a ClientHello could lead the client to another route than it takes without one. */
  needsHello(facts: RouteFacts): boolean;
}

/**
 * Prepares routes so that the source port, of which there may be thousands of rules, takes one binary search.
 *
 * @throws {SyntaxError} when a source address is none.
 */
export function compileRoutes(routes: readonly RouteConfig[]): RouteMatcher {
  const rules = routes.map((route, index) => ({ route, index, conditions: compileConditions(route) }));
  const anyPort = reachable(rules.filter(({ route }) => route.sourcePort === undefined));
  const byPort = new PortTable(rules);
  const firstOnHello = routes.findIndex(readsHello);
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
