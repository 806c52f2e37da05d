/** Bytes that a stream of Node.js has received and no read has taken yet. */

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

  /** Copies as many bytes as fit into the buffer; returns their number. */
  takeInto(buffer: Uint8Array): number {
    const chunks = this.#chunks;
    let taken = 0;
    while (chunks.length > 0 && taken < buffer.byteLength) {
      const chunk = chunks[0]!;
      const space = buffer.byteLength - taken;
      if (chunk.byteLength > space) {
        buffer.set(chunk.subarray(0, space), taken);
        chunks[0] = chunk.subarray(space);
        taken += space;
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
