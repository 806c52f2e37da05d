/** What somebody meant who made a typing error. */

import { distance } from "fastest-levenshtein";

/** The candidate that differs from what was typed by no more than a slip or two. */
export function closestOf(typed: string, candidates: readonly string[]): string | undefined {
  // Two letters in the wrong order count as two.
  const allowed = typed.length < 4 ? 1 : Math.max(2, Math.floor(typed.length / 3));
  const ranked = candidates.map((each) => ({ each, slips: distance(typed, each) })).sort((a, b) =>
    a.slips - b.slips
  );
  return ranked[0] !== undefined && ranked[0].slips <= allowed ? ranked[0].each : undefined;
}
