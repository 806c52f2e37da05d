/** Keeps the unix sockets of another program until it is certain that this one replaces them. */

import { answerWithin } from "../../files/answer_within.ts";
import { isAbstract, type ListenAddress } from "../address.ts";
import { keptLinkOf } from "./kept_links.ts";

/**
 * Calls `takeOver`, which replaces the socket files of those `addresses` that have one. If it rejects, each path has
 * its earlier file again, so that clients reach the program which still listens there.
 *
 * A second hard link keeps a file meanwhile. A file system or a user that may not make links leaves the file unkept.
 * If this program is killed meanwhile, the link stays until the other program closes its socket, or until the next
 * program binds a socket in the folder.
 */
export async function keepSockets(
  addresses: readonly ListenAddress[],
  takeOver: () => Promise<void>,
): Promise<void> {
  const kept: { readonly path: string; readonly link: string }[] = [];
  try {
    for (const address of addresses) {
      if (address.transport !== "unix" || isAbstract(address)) continue;
      const { path } = address;
      const link = keptLinkOf(path);
      const isKept = await answerWithin(
        path,
        () => Deno.link(path, link),
        () => tryTo(() => Deno.removeSync(link)),
      )
        .then(() => true, () => false);
      if (isKept) kept.push({ path, link });
    }
    await takeOver();
  } catch (cause) {
    for (const { path, link } of kept) tryTo(() => Deno.renameSync(link, path));
    throw cause;
  } finally {
    // rename(2) does nothing if both names are links to the same file.
    for (const { link } of kept) tryTo(() => Deno.removeSync(link));
  }
}

function tryTo(change: () => void): void {
  try {
    change();
  } catch {
    // The file has gone, or the folder.
  }
}
