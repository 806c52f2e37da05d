/**
 * Frames name the client of their bytes: a pooled upstream connection has no client at first, or serves one after
 * another.
 */

const MAGIC = 0x51_75_69_64;

/** Bytes of a header: the magic number, the connection, and the length. */
export const FRAME_HEADER = 12;
export const LARGEST_FRAME = 65_536;

export function encodeFrame(id: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER + payload.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(4, id);
  view.setUint32(8, payload.byteLength);
  frame.set(payload, FRAME_HEADER);
  return frame;
}

/** Parses frames, however they are split. */
export class FrameReader {
  readonly #header = new Uint8Array(FRAME_HEADER);
  #filled = 0;
  #id = 0;
  #left = 0;

  /**
   * Calls `onPayload` with each piece and, for the first one of a frame, the length of its header.
   *
   * @throws {Error} The bytes are not a frame.
   */
  push(bytes: Uint8Array, onPayload: (id: number, payload: Uint8Array, header: number) => void): void {
    for (let at = 0; at < bytes.byteLength;) {
      if (this.#left > 0) {
        const piece = bytes.subarray(at, at + this.#left);
        this.#left -= piece.byteLength;
        at += piece.byteLength;
        onPayload(this.#id, piece, 0);
        continue;
      }
      const part = bytes.subarray(at, at + FRAME_HEADER - this.#filled);
      this.#header.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === FRAME_HEADER) onPayload(this.#begin(), new Uint8Array(0), FRAME_HEADER);
    }
  }

  #begin(): number {
    const view = new DataView(this.#header.buffer);
    if (view.getUint32(0) !== MAGIC) throw new Error("no frame where one should begin");
    this.#id = view.getUint32(4);
    this.#left = view.getUint32(8);
    this.#filled = 0;
    return this.#id;
  }
}
