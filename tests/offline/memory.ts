/** What an earlier start of the launcher found out. The file is in Deno's cache, and is deleted with it. */

import { homedir } from "node:os";
import { resolve } from "node:path";

/** After JSR could not be reached, the time until the launcher tries it again, in milliseconds. */
const UNREACHABLE_FOR = 3_600_000;

interface Kept {
  readonly cached?: boolean;
  /** A time, in milliseconds since 1970. */
  readonly unreachableAt?: number;
}

export class Memory {
  readonly #file: string;
  readonly #kept: Kept;

  private constructor(file: string, kept: Kept) {
    this.#file = file;
    this.#kept = kept;
  }

  /** @param question Everything that the answers depend on. */
  static async about(question: unknown): Promise<Memory> {
    const text = new TextEncoder().encode(JSON.stringify(question));
    const digest = await crypto.subtle.digest("SHA-256", text);
    const name = `sluice-launcher-${new Uint8Array(digest).toHex().slice(0, 16)}.json`;
    const file = resolve(cacheDirectory(), name);
    try {
      return new Memory(file, JSON.parse(await Deno.readTextFile(file)));
    } catch {
      return new Memory(file, {});
    }
  }

  /** All packages are in the cache. */
  get isCached(): boolean {
    return this.#kept.cached === true;
  }

  /** JSR could not be reached within the last hour. */
  get isUnreachable(): boolean {
    const age = Date.now() - (this.#kept.unreachableAt ?? -Infinity);
    return age >= 0 && age < UNREACHABLE_FOR;
  }

  /** If the file cannot be written, the next start asks JSR again. */
  async keep(kept: Kept): Promise<void> {
    await Deno.writeTextFile(this.#file, JSON.stringify(kept)).catch(() => {});
  }
}

/** Where Deno keeps what it has downloaded. */
function cacheDirectory(): string {
  const { DENO_DIR, XDG_CACHE_HOME, LOCALAPPDATA } = Deno.env.toObject();
  if (DENO_DIR) return DENO_DIR;
  if (Deno.build.os === "windows") return resolve(LOCALAPPDATA ?? homedir(), "deno");
  if (Deno.build.os === "darwin") return resolve(homedir(), "Library", "Caches", "deno");
  return resolve(XDG_CACHE_HOME || resolve(homedir(), ".cache"), "deno");
}
