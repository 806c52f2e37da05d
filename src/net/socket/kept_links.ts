/**
 * Other names of socket files, which stay if a program is killed: hard links that a take-over makes to the socket files
 * of the program it replaces, see `keep_sockets.ts`, and names that new sockets have until they get their own, see
 * `unix_listener.ts`.
 */

import { dirname, join } from "node:path";
import { answerWithin } from "../../files/answer_within.ts";

const KEPT = /^\.s[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const FIRST = /^\.s[0-9a-f]{6}$/;

/** Distinguishes a file from all others. */
export type FileIdentity = Pick<Deno.FileInfo, "dev" | "ino">;

export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** A new name beside a file. */
export function keptLinkOf(path: string): string {
  return join(dirname(path), `.s${crypto.randomUUID()}`);
}

/** The name of a socket until it gets that of its path: short, as the kernel limits paths. */
export function firstNameOf(path: string): string {
  return join(dirname(path), `.s${crypto.randomUUID().slice(0, 6)}`);
}

/**
 * Whether a program listens on a socket file: the kernel refuses the connection if none does.
 *
 * @throws what else fails
 */
export async function isListening(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) return false;
    // A program is listening, but its backlog is full.
    if (cause instanceof Deno.errors.WouldBlock) return true;
    throw cause;
  }
}

/**
 * Removes from a folder the links to sockets that refuse connections; never rejects. A socket that refuses connections
 * never listens again, so its link is of no use. The link of a take-over in progress still has a listener, and stays.
 *
 * @param isLocked No other program is binding a socket in the folder. Between bind and listen, a new one refuses
 * connections too, so first names are left alone otherwise.
 */
export async function removeDeadLinks(folder: string, isLocked: boolean): Promise<void> {
  const isDead = async (link: string, { isSocket }: Deno.FileInfo) =>
    isSocket === true && !await isListening(link);
  await removeLinks(folder, isLocked ? [KEPT, FIRST] : [KEPT], isDead);
}

/**
 * Removes the links to a socket file that are beside it; never rejects.
 *
 * @param file Of a socket that may be closed already: another file can have its inode then, but was made later.
 */
export async function removeOwnLinks(
  path: string,
  file: FileIdentity & Pick<Deno.FileInfo, "mtime">,
): Promise<void> {
  const made = file.mtime?.getTime();
  await removeLinks(
    dirname(path),
    [KEPT],
    (_, info) => isSameFile(info, file) && info.mtime?.getTime() === made,
  );
}

/** Skips a file that cannot be examined or removed, because it is gone or belongs to another user. */
async function removeLinks(
  folder: string,
  patterns: readonly RegExp[],
  isDead: (link: string, info: Deno.FileInfo) => boolean | Promise<boolean>,
): Promise<void> {
  const names = await answerWithin(folder, () => namesIn(folder, patterns)).catch(() => []);
  for (const name of names) {
    const link = join(folder, name);
    try {
      const info = await answerWithin(link, () => Deno.lstat(link));
      if (await isDead(link, info)) await answerWithin(link, () => Deno.remove(link));
    } catch {
      // See above.
    }
  }
}

async function namesIn(folder: string, patterns: readonly RegExp[]): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (patterns.some((pattern) => pattern.test(name))) names.push(name);
  }
  return names;
}
