/** Carries bytes between two connections as they are: for TLS of Deno behind what Deno has no TLS over. */

import { abort } from "./abort.ts";

/** Resolves when both ways have ended. What ends, finishes, or breaks on one side does so on the other. */
export async function shuttle(one: Deno.Conn, other: Deno.Conn): Promise<void> {
  await Promise.all([carry(one, other), carry(other, one)]);
  for (const conn of [one, other]) close(conn);
}

async function carry(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
    await to.closeWrite();
  } catch {
    abort(to);
    abort(from);
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
