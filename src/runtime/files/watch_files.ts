/** Detects changed files, however they are replaced. */

import { basename, dirname } from "node:path";
import { fileInfo, readFile, realPath } from "../../files/read_file.ts";
import { sleep } from "../../net/timers/sleep.ts";

/** Milliseconds after the last event of a burst until the files are read. */
const SETTLED_AFTER = 100;
/** Milliseconds after the first event until the files are read at the latest: writes may never pause. */
const LONGEST_WAIT = 1000;
/** Milliseconds until a directory that is missing or cannot be watched is tried again. */
const RETRY_AFTER = 5000;

export interface WatchOptions {
  /** Called when the contents of a file have changed; never twice at a time. */
  readonly onChange: () => void | Promise<void>;
  /** A directory cannot be watched. Called once, until it can be watched again. */
  readonly onError: (directory: string, error: unknown) => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * Watches files until `signal` aborts, and resolves once it knows their contents: read them after that, and no
 * change is missed. It watches their directories: a rename over a file would end a watch of the file itself, and
 * where Kubernetes mounts a secret, only a symbolic link beside the file is swapped.
 *
 * @returns `ended` resolves after `signal` has aborted, and rejects when the last `onChange` has.
 */
export async function watchFiles(
  paths: readonly string[],
  options: WatchOptions,
): Promise<{ readonly ended: Promise<void> }> {
  const directories = [...new Set(paths.map((path) => dirname(path)))];
  const check = new ChangeCheck(paths, options);
  await check.begin();
  const watches = directories.map((directory) => watchDirectory(directory, check, options));
  return { ended: Promise.all(watches).then(() => check.settled()) };
}

async function watchDirectory(
  directory: string,
  check: ChangeCheck,
  { onError, signal }: WatchOptions,
): Promise<void> {
  let isReported = false;
  while (!signal.aborted) {
    try {
      using watcher = Deno.watchFs(directory, { recursive: false });
      const onAbort = () => watcher.close();
      signal.addEventListener("abort", onAbort, { once: true });
      isReported = false;
      // Files may have changed before the watch began.
      check.soon();
      for await (const event of watcher) {
        if (check.concerns(event)) check.soon();
        if (event.kind === "remove" && !await exists(directory)) break;
      }
      signal.removeEventListener("abort", onAbort);
    } catch (error) {
      if (signal.aborted) return;
      if (!isReported) onError(directory, error);
      isReported = true;
    }
    await sleep(RETRY_AFTER, signal);
  }
}

/** Compares the contents of the files with the previous ones after a burst of events. */
class ChangeCheck {
  readonly #paths: readonly string[];
  readonly #options: WatchOptions;
  #known = "";
  /** Names of the files, and of those that symbolic links lead to. */
  #names = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the first unhandled event came. */
  #since: number | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(paths: readonly string[], options: WatchOptions) {
    this.#paths = paths;
    this.#options = options;
    options.signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  async begin(): Promise<void> {
    this.#known = await this.#fingerprint();
  }

  /**
   * Whether an event may concern the files. Writes to other files, such as a log in the same folder, do not.
   */
  concerns({ kind, paths }: Deno.FsEvent): boolean {
    if (kind === "access") return false;
    // Anything created, removed or renamed may be a symbolic link on the path to them.
    return kind !== "modify" || paths.some((path) => this.#names.has(basename(path)));
  }

  /** Each call restarts the delay, so that a file is not read while it is being written, up to a limit. */
  soon(): void {
    if (this.#options.signal.aborted) return;
    const now = performance.now();
    this.#since ??= now;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#since = undefined;
      const compare = () => this.#compare();
      this.#running = this.#running.then(compare, compare);
      // settled() rejects with it too.
      this.#running.catch(() => {});
    }, Math.min(SETTLED_AFTER, Math.max(this.#since + LONGEST_WAIT - now, 0)));
  }

  settled(): Promise<void> {
    return this.#running;
  }

  async #compare(): Promise<void> {
    const now = await this.#fingerprint();
    if (now === this.#known || this.#options.signal.aborted) return;
    this.#known = now;
    await this.#options.onChange();
  }

  async #fingerprint(): Promise<string> {
    const real = await Promise.all(this.#paths.map((path) => realPath(path).catch(() => path)));
    this.#names = new Set([...this.#paths, ...real].map((path) => basename(path)));
    return (await Promise.all(this.#paths.map(digestOf))).join(" ");
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

async function exists(path: string): Promise<boolean> {
  return await fileInfo(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));
}
