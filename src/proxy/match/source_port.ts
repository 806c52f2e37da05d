/** `source_port`: all routes at once, as there may be thousands of them, by one binary search. */

import type { RouteConfig } from "../../config/config.ts";
import type { Test } from "./condition.ts";

/** A route to choose from. */
export interface Rule {
  readonly route: RouteConfig;
  /** Its place in the list of routes. */
  readonly index: number;
  /** All must be met, beside its source ports. */
  readonly conditions: readonly Test[];
}

/** Rules up to the first without a condition: later ones are never reached. */
export function reachable(rules: readonly Rule[]): readonly Rule[] {
  const last = rules.findIndex(({ conditions }) => conditions.length === 0);
  return last < 0 ? rules : rules.slice(0, last + 1);
}

/** The rules for each source port, the same for all ports from one boundary to the next. */
export class PortTable {
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
