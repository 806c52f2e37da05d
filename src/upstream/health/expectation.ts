/** What an answer must be like. */

import { Buffer } from "node:buffer";
import type { ExpectationConfig } from "../../config/config.ts";
import { quoted } from "../../wire/quoted.ts";

/** Where it is in the bytes so far; `more`: it may still come; `never`: it cannot any more. */
export type Match = { readonly start: number; readonly end: number } | "more" | "never";

export interface Expectation {
  /** Whether there is a match in what was received, which is at least a byte. */
  find(received: Uint8Array): Match;
  /** For messages, after what came: `instead of "+PONG"`. */
  readonly unmet: string;
  /** For messages, about an answer that has begun. */
  unfinished(received: Uint8Array): string;
}

export function expectationOf({ begins, contains, regex }: ExpectationConfig): Expectation {
  if (begins !== undefined) return new Beginning(begins);
  if (contains !== undefined) return new Containing(contains);
  return new Matching(regex!);
}

class Beginning implements Expectation {
  readonly #bytes: Uint8Array;
  readonly unmet: string;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.unmet = `instead of ${quoted(bytes)}`;
  }

  find(received: Uint8Array): Match {
    const end = this.#bytes.length;
    const length = Math.min(end, received.length);
    for (let at = 0; at < length; at++) if (received[at] !== this.#bytes[at]) return "never";
    return length === end ? { start: 0, end } : "more";
  }

  unfinished(received: Uint8Array): string {
    return `only ${quoted(received)}`;
  }
}

class Containing implements Expectation {
  readonly #bytes: Uint8Array;
  readonly unmet: string;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.unmet = `without ${quoted(bytes)}`;
  }

  find(received: Uint8Array): Match {
    const start = bufferOf(received).indexOf(this.#bytes);
    return start < 0 ? "more" : { start, end: start + this.#bytes.length };
  }

  unfinished(received: Uint8Array): string {
    return `${quoted(received)} ${this.unmet}`;
  }
}

/** A regular expression sees this many bytes, as its time may grow with their cube. */
const MAX_MATCHED = 2048;

/** Each byte is one character (Latin-1). */
class Matching implements Expectation {
  readonly #regex: RegExp;
  readonly unmet: string;

  constructor(source: string) {
    this.#regex = new RegExp(source, "m");
    this.unmet = `without a match of ${this.#regex.source}`;
  }

  find(received: Uint8Array): Match {
    const seen = received.subarray(0, MAX_MATCHED);
    const found = this.#regex.exec(bufferOf(seen).toString("latin1"));
    if (found === null) return seen.length === MAX_MATCHED ? "never" : "more";
    return { start: found.index, end: found.index + found[0].length };
  }

  unfinished(received: Uint8Array): string {
    return `${quoted(received)} ${this.unmet}`;
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
