/** Checks that a copy is what one client has sent, without knowing which one. */

import { firstDifferenceFrom, positionIn } from "../../support/bytes/pattern.ts";
import { FrameReader } from "./frames.ts";

/** This many bytes of a pattern occur in no other place. */
const UNIQUE = 16;

export class Copied {
  readonly #frames: FrameReader | undefined;
  #beginning = new Uint8Array(0);
  /** Where in all patterns the next byte is. */
  #position: number | undefined;
  #client: number | undefined;
  #wrong: string | undefined;

  constructor(isFramed: boolean) {
    this.#frames = isFramed ? new FrameReader() : undefined;
  }

  /** Undefined as long as all bytes are right. */
  push(bytes: Uint8Array): string | undefined {
    if (this.#frames === undefined) this.#check(bytes);
    else {
      try {
        this.#frames.push(bytes, (id, payload) => {
          this.#client ??= id;
          if (id !== this.#client) this.#wrong ??= "a mirror got bytes of two clients";
          this.#check(payload);
        });
      } catch (error) {
        this.#wrong ??= `a mirror got ${(error as Error).message}`;
      }
    }
    return this.#wrong;
  }

  #check(bytes: Uint8Array): void {
    if (this.#position === undefined) {
      const beginning = new Uint8Array(this.#beginning.byteLength + bytes.byteLength);
      beginning.set(this.#beginning);
      beginning.set(bytes, this.#beginning.byteLength);
      this.#beginning = beginning;
      if (beginning.byteLength < UNIQUE) return;
      this.#position = positionIn(beginning.subarray(0, UNIQUE));
      if (this.#position === undefined) {
        this.#wrong ??= "a mirror got bytes that no client has sent";
        return;
      }
      bytes = beginning;
    }
    if (firstDifferenceFrom(bytes, this.#position) !== undefined) {
      this.#wrong ??= "a mirror got bytes that differ";
    }
    this.#position += bytes.byteLength;
  }
}
