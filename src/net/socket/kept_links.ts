/**
 * Second names of the socket files of a program that another one takes over from, see `keep_sockets.ts`. One that is
 * killed meanwhile leaves them behind.
 */

import { dirname, join } from "node:path";
import { answerWithin } from "../../files/answer_within.ts";

const NAME = /^\.s[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What tells a file from all others. */
export type FileIdentity = Pick<Deno.FileInfo, "dev" | "ino">;

export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** A new name beside a file. */
export function keptLinkOf(path: string): string {
  return join(dirname(path), `.s${crypto.randomUUID()}`);
}

/** Whether a program listens on a socket file: the kernel refuses the connection if none does. @throws what else fails */
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
 * Removes from a folder the links to sockets on which nothing listens any more. Each was made to a socket that listened,
 * and a socket that was closed never listens again; so that of a take-over in progress stays.
 */
export async function removeDeadLinks(folder: string): Promise<void> {
  const names = await answerWithin(folder, () => keptNamesIn(folder)).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    try {
      const { isSocket } = await answerWithin(path, () => Deno.lstat(path));
      if (isSocket === true && !await isListening(path)) await Deno.remove(path);
    } catch {
      // It has gone, or belongs to someone else.
    }
  }
}

/** Removes the links to a socket file that are beside it. @param file Of a socket that is open: no other file is the same. */
export function removeOwnLinks(path: string, file: FileIdentity): void {
  const folder = dirname(path);
  try {
    for (const { name } of Deno.readDirSync(folder)) {
      const link = join(folder, name);
      if (NAME.test(name) && isSameFile(Deno.lstatSync(link), file)) Deno.removeSync(link);
    }
  } catch {
    // The folder cannot be read, or the program that made the link removes it.
  }
}

async function keptNamesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (NAME.test(name)) names.push(name);
  return names;
}
