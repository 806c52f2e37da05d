/** Waits for conditions without a promise: counters, and the reads of a proxy in this process. */

import { setTimeout as pause } from "node:timers/promises";
import { PATIENCE } from "./peers/line_reader.ts";
import { connect, echo, readText, upstream, writeText } from "./peers/sockets.ts";

/** The interval at which a value is read, in milliseconds. */
const LOOK = 2;

/** The value, as soon as it `fits`. Fails with the last one when that takes more than half a minute. */
export async function eventually<Value>(
  what: string,
  read: () => Value | Promise<Value>,
  fits: (value: Value) => boolean,
): Promise<Value> {
  for (const deadline = performance.now() + PATIENCE;;) {
    const value = await read();
    if (fits(value)) return value;
    if (performance.now() > deadline) throw new Error(`Waited for ${what}, but: ${JSON.stringify(value)}`);
    await pause(LOOK);
  }
}

/** Resolves after a round trip over a socket of this process: by then, others have read what had arrived at them. */
export async function roundTrip(): Promise<void> {
  await using server = upstream(echo);
  using conn = await connect(server.port);
  await writeText(conn, "turn");
  await readText(conn, 4);
}
