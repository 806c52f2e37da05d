/**
 * What commands print. Not with the console: OTEL_DENO_CONSOLE=replace takes its lines, and where a disk is full it
 * throws.
 */

import { writeFault } from "../files/file_fault.ts";

/** Standard output takes no more text, for another reason than that its reader has gone. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/** The pause before the next try where standard output does not block and is full, in milliseconds. */
const RETRY_AFTER = 10;

const encoder = new TextEncoder();

/**
 * Prints lines on standard output. If its reader has gone, as with `| head -1`, the command continues, as it may have
 * more to do than print.
 *
 * @throws {OutputError}
 */
export function print(lines: string): void {
  write(`${lines}\n`);
}

/**
 * Writes to standard output; returns whether something reads it.
 *
 * @throws {OutputError}
 */
export function write(text: string): boolean {
  try {
    writeAll(Deno.stdout, text);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.BrokenPipe) return false;
    throw new OutputError(`Cannot write to standard output: ${writeFault(cause, "/dev/stdout").fault}`, {
      cause,
    });
  }
}

/** Prints why a command has failed on standard error: if that fails too, only the exit code says so. */
export function complain(lines: string): void {
  try {
    writeAll(Deno.stderr, `${lines}\n`);
  } catch {
    // There is nowhere left to report it.
  }
}

function writeAll(output: Pick<typeof Deno.stdout, "writeSync">, text: string): void {
  const bytes = encoder.encode(text);
  for (let written = 0; written < bytes.length;) {
    try {
      written += output.writeSync(bytes.subarray(written));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_AFTER);
    }
  }
}
