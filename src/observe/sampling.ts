/** Chooses a share of all connections by their ids, so that everything about one is decided alike in any place. */

/**
 * The multiples of an irrational number are spread evenly (a Weyl sequence): any run of ids, also every nth of one
 * thread, has nearly its share. Decisions with different numbers do not depend on each other.
 */
export const SPREAD = { log: (Math.sqrt(5) - 1) / 2, mirror: Math.SQRT2 - 1 };

/** @param share From 0 to 1. */
export function isSampled(id: number, share: number, spread: number): boolean {
  return id * spread % 1 < share;
}
