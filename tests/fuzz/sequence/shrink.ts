/** Makes a failing list as short and simple as possible (delta debugging: Zeller and Hildebrandt, 2002). */

export interface ShrinkOptions<Item> {
  /** Whether a list still fails. */
  readonly fails: (items: readonly Item[]) => Promise<boolean>;
  /** Items that could replace an item, the simplest first. */
  readonly simpler: (item: Item) => Item[];
  /** False when it is time to stop; then the shortest list so far is the result. */
  readonly goesOn: () => boolean;
}

export async function shrink<Item>(
  items: readonly Item[],
  { fails, simpler, goesOn }: ShrinkOptions<Item>,
): Promise<readonly Item[]> {
  let best = await drop(items, fails, goesOn);
  for (let index = 0; index < best.length; index++) {
    for (const item of simpler(best[index]!)) {
      if (!goesOn()) return best;
      const candidate = best.with(index, item);
      if (!await fails(candidate)) continue;
      best = candidate;
      break;
    }
  }
  // A simpler list may need fewer items.
  return goesOn() ? await drop(best, fails, goesOn) : best;
}

/** Omits halves, then quarters, down to single items. */
async function drop<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
  goesOn: () => boolean,
): Promise<readonly Item[]> {
  let best = items;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length;) {
      if (!goesOn()) return best;
      const candidate = best.toSpliced(at, size);
      if (candidate.length > 0 && await fails(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}
