/** Waiting for what cannot be awaited: counters and the like. */

import { setTimeout as pause } from "node:timers/promises";
import { PATIENCE } from "./line_reader.ts";

/** How often a value is looked at, in milliseconds. */
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
