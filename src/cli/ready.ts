/** Tells scripts that everything listens: one line of JSON on stdout, in a file, or both. */

import { answerWithin, UnusableFileError } from "../files/answer_within.ts";
import { writeFault } from "../files/file_fault.ts";
import { kindOf } from "../files/read_file.ts";
import type { RunningProxy } from "../runtime/proxy.ts";
import type { RunFlags } from "./args.ts";

/** The program cannot run, for a reason other than its configuration. */
export class RunError extends Error {
  override readonly name = "RunError";
}

/** Writes the line where `flags` ask for it, once all listeners are bound. Health checks come later. */
export async function announceReady(proxy: RunningProxy, flags: RunFlags): Promise<void> {
  const { services, admin } = proxy;
  const line = JSON.stringify({ event: "ready", pid: Deno.pid, services, admin });
  if (flags.readyFile !== undefined) await writeAtomically(flags.readyFile, `${line}\n`);
  if (flags.printReady) console.log(line);
}

/** A script that waits for this run must not find the file of an earlier one. */
export async function removeStaleReadyFile(flags: RunFlags): Promise<void> {
  const path = flags.readyFile;
  if (path === undefined) return;
  try {
    const info = await answerWithin(path, () => Deno.lstat(path));
    // The file is replaced, which must not happen to a pipe or /dev/stdout.
    if (!info.isFile && !info.isSymlink) {
      throw new UnusableFileError(`it is ${kindOf(info)}, not a regular file`);
    }
    await answerWithin(path, () => Deno.remove(path));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cannotWrite(path, cause);
  }
}

function cannotWrite(path: string, cause: unknown): RunError {
  const { fault, remedy } = writeFault(cause, path);
  const help = remedy === undefined ? "" : `; ${remedy}`;
  return new RunError(`Cannot write --ready-file ${JSON.stringify(path)}: ${fault}${help}`, { cause });
}

/** By a rename, so that readers see the whole line or no file. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${Deno.pid}.tmp`;
  try {
    await answerWithin(temporary, () => Deno.writeTextFile(temporary, text));
    await answerWithin(path, () => Deno.rename(temporary, path));
  } catch (cause) {
    await answerWithin(temporary, () => Deno.remove(temporary)).catch(() => {});
    throw cannotWrite(path, cause);
  }
}
