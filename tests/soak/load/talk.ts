/**
 * The protocol between clients and upstreams of the soak: lines with orders, and bytes of a pattern. A line begins with
 * the number of the visit, so that each side knows which visit the other means.
 */

import { firstDifference, patternAt } from "../../support/bytes/pattern.ts";
import type { Wire } from "./wire.ts";

/**
 * The orders of a client:
 * - ASK: send this many bytes of a pattern, now;
 * - LATE: do the same once the client has finished sending, then finish;
 * - TAKE: receive this many, and answer with a byte that says whether they were right;
 * - FIRST: finish sending at once, then receive this many and the end;
 * - BREAK: send half of this many, then reset.
 */
export const VERBS = ["ASK", "LATE", "TAKE", "FIRST", "BREAK"] as const;
export type Verb = typeof VERBS[number];

export interface Order {
  readonly visit: number;
  readonly verb: Verb;
  readonly seed: number;
  /** The number of bytes. */
  readonly size: number;
}

/** The bytes of an answer to TAKE. */
export const RIGHT = 0x2b;
export const WRONG = 0x2d;

/** A longer line is malformed: no client sends one. */
const LONGEST_LINE = 64;
const NEWLINE = 0x0a;
/** The bytes of one write. */
const PIECE = 65_536;

/** The bytes differ from those that were sent, or there are too many. */
export class WrongBytesError extends Error {
  override readonly name = "WrongBytesError";
}

/** The connection ended before all bytes had arrived. */
export class LostError extends Error {
  override readonly name = "LostError";
}

export function encodeOrder({ visit, verb, seed, size }: Order): Uint8Array {
  return new TextEncoder().encode(`${visit} ${verb} ${seed} ${size}\n`);
}

/** @throws {WrongBytesError} */
export function decodeOrder(line: string): Order {
  const [, visit, verb, seed, size] = /^(\d+) ([A-Z]+) (\d+) (\d+)$/.exec(line) ?? [];
  if (verb === undefined || !(VERBS as readonly string[]).includes(verb)) {
    throw new WrongBytesError(`Not an order: ${JSON.stringify(line)}`);
  }
  return { visit: Number(visit), verb: verb as Verb, seed: Number(seed), size: Number(size) };
}

/** Sends this many bytes of a pattern. */
export async function sendPattern(wire: Wire, seed: number, size: number): Promise<void> {
  for (let at = 0; at < size; at += PIECE) {
    await wire.write(patternAt(seed, at, Math.min(PIECE, size - at)));
  }
}

/** Reads the expected bytes from a wire. */
export class Intake {
  readonly #wire: Wire;
  #rest: Uint8Array = new Uint8Array(0);
  /** Bytes received so far. */
  received = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** The next line; null when the other side finished before one. */
  async line(): Promise<string | null> {
    let line = "";
    for (;;) {
      const chunk = await this.#next();
      if (chunk === null && line === "") return null;
      if (chunk === null) throw new LostError("It ended within a line");
      const at = chunk.indexOf(NEWLINE);
      line += new TextDecoder().decode(at < 0 ? chunk : chunk.subarray(0, at));
      if (line.length > LONGEST_LINE) {
        throw new WrongBytesError(`No line: ${JSON.stringify(line.slice(0, LONGEST_LINE))}`);
      }
      if (at < 0) continue;
      this.#rest = chunk.subarray(at + 1);
      return line;
    }
  }

  /**
   * Receives this many bytes of a pattern.
   *
   * @param pace Called and awaited after each piece.
   * @throws {WrongBytesError}
   * @throws {LostError}
   */
  async pattern(seed: number, size: number, pace?: () => Promise<void>): Promise<void> {
    for (let at = 0; at < size;) {
      const chunk = await this.#next();
      if (chunk === null) throw new LostError(`It ended after ${at} of ${size} bytes`);
      const own = chunk.subarray(0, size - at);
      this.#rest = chunk.subarray(own.byteLength);
      const wrong = firstDifference(own, seed, at);
      if (wrong !== undefined) {
        const found = new TextDecoder("latin1").decode(own.subarray(wrong - at, wrong - at + 32));
        throw new WrongBytesError(`Byte ${wrong} of ${size} is wrong, there is ${JSON.stringify(found)}`);
      }
      at += own.byteLength;
      await pace?.();
    }
  }

  /** Receives this many bytes, with any values. */
  async bytes(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const chunk = await this.#next();
      if (chunk === null) throw new LostError(`It ended after ${at} of ${count} bytes`);
      const own = chunk.subarray(0, count - at);
      bytes.set(own, at);
      this.#rest = chunk.subarray(own.byteLength);
      at += own.byteLength;
    }
    return bytes;
  }

  /** Receives the end, and nothing before it. @throws {WrongBytesError} */
  async end(): Promise<void> {
    const chunk = await this.#next();
    if (chunk !== null) throw new WrongBytesError(`${chunk.byteLength} bytes more than there should be`);
  }

  async #next(): Promise<Uint8Array | null> {
    if (this.#rest.byteLength > 0) {
      const rest = this.#rest;
      this.#rest = new Uint8Array(0);
      return rest;
    }
    const chunk = await this.#wire.read();
    this.received += chunk?.byteLength ?? 0;
    return chunk;
  }
}
