/** The file of the access log: appended to through a bounded queue, and reopened after a rotation. */

import type { LogFormat } from "../../config/config.ts";
import { type AppendFile, openForAppend } from "../../files/append_file.ts";
import { writeFault } from "../../files/file_fault.ts";
import type { AccessSink } from "./access_log.ts";
import { type Fields, jsonLine, type Log, textLine } from "./log.ts";
import { LineQueue } from "./line_queue.ts";

/** Readable for the group, as logrotate creates logs by default; the umask may take permissions away. */
const MODE = 0o640;

/**
 * The file cannot be opened. The message has its path, the reason and the remedy.
 *
 * @example A folder is no file
 * ```ts
 * import assert from "node:assert/strict";
 * import { LogFileError, startProxy } from "@sluice/sluice";
 *
 * const path = await Deno.makeTempDir();
 * const start = () =>
 *   startProxy({
 *     log: { access: { path } },
 *     services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }],
 *   });
 * await assert.rejects(start, LogFileError);
 * await Deno.remove(path);
 * ```
 */
export class LogFileError extends Error {
  /** The name of the class. */
  override readonly name = "LogFileError";
}

export interface AccessFileOptions {
  readonly path: string;
  readonly format: LogFormat;
  /** The program's log, which reports when the file cannot be written, and when it can again. */
  readonly log: Pick<Log, "info" | "error">;
}

/** Lines have no level and no message, so `log.level` does not apply: their fields say everything. */
export class AccessFile implements AccessSink {
  readonly #path: string;
  readonly #log: AccessFileOptions["log"];
  readonly #lineOf: (fields: Fields) => string;
  readonly #queue: LineQueue;
  #file: AppendFile;
  #isClosed = false;
  #reopening: Promise<void> = Promise.resolve();

  private constructor(file: AppendFile, { path, format, log }: AccessFileOptions) {
    const write = format === "json" ? jsonLine : textLine;
    this.#path = path;
    this.#log = log;
    this.#lineOf = (fields) => write({ time: new Date().toISOString(), ...fields });
    this.#file = file;
    this.#queue = new LineQueue({
      write: (bytes) => file.write(bytes),
      describeDrops: (dropped) => this.#lineOf({ event: "lines_dropped", dropped }),
      onFailing: (error) =>
        log.error("Cannot write the access log, retrying every second", {
          event: "access_log_failed",
          path,
          detail: writeFault(error, path).fault,
        }),
      onWorking: (dropped) =>
        log.info("Writing the access log again", { event: "access_log_recovered", path, dropped }),
    });
  }

  /** Opens the file, or creates it. @throws {LogFileError} */
  static async open(options: AccessFileOptions): Promise<AccessFile> {
    return new AccessFile(await open(options.path), options);
  }

  /** Lines dropped since the start, because the file was too slow or could not be written. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  enabled(): boolean {
    return true;
  }

  info(_message: string, fields: Fields = {}): void {
    this.#queue.push(this.#lineOf(fields));
  }

  warn(message: string, fields?: Fields): void {
    this.info(message, fields);
  }

  /**
   * Opens the file that has the path now, as after a rotation. Earlier lines go to the old file, unless it cannot be
   * written. Resolves when the old file is closed.
   *
   * @throws {LogFileError} The old file stays in use then.
   */
  reopen(): Promise<void> {
    const reopened = this.#reopening.then(() => this.#reopen());
    // Only the caller gets the error, not the next attempt.
    this.#reopening = reopened.catch(() => {});
    return reopened;
  }

  /** Writes queued lines for at most a second, and closes the file. Nothing may be logged afterwards. */
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
    // A pipe is never rotated, and replacing it would not make its reader faster.
    if (next.isSame(this.#file)) return next.close();
    const onTakeOver = () => {
      this.#file.close();
      this.#file = next;
    };
    const write = (bytes: Uint8Array) => next.write(bytes);
    // The queue may have been closed while the old file accepted no lines.
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
