/** What a socket of node:tls has encrypted, as memory. */

import type { TLSSocket } from "node:tls";
import { detachBuffer } from "./detach_buffer.ts";
import { memoryTricks } from "./memory_tricks.ts";

/** What has no type in Node.js. Where it is not like that, the garbage collector has to do. */
interface Handle {
  /** Takes what is encrypted and not sent yet. Whoever calls it makes a copy at once. */
  drainEncOut?(): Uint8Array;
}

/**
 * Frees each encrypted buffer once the socket continues with the next one. Over a JavaScript stream, the
 * socket allocates two ArrayBuffers of 48 KiB, of which the stream only sees the second. Leaving both to the
 * garbage collector took a third of the CPU time of TLS bulk transfers.
 */
export function detachEncrypted(socket: TLSSocket): void {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  const drain = handle?.drainEncOut;
  if (typeof drain !== "function" || !memoryTricks.areOn) return;
  let last: Uint8Array | undefined;
  handle!.drainEncOut = () => {
    if (last !== undefined) detachBuffer(last);
    return last = drain.call(handle);
  };
}
