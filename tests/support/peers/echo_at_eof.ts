/** Upstreams that send back what arrived. */

import { readAll, writeAll } from "./sockets.ts";

/** Sends everything back once the client has finished. */
export async function echoAtEof(conn: Deno.Conn): Promise<void> {
  const bytes = await readAll(conn);
  await writeAll(conn, bytes);
  await conn.closeWrite();
}

/** What a server with {@linkcode echoAtEof} behind a proxy gets of these bytes, a character for each; empty when there is no way to it. */
export async function echoed(conn: Deno.Conn, ...pieces: (Uint8Array | string)[]): Promise<string> {
  try {
    for (const piece of pieces) {
      await writeAll(conn, typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
    }
    await conn.closeWrite();
    return latin1(await readAll(conn));
  } catch {
    return "";
  }
}

export function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
