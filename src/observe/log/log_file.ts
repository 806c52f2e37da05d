/** The file of the access log: appended to through a bounded queue, and opened anew when it was rotated away. */

import { type AppendFile, openForAppend } from "../../files/append_file.ts";
import { writeFault } from "../../files/file_fault.ts";
import { LineQueue } from "./line_queue.ts";
import type { Log } from "./log.ts";

/** Readable for the group too, as logs are (logrotate's default); the umask may take more away. */
const MODE = 0o640;

/** The file cannot be opened. The message names it, why, and what to do. */
export class LogFileError extends Error {
  /** The name of the class. */
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
  #file: AppendFile;
  #isClosed = false;
  #reopening: Promise<void> = Promise.resolve();

  private constructor(file: AppendFile, { path, describeDrops, log }: LogFileOptions) {
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
          detail: writeFault(error, path).fault,
        }),
      onWorking: (dropped) =>
        log.info("Writing the access log again", { event: "access_log_recovered", path, dropped }),
    });
  }

  /** Opens the file, or creates it. @throws {LogFileError} */
  static async open(options: LogFileOptions): Promise<LogFile> {
    return new LogFile(await open(options.path), options);
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
    const next = await open(this.#path);
    // A pipe is never rotated, and its waiting lines would only wait again.
    if (next.isSame(this.#file)) return next.close();
    const onTakeOver = () => {
      this.#file.close();
      this.#file = next;
    };
    const write = (bytes: Uint8Array) => next.write(bytes);
    // The queue may be closed by now, after the old file never accepted its lines.
    if (this.#isClosed || !await this.#queue.replaceWriter(write, onTakeOver)) next.close();
  }
}

async function open(path: string): Promise<AppendFile> {
  try {
    return await openForAppend(path, MODE);
  } catch (cause) {
    const { fault, remedy = "make it writable" } = writeFault(cause, path);
    const why = `Cannot open the access log ${JSON.stringify(path)}: ${fault}; ${remedy}`;
    throw new LogFileError(`${why}, or change log.access.path`, { cause });
  }
}
