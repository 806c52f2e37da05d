/** Finds the route of a client: the first one whose conditions it meets. */

import type { RouteConfig } from "../config/config.ts";
import { mapInSteps, type Steps } from "../config/input/steps.ts";
import { FileLists } from "./file_lists.ts";
import type { RouteFacts } from "./match/condition.ts";
import { compileConditions, peeks, readsBytes } from "./match/registry.ts";
import { PortTable, reachable, type Rule } from "./match/source_port.ts";

export type RouteMatch = Pick<Rule, "route" | "index">;

export interface RouteMatcher {
  /** Whether any route tests what clients send first, and whether it tests the bytes themselves. */
  readonly peeks: boolean;
  readonly readsBytes: boolean;
  /**
   * The route for a client; undefined when it meets the conditions of none; `need_more` while that depends on bytes
   * that may still arrive.
   */
  match(facts: RouteFacts): RouteMatch | "need_more" | undefined;
}

/**
 * Prepares routes, one per step. There may be thousands of rules for source ports, so these take one binary search.
 *
 * @throws {SyntaxError} when a source address is invalid.
 */
export function* compileRoutes(
  routes: readonly RouteConfig[],
  lists = new FileLists(),
): Steps<RouteMatcher> {
  const rules = yield* mapInSteps(routes, (route, index) => ({
    route,
    index,
    conditions: compileConditions(route, lists),
    peeks: peeks(route),
  }));
  const anyPort = reachable(rules.filter(({ route }) => route.sourcePort === undefined));
  const byPort = new PortTable(rules);
  const match = (facts: RouteFacts) => {
    const one = firstThatMayFit(byPort.rulesFor(facts.sourcePort), facts);
    const first = firstThatMayFit(anyPort, facts, one?.index) ?? one;
    return first?.peeks === true && !first.conditions.every((isMet) => isMet(facts)) ? "need_more" : first;
  };
  return { peeks: rules.some(({ peeks }) => peeks), readsBytes: routes.some(readsBytes), match };
}

/** The first rule of which no condition is failed, among those with an index below `before`. */
function firstThatMayFit(rules: readonly Rule[], facts: RouteFacts, before = Infinity): Rule | undefined {
  for (const rule of rules) {
    if (rule.index > before) return undefined;
    if (rule.conditions.every((isMet) => isMet(facts) !== false)) return rule;
  }
  return undefined;
}
