/** Other bytes arrive. */

import { ByteMatcher } from "../byte_matcher.ts";
import { type ByteFault, faultKind, type Output } from "../fault.ts";

export const replace = faultKind({
  summary: "Replaces bytes. Holds what may be their beginning until more comes.",
  parameters: {
    find: { kind: "bytes", description: "What is replaced: text, or bytes such as `hex:0d0a`." },
    replacement: {
      kind: "bytes",
      default: new Uint8Array(),
      description: "What comes in its place: text, or bytes such as `hex:0d0a`. By default, nothing.",
    },
  },
  direction: "download",
  bytes: ({ find, replacement }) => new Replacing(find, replacement),
});

class Replacing implements ByteFault {
  readonly #matcher: ByteMatcher;
  readonly #replacement: Uint8Array;

  constructor(find: Uint8Array, replacement: Uint8Array) {
    this.#matcher = new ByteMatcher(find);
    this.#replacement = replacement;
  }

  transform(chunk: Uint8Array, output: Output): void {
    const matcher = this.#matcher;
    const { byteLength } = matcher.pattern;
    let from = 0;
    // The held bytes may be the beginning of a match, so they are the first bytes of the pattern.
    let held = matcher.pending;
    for (let end = matcher.find(chunk); end >= 0; end = matcher.find(chunk, end)) {
      this.#pass(chunk, { held, from, to: end - byteLength }, output);
      if (this.#replacement.byteLength > 0) output.enqueue(this.#replacement.slice());
      from = end;
      held = 0;
    }
    this.#pass(chunk, { held, from, to: chunk.byteLength - matcher.pending }, output);
  }

  flush(output: Output): void {
    this.#passHeld(this.#matcher.pending, output);
  }

  /**
   * Passes on the held bytes and those from `from` to `to`; with a negative `to`, it keeps as many of the held bytes.
   */
  #pass(
    chunk: Uint8Array,
    { held, from, to }: { readonly held: number; readonly from: number; readonly to: number },
    output: Output,
  ): void {
    this.#passHeld(Math.min(held, held + to), output);
    if (to > from) output.enqueue(chunk.subarray(from, to));
  }

  #passHeld(count: number, output: Output): void {
    if (count > 0) output.enqueue(this.#matcher.pattern.slice(0, count));
  }
}
