/**
 * Carries bytes unchanged between two connections, so that Deno can speak TLS on a connection on which it otherwise
 * cannot.
 */

import { abort } from "./abort.ts";
import { tryClose } from "../../support/peers/sockets.ts";

/** Resolves when both directions have ended. An end, a FIN or a break on one side is passed to the other. */
export async function shuttle(one: Deno.Conn, other: Deno.Conn): Promise<void> {
  await Promise.all([carry(one, other), carry(other, one)]);
  for (const conn of [one, other]) tryClose(conn);
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
