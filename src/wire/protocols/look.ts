/** How the protocols in this folder are recognised: from the first bytes that a client sends. */

/**
 * Whether a connection that begins with these bytes speaks a protocol. An answer other than `need_more` stays the same
 * whatever follows.
 */
export type Look = "match" | "no" | "need_more";

/** A protocol whose clients speak first. It has a file of its own, and a line in `registry.ts`. */
export interface Protocol {
  /** What is recognised, for the reference: completes "A client that sends …". */
  readonly begins: string;
  /** Given all bytes so far. It must take few steps, as it is called again whenever bytes arrive. */
  look(bytes: Uint8Array): Look;
}

/** Whether the bytes begin with `beginning`. */
export function lookFor(bytes: Uint8Array, beginning: Uint8Array): Look {
  const count = Math.min(bytes.length, beginning.length);
  for (let at = 0; at < count; at++) if (bytes[at] !== beginning[at]) return "no";
  return count === beginning.length ? "match" : "need_more";
}

/** Whether the bytes begin with one of `beginnings`. */
export function lookForAny(bytes: Uint8Array, beginnings: readonly Uint8Array[]): Look {
  let result: Look = "no";
  for (const beginning of beginnings) {
    const seen = lookFor(bytes, beginning);
    if (seen === "match") return seen;
    if (seen === "need_more") result = seen;
  }
  return result;
}

/** What one byte may be: exactly this, one of these, or what a test says. */
export type Expected = number | readonly number[] | ((byte: number) => boolean);

/** Whether the bytes are, one by one, as expected. */
export function lookAtEach(bytes: Uint8Array, expected: readonly Expected[]): Look {
  const count = Math.min(bytes.length, expected.length);
  for (let at = 0; at < count; at++) if (!fits(bytes[at]!, expected[at]!)) return "no";
  return count === expected.length ? "match" : "need_more";
}

function fits(byte: number, expected: Expected): boolean {
  if (typeof expected === "number") return byte === expected;
  return typeof expected === "function" ? expected(byte) : expected.includes(byte);
}

/** Any byte, for {@linkcode lookAtEach}. */
export const ANY: Expected = () => true;

/** The bytes of ASCII text. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
