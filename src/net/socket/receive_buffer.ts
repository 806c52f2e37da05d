/** What arrived on a stream of Node.js and was not taken yet. */

import { detachBuffer } from "../workarounds/memory.ts";

export class ReceiveBuffer {
  readonly #chunks: Uint8Array[] = [];
  #byteLength = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#byteLength += chunk.byteLength;
  }

  /** Copies as much as there is and the buffer has room for, and returns how much that is. */
  takeInto(buffer: Uint8Array): number {
    const chunks = this.#chunks;
    let taken = 0;
    while (chunks.length > 0 && taken < buffer.byteLength) {
      const chunk = chunks[0]!;
      const room = buffer.byteLength - taken;
      if (chunk.byteLength > room) {
        buffer.set(chunk.subarray(0, room), taken);
        chunks[0] = chunk.subarray(room);
        taken += room;
      } else {
        buffer.set(chunk, taken);
        taken += chunk.byteLength;
        detachBuffer(chunk);
        chunks.shift();
      }
    }
    this.#byteLength -= taken;
    return taken;
  }
}
