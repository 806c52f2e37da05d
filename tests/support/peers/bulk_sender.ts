/** Sends more than the kernel buffers for a side that does not read. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeAll } from "./sockets.ts";

/** More than loopback buffers on both legs of a proxy. */
export const BULK = Uint8Array.from({ length: 32 * 1024 * 1024 + 1 }, (_, at) => (at * 31) ^ (at >> 13));
export const BULK_HASH = hashOf(BULK);

/** Sends all bytes and the FIN. */
export class Sender {
  #sent = 0;

  async send(conn: Deno.TcpConn | Deno.TlsConn): Promise<void> {
    for (; this.#sent < BULK.byteLength; this.#sent += 64 * 1024) {
      await writeAll(conn, BULK.subarray(this.#sent, this.#sent + 64 * 1024));
    }
    await conn.closeWrite();
  }

  /** Does the same, for a caller that checks the result later. */
  start(conn: Deno.TcpConn | Deno.TlsConn): Promise<void> {
    const sent = this.send(conn);
    sent.catch(() => {});
    return sent;
  }

  /** Resolves when the kernel takes no more, because the other side does not read. */
  async stalls(): Promise<void> {
    for (let seen = -1; seen !== this.#sent || seen === 0;) {
      seen = this.#sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(this.#sent < BULK.byteLength, "all of it found room");
  }
}

export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
