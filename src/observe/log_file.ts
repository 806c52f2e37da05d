/** The file of the access log: appended to through a bounded queue, and opened anew when it was rotated away. */

import { LineQueue } from "./line_queue.ts";
import type { Log } from "./log.ts";

/** Readable for the group too, as logs are (logrotate's default); the umask may take more away. */
const MODE = 0o640;

/** The file cannot be opened. The message names it, why, and what to do. */
export class LogFileError extends Error {
  override readonly name = "LogFileError";
}

export interface LogFileOptions {
  readonly path: string;
  /** Makes the line that stands where lines were dropped. */
  readonly describeDrops: (dropped: number) => string;
  /** Is told when the file cannot be written, and when it can again. */
  readonly log: Pick<Log, "info" | "error">;
}

export class LogFile {
  readonly #path: string;
  readonly #log: LogFileOptions["log"];
  readonly #queue: LineQueue;
  #file: Deno.FsFile;
  #isClosed = false;
  #reopening: Promise<void> = Promise.resolve();

  private constructor(file: Deno.FsFile, { path, describeDrops, log }: LogFileOptions) {
    this.#path = path;
    this.#log = log;
    this.#file = file;
    this.#queue = new LineQueue({
      write: (bytes) => file.write(bytes),
      describeDrops,
      onFailing: (error) =>
        log.error("Cannot write the access log, trying again once a second", {
          event: "access_log_failed",
          path,
          detail: error instanceof Error ? error.message : String(error),
        }),
      onWorking: (dropped) =>
        log.info("Writing the access log again", { event: "access_log_recovered", path, dropped }),
    });
  }

  /** Opens the file, or creates it. @throws {LogFileError} */
  static async open(options: LogFileOptions): Promise<LogFile> {
    return new LogFile(await openForAppend(options.path), options);
  }

  /** Lines dropped since the start, because the file took them too slowly or not at all. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  push(line: string): void {
    this.#queue.push(line);
  }

  /**
   * Opens whatever has the path now, as after a rotation. Lines pushed before go to the old file, unless that one
   * cannot be written. Resolves when the old file is closed.
   *
   * @throws {LogFileError} the old file stays in use then.
   */
  reopen(): Promise<void> {
    const reopened = this.#reopening.then(() => this.#reopen());
    // One that failed is its caller's affair; the next one has its own try.
    this.#reopening = reopened.catch(() => {});
    return reopened;
  }

  /** Writes what waits, for at most a second, and closes the file. Nothing may be pushed afterwards. */
  async close(): Promise<void> {
    const lost = await this.#queue.close();
    this.#isClosed = true;
    this.#file.close();
    if (lost === 0) return;
    this.#log.error("Lines of the access log could not be written", {
      event: "access_log_incomplete",
      path: this.#path,
      lost,
    });
  }

  async #reopen(): Promise<void> {
    const next = await openForAppend(this.#path);
    if (!this.#isClosed) await this.#queue.replaceWriter((bytes) => next.write(bytes));
    // It may have been closed meanwhile, after waiting in vain for the old file to take its lines.
    if (this.#isClosed) return next.close();
    this.#file.close();
    this.#file = next;
  }
}

async function openForAppend(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { append: true, create: true, mode: MODE });
  } catch (cause) {
    const why = `Cannot open the access log ${JSON.stringify(path)}: ${explain(cause, path)}`;
    throw new LogFileError(`${why}, or change log.access.path`, { cause });
  }
}

function explain(cause: unknown, path: string): string {
  if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) {
    return "its folder does not exist; create the folder";
  }
  if (cause instanceof Deno.errors.IsADirectory) return "it is a folder; name a file in it";
  if (cause instanceof Deno.errors.PermissionDenied) {
    return "permission denied; let the user that runs sluice write it";
  }
  if (cause instanceof Deno.errors.NotCapable) {
    // Whatever else is allowed: https://docs.deno.com/runtime/fundamentals/security/
    return /^(\/dev|\/proc|\/sys)\//.test(path)
      ? "Deno opens no such files without --allow-all; name one elsewhere"
      : `not allowed; run with --allow-write=${path}`;
  }
  return `${cause instanceof Error ? cause.message : String(cause)}; make it writable`;
}
