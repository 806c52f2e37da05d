/** Derives all random numbers of faults from the seed of the run and from what they are for. */

/**
 * Random numbers for `parts`, such as the seed, the service, the fault and the number of the connection. The same parts
 * give the same numbers, in any thread and at any time.
 */
export function randomOf(...parts: readonly (string | number)[]): () => number {
  return seededRandom(hashOf(parts.join("\0")));
}

/** A hash of 32 bits: FNV-1a, then the last step of MurmurHash3, as similar texts must not give similar numbers. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
