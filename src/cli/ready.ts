/** Telling scripts that everything listens: one line of JSON on stdout, in a file, or both. */

import type { RunningProxy } from "../runtime/proxy.ts";
import type { RunFlags } from "./args.ts";

/** Something other than the configuration kept the program from running. */
export class RunError extends Error {
  override readonly name = "RunError";
}

/** Says what `flags` ask for, once all listeners are bound. Health comes later. */
export async function announceReady(proxy: RunningProxy, flags: RunFlags): Promise<void> {
  const { services, admin } = proxy;
  const line = JSON.stringify({ event: "ready", pid: Deno.pid, services, admin });
  if (flags.readyFile !== undefined) await writeAtomically(flags.readyFile, `${line}\n`);
  if (flags.printReady) console.log(line);
}

/** A ready file of an earlier run would be believed by whoever waits for this one. */
export async function removeStaleReadyFile(flags: RunFlags): Promise<void> {
  if (flags.readyFile === undefined) return;
  try {
    await Deno.remove(flags.readyFile);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cannotWrite(flags.readyFile, cause);
  }
}

function cannotWrite(path: string, cause: unknown): RunError {
  return new RunError(`Cannot write --ready-file "${path}": ${(cause as Error).message}`, { cause });
}

/** A reader sees the whole line or no file: a rename replaces in one step. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${Deno.pid}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, path);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => {});
    throw cannotWrite(path, cause);
  }
}
