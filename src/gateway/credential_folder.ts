/** The files of certificates and keys: sluice reads them as those of any configuration. */

import { messageOf } from "../observe/log/error_text.ts";
import type { Log } from "../observe/log/log.ts";
import { certificateFiles } from "./port_document.ts";
import type { KeyPair } from "./resources/secret.ts";

/** Only this user may read keys. */
const PRIVATE = 0o600;

/** A file cannot be written. The message has its path and the cause. */
export class FolderError extends Error {
  override readonly name = "FolderError";
}

export class CredentialFolder {
  readonly #directory: string;
  readonly #log: Log;
  readonly #files = new Set<string>();

  constructor({ directory, log }: { readonly directory: string; readonly log: Log }) {
    this.#directory = directory;
    this.#log = log;
  }

  /**
   * Writes the files of a pair, unless they are there.
   *
   * @throws {FolderError}
   */
  async write(pair: KeyPair): Promise<void> {
    const { cert, key } = certificateFiles(pair, this.#directory);
    for (const [path, text] of [[cert, pair.cert], [key, pair.key]] as const) {
      if (this.#files.has(path) && await isThere(path)) continue;
      // Noted before: what a full disk leaves of a file is removed with the others.
      this.#files.add(path);
      try {
        await Deno.writeTextFile(path, text, { mode: PRIVATE });
      } catch (cause) {
        await this.#remove(path);
        const why = messageOf(cause);
        throw new FolderError(`Cannot write "${path}": ${why}`, { cause });
      }
    }
  }

  /** Removes the files of all other pairs. One that cannot be removed is left, with a warning. */
  async keep(pairs: readonly KeyPair[]): Promise<void> {
    const used = new Set(pairs.flatMap((pair) => Object.values(certificateFiles(pair, this.#directory))));
    for (const path of this.#files) if (!used.has(path)) await this.#remove(path);
  }

  async #remove(path: string): Promise<void> {
    this.#files.delete(path);
    try {
      await Deno.remove(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#log.warn(`Cannot remove "${path}": ${messageOf(error)}`, {
        event: "gateway_file_left",
        path,
      });
    }
  }
}

/** A cleaner of temporary files may have taken it. */
async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
