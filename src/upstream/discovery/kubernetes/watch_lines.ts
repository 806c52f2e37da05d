/** Reads the answer to a watch: JSON objects, one a line, for as long as the server keeps it open. */

import { pause, TURN } from "../../../net/timers/pause.ts";

/** The longest line, in characters: the API server stores no object of more than 1.5 MiB. */
const LONGEST_LINE = 8 * 1024 * 1024;

/** The server sent nothing for so long that the connection may be dead. */
export class SilentWatchError extends Error {
  override readonly name = "SilentWatchError";
}

/**
 * Calls `onLines` with the objects of each piece of the answer, until its end. What follows the last line feed was
 * cut off, and is left out.
 *
 * @param silence How long the server may send nothing, in milliseconds.
 * @throws {SilentWatchError} when it sends nothing for longer
 * @throws {SyntaxError} when a line is too long or no JSON
 * @throws what the connection fails with
 */
export async function readWatch(
  body: ReadableStream<Uint8Array>,
  silence: number,
  onLines: (lines: readonly unknown[]) => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let worked = 0;
  try {
    for (;;) {
      const { done, value } = await readInTime(reader, silence);
      if (done) return;
      const since = performance.now();
      const lines = `${rest}${decoder.decode(value, { stream: true })}`.split("\n");
      rest = lines.pop()!;
      if (rest.length > LONGEST_LINE) throw new SyntaxError("The API server sent a line of more than 8 MiB");
      const full = lines.filter((line) => line.trim() !== "");
      if (full.length > 0) onLines(full.map((line) => JSON.parse(line)));
      worked += performance.now() - since;
      if (worked < TURN) continue;
      // Thousands of objects may change at once, and their pieces may all be here.
      await pause();
      worked = 0;
    }
  } finally {
    // Otherwise, the connection stays open. It has failed already if this does.
    await reader.cancel().catch(() => {});
  }
}

async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  silence: number,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const silent = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => silent.reject(new SilentWatchError(`The API server sent nothing for ${silence / 1000} s`)),
    silence,
  );
  try {
    return await Promise.race([reader.read(), silent.promise]);
  } finally {
    clearTimeout(timer);
  }
}
