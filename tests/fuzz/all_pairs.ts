/** Rows of options in which every possible pair of values of two options occurs: the cross product is far too large. */

import type { Random } from "../support/random.ts";

/** The values of each option, by its name. */
export type Factors = Readonly<Record<string, readonly string[]>>;
/** One value for each option. */
export type Row<F extends Factors> = { readonly [Name in keyof F]: F[Name][number] };

/** The number of attempts to complete a pair to a row before it counts as impossible. */
const TRIES = 200;

/**
 * Covers all pairs greedily: each row begins with a missing pair, and adds values that complete many others.
 *
 * @param isPossible Whether a row may exist; called with complete rows only.
 */
export function allPairs<F extends Factors>(
  factors: F,
  isPossible: (row: Row<F>) => boolean,
  random: Random,
): Row<F>[] {
  const missing = new Set(pairsOf(factors));
  const rows: Row<F>[] = [];
  while (missing.size > 0) {
    const pair: string = missing.values().next().value!;
    const candidates = Array.from({ length: TRIES }, () => complete(factors, pair, random)).filter(
      isPossible,
    );
    let best: { row: Row<F>; gain: number } | undefined;
    for (const row of candidates) {
      const gain = pairsIn(row).filter((each) => missing.has(each)).length;
      if (best === undefined || gain > best.gain) best = { row, gain };
    }
    // No row can contain it.
    missing.delete(pair);
    if (best === undefined) continue;
    rows.push(best.row);
    for (const each of pairsIn(best.row)) missing.delete(each);
  }
  return rows;
}

/** The pairs of a row, as text. */
export function pairsIn(row: Readonly<Record<string, string>>): string[] {
  const values = Object.entries(row).map(([name, value]) => `${name}=${value}`);
  return values.flatMap((one, index) => values.slice(index + 1).map((other) => `${one} ${other}`));
}

function pairsOf(factors: Factors): string[] {
  const entries = Object.entries(factors);
  return entries.flatMap(([name, values], index) =>
    entries.slice(index + 1).flatMap(([other, others]) =>
      values.flatMap((value) => others.map((its) => `${name}=${value} ${other}=${its}`))
    )
  );
}

function complete<F extends Factors>(factors: F, pair: string, random: Random): Row<F> {
  const fixed = Object.fromEntries(pair.split(" ").map((part) => part.split("=")));
  const entries = Object.entries(factors).map(([name, values]) => [name, fixed[name] ?? random.pick(values)]);
  return Object.fromEntries(entries);
}
