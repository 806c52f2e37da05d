/** `source_port`: finds the matching routes by one binary search, because there may be thousands. */

import type { RouteConfig } from "../../config/config.ts";
import type { Test } from "./condition.ts";

/** A route with its conditions. */
export interface Rule {
  readonly route: RouteConfig;
  /** Its index in the list of routes. */
  readonly index: number;
  /** Its conditions other than source ports; the client must meet all of them. */
  readonly conditions: readonly Test[];
  /** Whether one of these tests what the client sends first. */
  readonly peeks: boolean;
}

/** The rules that a client can reach: those up to the first rule without conditions. */
export function reachable(rules: readonly Rule[]): readonly Rule[] {
  const last = rules.findIndex(({ conditions }) => conditions.length === 0);
  return last < 0 ? rules : rules.slice(0, last + 1);
}

/** The rules for each source port. Between two boundaries, they are the same for all ports. */
export class PortTable {
  /** The first port of each stretch with the same rules, ascending. `#rules` has the rules at the same index. */
  readonly #firsts: number[] = [];
  readonly #rules: (readonly Rule[])[] = [];

  constructor(rules: readonly Rule[]) {
    /** By rule: how many of its ranges contain the current port. */
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

/** The first port of a rule's range (`change` 1), or the first port after it (-1). */
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
