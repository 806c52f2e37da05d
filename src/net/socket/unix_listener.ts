/**
 * Binds a unix socket with its final permissions from the start, and replaces another program's socket only
 * where that is asked for.
 */

import { dirname } from "node:path";
import { answerWithin } from "../../files/answer_within.ts";
import { isAbstract, systemPath, type UnixAddress } from "../address.ts";
import { ProxyError } from "../errors.ts";
import { DenoListener } from "./deno_socket.ts";
import { lockFolder } from "./folder_lock.ts";
import { firstNameOf, isListening, isSameFile, removeDeadLinks, removeOwnLinks } from "./kept_links.ts";
import { ListenError } from "./listen_error.ts";

/** The longest path of a socket, in bytes, without the NUL after it (unix(7)). */
const LONGEST_PATH = 107;

/**
 * @param mode Bits of the socket file; undefined leaves them to the umask.
 * @param replaces Replaces the socket of a program that still listens: new clients come here, and it drains.
 */
export async function bindUnix(
  address: UnixAddress,
  mode: number | undefined,
  replaces = false,
): Promise<DenoListener> {
  // The kernel removes an abstract name with its last socket, so a conflict always means a live program.
  if (isAbstract(address)) return new DenoListener(open(systemPath(address)));
  using lock = await lockFolder(address);
  await removeStaleSocket(address, replaces);
  // Not in a take-over: to try a link is to connect to the other program, which would count a client.
  if (!replaces) await removeDeadLinks(dirname(address.path), lock !== undefined);
  return bindBeside(address, mode, replaces) ?? new DenoListener(openWithMode(address.path, mode));
}

/** The listener of a file that was renamed after bind: Deno would remove the old name at close. */
class RenamedListener extends DenoListener {
  readonly #path: string;
  readonly #file: Deno.FileInfo;
  #isClosed = false;
  closing: Promise<void> | undefined;

  constructor(listener: Deno.Listener, address: UnixAddress) {
    super(listener, address, address);
    this.#path = address.path;
    this.#file = Deno.lstatSync(this.#path);
  }

  override close(): void {
    // While the socket is open, no other file has its inode.
    if (!this.#isClosed) this.#removeFiles();
    this.#isClosed = true;
    super.close();
  }

  #removeFiles(): void {
    try {
      // A program that has taken the path over has another socket there.
      const found = Deno.lstatSync(this.#path);
      if (isSameFile(found, this.#file)) {
        Deno.removeSync(this.#path);
        // It had no other link, so the folder need not be scanned.
        if (found.nlink === 1) return;
      }
    } catch {
      // It was removed already.
    }
    this.closing = removeOwnLinks(this.#path, this.#file);
  }
}

/**
 * Binds a file of another name beside `address`, and gives it the right one. Undefined where that cannot be done, as on
 * file systems without links, or may not be done.
 */
function bindBeside(
  address: UnixAddress,
  mode: number | undefined,
  replaces: boolean,
): DenoListener | undefined {
  const { path } = address;
  const temporary = firstNameOf(path);
  const lengths = [path, temporary].map((each) => new TextEncoder().encode(each).byteLength);
  if (Deno.build.os === "windows" || Math.max(...lengths) > LONGEST_PATH) return undefined;
  const listener = openBeside(address, temporary, mode, replaces);
  if (listener === undefined) return undefined;
  try {
    // A link fails where a file has appeared since the check, and a rename replaces it.
    if (replaces) Deno.renameSync(temporary, path);
    else Deno.linkSync(temporary, path);
    return new RenamedListener(listener, address);
  } catch {
    listener.close();
    return undefined;
  } finally {
    if (!replaces) tryRemove(temporary);
  }
}

/** Undefined where Deno grants this program the path alone, as in `--allow-net=unix:/run/db.sock`, and no name beside it. */
function openBeside(
  address: UnixAddress,
  temporary: string,
  mode: number | undefined,
  replaces: boolean,
): Deno.Listener | undefined {
  try {
    return openWithMode(temporary, mode);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    if (!replaces) return undefined;
    const detail = "not allowed by Deno (taking over a unix socket needs --allow-net without a list, " +
      "and --allow-write of its folder)";
    throw ListenError.at(address, new ProxyError("permission_denied", "proxy", { detail }));
  }
}

function tryRemove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Deno has removed it with its listener.
  }
}

function open(path: string): Deno.Listener {
  return Deno.listen({ transport: "unix", path }) as unknown as Deno.Listener;
}

/**
 * A socket accepts clients as soon as it exists, before a `chmod` could run. The umask belongs to the whole
 * process, so it is only made narrower, for the 30 µs of one call: a file that another thread creates
 * meanwhile gets fewer permissions, never more.
 */
function openWithMode(path: string, mode: number | undefined): Deno.Listener {
  if (mode === undefined) return open(path);
  const before = narrowUmask(mode);
  let listener: Deno.Listener;
  try {
    listener = open(path);
  } finally {
    if (before !== undefined) Deno.umask(before);
  }
  try {
    Deno.chmodSync(path, mode);
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
 * A socket file that refuses connections is left over from a program that died; other files must not be
 * removed.
 */
async function removeStaleSocket(address: UnixAddress, replaces: boolean): Promise<void> {
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
  if (replaces) return;
  if (!await isListening(path)) return await Deno.remove(path);
  throw ListenError.at(address, new ProxyError("address_in_use", "proxy"));
}
