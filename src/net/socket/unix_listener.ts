/**
 * Binds a unix socket with its final permissions from the start, and never replaces another program's socket.
 */

import { dirname } from "node:path";
import { answerWithin } from "../../files/answer_within.ts";
import { isAbstract, systemPath, type UnixAddress } from "../address.ts";
import { ProxyError } from "../errors.ts";
import { ListenError } from "./listen_error.ts";
import { sleep } from "../timers/sleep.ts";

/** How often and for how long to retry while another program holds the lock, in milliseconds. */
const LOCK_EVERY = 10;
const LOCK_WITHIN = 5000;

/** @param mode Bits of the socket file; undefined leaves them to the umask. */
export async function bindUnix(address: UnixAddress, mode: number | undefined): Promise<Deno.Listener> {
  // The kernel removes an abstract name with its last socket, so a conflict always means a live program.
  if (isAbstract(address)) return open(address);
  using _lock = await lockFolder(address);
  await removeStaleSocket(address);
  return mode === undefined ? open(address) : openWithMode(address, mode);
}

function open(address: UnixAddress): Deno.Listener {
  return Deno.listen({ transport: "unix", path: systemPath(address) }) as unknown as Deno.Listener;
}

/**
 * A socket accepts clients as soon as it exists, before a `chmod` could run. The umask belongs to the whole
 * process, so it is only made narrower, for the 30 µs of one call: a file that another thread creates
 * meanwhile gets fewer permissions, never more.
 */
function openWithMode(address: UnixAddress, mode: number): Deno.Listener {
  const before = narrowUmask(mode);
  let listener: Deno.Listener;
  try {
    listener = open(address);
  } finally {
    if (before !== undefined) Deno.umask(before);
  }
  try {
    Deno.chmodSync(address.path, mode);
  } catch (cause) {
    listener.close();
    throw cause;
  }
  return listener;
}

/** The previous umask; undefined if a program that uses sluice as a library does not permit changing it. */
function narrowUmask(mode: number): number | undefined {
  if (Deno.permissions.querySync({ name: "sys", kind: "umask" }).state !== "granted") return undefined;
  const before = Deno.umask();
  Deno.umask(before | (~mode & 0o777));
  return before;
}

/**
 * Only one program at a time checks for a stale socket, removes it and binds its own. Without the lock,
 * another program could bind its socket between check and removal. The lock is on the folder, so it leaves no
 * file behind.
 */
async function lockFolder(address: UnixAddress): Promise<Disposable> {
  const folder = dirname(address.path);
  // A user without read permission may still bind in it; if it is missing, the bind fails with a clear error.
  const file = await answerWithin(folder, () => Deno.open(folder), (late) => late.close()).catch(() =>
    undefined
  );
  if (file === undefined) return { [Symbol.dispose]: () => {} };
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
    return { [Symbol.dispose]: () => {} };
  }
  return file;
}

function lockedOut(address: UnixAddress, folder: string): ListenError {
  const detail = `another program keeps the folder "${folder}" locked`;
  return ListenError.at(address, new ProxyError("io_error", "proxy", { detail }));
}

/**
 * A socket file that refuses connections is left over from a program that died; other files must not be
 * removed.
 */
async function removeStaleSocket(address: UnixAddress): Promise<void> {
  const { path } = address;
  const info = await answerWithin(path, () => Deno.lstat(path)).catch((cause) => {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  });
  if (info === undefined) return;
  if (info.isSocket !== true) {
    const detail = "the path exists and is not a socket (remove it or choose another path)";
    throw ListenError.at(address, new ProxyError("address_not_available", "proxy", { detail }));
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) return await Deno.remove(path);
    // A program is listening, but its backlog is full.
    if (!(cause instanceof Deno.errors.WouldBlock)) throw cause;
  }
  throw ListenError.at(address, new ProxyError("address_in_use", "proxy"));
}
