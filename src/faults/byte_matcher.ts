/** Finds bytes in a stream, also across chunks (Knuth, Morris, Pratt), in time proportional to the stream. */

export class ByteMatcher {
  readonly pattern: Uint8Array;
  /** By the number of bytes that match: how many still match when the next byte does not. */
  readonly #fallback: Int32Array;
  /** How many bytes at the end of the searched stream are the beginning of the pattern, and may become a match. */
  pending = 0;

  /** @throws {RangeError} when `pattern` is empty. */
  constructor(pattern: Uint8Array) {
    if (pattern.byteLength === 0) throw new RangeError("Cannot search for no bytes");
    this.pattern = pattern;
    this.#fallback = fallbackOf(pattern);
  }

  /**
   * Continues the search at `from` in the next chunk. Returns the position after the next match, or -1 if there is
   * none.
   */
  find(chunk: Uint8Array, from = 0): number {
    const { pattern } = this;
    let matched = this.pending;
    for (let at = from; at < chunk.byteLength; at++) {
      if (matched === 0) {
        at = chunk.indexOf(pattern[0]!, at);
        if (at < 0) break;
      }
      const byte = chunk[at];
      while (matched > 0 && pattern[matched] !== byte) matched = this.#fallback[matched]!;
      if (pattern[matched] === byte) matched += 1;
      if (matched < pattern.byteLength) continue;
      this.pending = 0;
      return at + 1;
    }
    this.pending = matched;
    return -1;
  }
}

function fallbackOf(pattern: Uint8Array): Int32Array {
  const fallback = new Int32Array(pattern.byteLength);
  let matched = 0;
  for (let length = 1; length < pattern.byteLength; length++) {
    fallback[length] = matched;
    while (matched > 0 && pattern[length] !== pattern[matched]) matched = fallback[matched]!;
    if (pattern[length] === pattern[matched]) matched += 1;
  }
  return fallback;
}
