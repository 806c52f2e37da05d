/**
 * The lock of programs that bind unix sockets in a folder. Only one at a time checks for a stale socket, removes it and
 * binds its own: without the lock, another program could bind its socket between check and removal.
 */

import { dirname } from "node:path";
import { answerWithin } from "../../files/answer_within.ts";
import { readFault } from "../../files/file_fault.ts";
import { withRemedy } from "../../files/permission_fault.ts";
import type { UnixAddress } from "../address.ts";
import { ProxyError } from "../errors.ts";
import { sleep } from "../timers/sleep.ts";
import { ListenError } from "./listen_error.ts";

/** How often and for how long to retry while another program holds the lock, in milliseconds. */
const LOCK_EVERY = 10;
const LOCK_WITHIN = 5000;

/**
 * Locks the folder of a socket; the lock leaves no file behind. Undefined where there can be none, as on Windows and on
 * some network file systems.
 *
 * @throws {ListenError} when the folder cannot be read, or another program keeps it locked
 */
export async function lockFolder(address: UnixAddress): Promise<Disposable | undefined> {
  const folder = dirname(address.path);
  const file = await openFolder(folder).catch((cause) => {
    const detail = lockFault(folder, cause);
    if (detail === undefined) return undefined;
    throw ListenError.at(address, new ProxyError("permission_denied", "proxy", { detail }));
  });
  if (file === undefined) return undefined;
  try {
    const { signal } = new AbortController();
    for (let waited = 0; !await file.tryLock(true); waited += LOCK_EVERY) {
      if (waited >= LOCK_WITHIN) throw lockedOut(address, folder);
      await sleep(LOCK_EVERY, signal);
    }
  } catch (cause) {
    file.close();
    if (cause instanceof ListenError) throw cause;
    // Some network file systems have no locks.
    return undefined;
  }
  return file;
}

/** That a folder cannot be locked, why, and the remedy; undefined if it can, or if binding in it fails with a clear error. */
export async function folderFault(folder: string): Promise<string | undefined> {
  try {
    (await openFolder(folder)).close();
    return undefined;
  } catch (cause) {
    return lockFault(folder, cause);
  }
}

function openFolder(folder: string): Promise<Deno.FsFile> {
  return answerWithin(folder, () => Deno.open(folder), (late) => late.close());
}

/**
 * A user may have the right to bind in a folder and not to read it. That would work until a program is killed: its
 * socket could then not be replaced safely, nor what it has left beside it be found.
 */
function lockFault(folder: string, cause: unknown): string | undefined {
  const isDenied = cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable;
  // Windows opens no folders, whatever the permissions are.
  if (!isDenied || Deno.build.os === "windows") return undefined;
  return `its folder "${folder}" cannot be locked: ${withRemedy(readFault(cause))}`;
}

function lockedOut(address: UnixAddress, folder: string): ListenError {
  const detail = `another program keeps the folder "${folder}" locked`;
  return ListenError.at(address, new ProxyError("io_error", "proxy", { detail }));
}
