/** Lets the event loop handle connections during long work. */

/** How long work may go on before {@linkcode pause}, in milliseconds. */
export const TURN = 2;

/**
 * Resolves when Deno has polled its sockets. It takes a timer: while there is a `setImmediate`, Deno polls them after 61
 * turns only, and an echo of one byte took 500 ms during work in turns of 2 ms; with this, 25 ms.
 */
export function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}
