/** Detects changed files, however they are replaced, by polling. */

import { isDeepStrictEqual } from "node:util";
import { fileInfo, readFile } from "../../files/read_file.ts";
import { sleep } from "../../net/timers/sleep.ts";

/** Milliseconds between two polls, and the shorter pause while a file changes, which may be written in pieces. */
const LOOK_EVERY = 1000;
const WHILE_CHANGING = 100;
/** Polls take at most this share of the time. */
const LARGEST_SHARE = 0.02;
/** Milliseconds after the first change until the files are read at the latest: writes may never pause. */
const LONGEST_WAIT = 1000;
/**
 * Milliseconds after a change in which the files are read even if they look the same: a second write may be too close
 * to the first for the clock of the file system, which counts in steps of up to two seconds.
 */
const IN_DOUBT = 2500;

export interface WatchOptions {
  /** Called when the contents of a file have changed; never twice at a time. */
  readonly onChange: () => void | Promise<void>;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Milliseconds between two polls; a second unless given. */
  readonly every?: number;
}

/**
 * Watches files until `signal` aborts, and resolves once it knows their contents: read them after that, and no
 * change is missed.
 *
 * It polls their size, time and identity through symbolic links, and so notices a file that is written, replaced or
 * removed, a swapped symbolic link (Kubernetes secrets), and a folder that disappears and returns. `Deno.watchFs` would
 * report changes sooner, but opens every file that an event in the folder is about: with one pipe there, it hangs for
 * good and cannot be closed (Deno 2.9.6). It notices no changes on network mounts.
 *
 * @returns `ended` resolves after `signal` has aborted, and rejects when the last `onChange` has.
 */
export async function watchFiles(
  paths: readonly string[],
  options: WatchOptions,
): Promise<{ readonly ended: Promise<void> }> {
  const check = new ChangeCheck(paths, options);
  await check.begin();
  return { ended: check.run() };
}

/** A watch over files that a configuration names, which other configurations may replace. */
export class FileWatch {
  readonly #options: Omit<WatchOptions, "signal">;
  #watch:
    | { readonly paths: readonly string[]; readonly stop: AbortController; ended: Promise<void> }
    | undefined;

  /** @param options `onChange` is also called when a watch begins: files may have changed before. */
  constructor(options: Omit<WatchOptions, "signal">) {
    this.#options = options;
  }

  /** Watches these files from now on, and no others. */
  async over(paths: Iterable<string>): Promise<void> {
    const wanted = [...new Set(paths)].sort();
    if (isDeepStrictEqual(this.#watch?.paths ?? [], wanted)) return;
    await this.stop();
    if (wanted.length === 0) return;
    const stop = new AbortController();
    const watch = this.#watch = { paths: wanted, stop, ended: Promise.resolve() };
    const { ended } = await watchFiles(wanted, { ...this.#options, signal: stop.signal });
    watch.ended = ended;
    await this.#options.onChange();
  }

  async stop(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.stop.abort();
    await watch?.ended;
  }
}

/** Compares the files with what they were at the previous look, and their contents if they look different. */
class ChangeCheck {
  readonly #paths: readonly string[];
  readonly #options: WatchOptions;
  /** What the files looked like, and a digest of their contents. */
  #looks = "";
  #contents = "";
  /** When the first change came that was not handled yet, and until when looks are in doubt. */
  #since: number | undefined;
  #doubtUntil = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(paths: readonly string[], options: WatchOptions) {
    this.#paths = paths;
    this.#options = options;
  }

  async begin(): Promise<void> {
    this.#looks = await this.#each(looksOf);
    this.#contents = await this.#each(digestOf);
    this.#doubtUntil = performance.now() + IN_DOUBT;
  }

  async run(): Promise<void> {
    const { every = LOOK_EVERY, signal } = this.#options;
    let took = 0;
    while (!signal.aborted) {
      const pause = this.#since === undefined ? every : Math.min(every, WHILE_CHANGING);
      await sleep(Math.max(pause, took / LARGEST_SHARE), signal);
      if (signal.aborted) break;
      const began = performance.now();
      const hasSettled = await this.#look();
      took = performance.now() - began;
      if (hasSettled) await this.#compare();
    }
    await this.#last;
  }

  /** Whether to read the files. */
  async #look(): Promise<boolean> {
    const before = this.#looks;
    this.#looks = await this.#each(looksOf);
    const now = performance.now();
    if (this.#looks === before) return this.#since !== undefined || now < this.#doubtUntil;
    this.#since ??= now;
    this.#doubtUntil = now + IN_DOUBT;
    return now - this.#since >= LONGEST_WAIT;
  }

  async #compare(): Promise<void> {
    this.#since = undefined;
    const contents = await this.#each(digestOf);
    if (contents === this.#contents || this.#options.signal.aborted) return;
    this.#contents = contents;
    this.#last = (async () => await this.#options.onChange())();
    // run() reports the error if no later change follows.
    await this.#last.catch(() => {});
  }

  async #each(ask: (path: string) => Promise<string>): Promise<string> {
    return (await Promise.all(this.#paths.map(ask))).join(" ");
  }
}

/** What changes when a file is replaced or written; for a file that cannot be found, the name of the error. */
async function looksOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtime, ctime } = await fileInfo(path);
    return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join();
  } catch (error) {
    return (error as Error).name;
  }
}

/** A digest of a file's content; for an unreadable file, the name of the error. */
async function digestOf(path: string): Promise<string> {
  try {
    const digest = await crypto.subtle.digest("SHA-256", await readFile(path));
    return new Uint8Array(digest).toHex();
  } catch (error) {
    return (error as Error).name;
  }
}
