/** Announces to scripts that all listeners are bound: one line of JSON on stdout, in a file, or both. */

import { answerWithin, UnusableFileError } from "../files/answer_within.ts";
import { writeFault } from "../files/file_fault.ts";
import { kindOf } from "../files/read_file.ts";
import type { Proxy } from "../runtime/proxy.ts";
import type { RunFlags } from "./args.ts";
import { write } from "./output.ts";
import { RunError } from "./run_error.ts";

/**
 * Writes the line where `flags` say, once all listeners are bound. Health checks begin later.
 *
 * @throws {RunError} when the file cannot be written, or nothing reads standard output
 * @throws {OutputError} when standard output takes no more text
 */
export async function announceReady(proxy: Proxy, flags: RunFlags): Promise<void> {
  const { services, admin, toxiproxy } = proxy;
  const line = JSON.stringify({ event: "ready", pid: Deno.pid, services, admin, toxiproxy });
  if (flags.readyFile !== undefined) await writeAtomically(flags.readyFile, `${line}\n`);
  if (flags.printReady && !write(`${line}\n`)) {
    throw new RunError("Cannot print the ready line: nothing reads standard output");
  }
}

/**
 * A script that waits for this run must not find the file of an earlier one. With `--take-over`, the file is that of a
 * sluice that goes on if the take-over fails: it stays until {@linkcode announceReady} replaces it, and it is only
 * checked that a file can be written there, while the other sluice still accepts clients.
 *
 * @throws {RunError}
 */
export async function prepareReadyFile({ readyFile: path, takeOver }: RunFlags): Promise<void> {
  if (path === undefined) return;
  try {
    await refuseSpecialFile(path);
    if (takeOver) await tryWriting(temporaryOf(path));
    else await answerWithin(path, () => Deno.remove(path));
  } catch (cause) {
    if (takeOver || !(cause instanceof Deno.errors.NotFound)) throw cannotWrite(path, cause);
  }
}

/** The file is replaced, and a pipe or /dev/stdout must not be. */
async function refuseSpecialFile(path: string): Promise<void> {
  const info = await answerWithin(path, () => Deno.lstat(path)).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  });
  if (info === undefined || info.isFile || info.isSymlink) return;
  throw new UnusableFileError(`it is ${kindOf(info)}, not a regular file`);
}

async function tryWriting(path: string): Promise<void> {
  await answerWithin(path, () => Deno.writeTextFile(path, ""));
  await answerWithin(path, () => Deno.remove(path));
}

function cannotWrite(path: string, cause: unknown): RunError {
  const { fault, remedy } = writeFault(cause, path);
  const help = remedy === undefined ? "" : `; ${remedy}`;
  return new RunError(`Cannot write --ready-file ${JSON.stringify(path)}: ${fault}${help}`, { cause });
}

/** A rename, so that readers see the whole line or no file. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await answerWithin(temporary, () => Deno.writeTextFile(temporary, text));
    await answerWithin(path, () => Deno.rename(temporary, path));
  } catch (cause) {
    await answerWithin(temporary, () => Deno.remove(temporary)).catch(() => {});
    throw cannotWrite(path, cause);
  }
}

function temporaryOf(path: string): string {
  return `${path}.${Deno.pid}.tmp`;
}
