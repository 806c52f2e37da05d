/** A file of its own for the access log. */

import type { LogFormat } from "../../config/config.ts";
import type { AccessSink } from "./access_log.ts";
import { type Fields, jsonLine, textLine } from "./line_format.ts";
import { LogFile } from "./log_file.ts";
import type { Log } from "./log.ts";

export interface AccessFileOptions {
  readonly path: string;
  readonly format: LogFormat;
  /** The program's log: is told when the file cannot be written, and when it can again. */
  readonly log: Pick<Log, "info" | "error">;
}

/**
 * Lines without a level and a message, as all they say is in their fields: whatever `log.level` is, each is written.
 */
export class AccessFile implements AccessSink {
  readonly #file: LogFile;
  readonly #lineOf: (fields: Fields) => string;

  private constructor(file: LogFile, lineOf: (fields: Fields) => string) {
    this.#file = file;
    this.#lineOf = lineOf;
  }

  /** Opens the file, or creates it. @throws {LogFileError} */
  static async open({ path, format, log }: AccessFileOptions): Promise<AccessFile> {
    const write = format === "json" ? jsonLine : textLine;
    const lineOf = (fields: Fields) => write({ time: new Date().toISOString(), ...fields });
    const describeDrops = (dropped: number) => lineOf({ event: "lines_dropped", dropped });
    return new AccessFile(await LogFile.open({ path, describeDrops, log }), lineOf);
  }

  /** Lines dropped since the start, because the file took them too slowly or not at all. */
  get dropped(): number {
    return this.#file.dropped;
  }

  enabled(): boolean {
    return true;
  }

  info(_message: string, fields: Fields = {}): void {
    this.#file.push(this.#lineOf(fields));
  }

  warn(message: string, fields?: Fields): void {
    this.info(message, fields);
  }

  /** See {@linkcode LogFile.reopen}. @throws {LogFileError} the old file stays in use then. */
  reopen(): Promise<void> {
    return this.#file.reopen();
  }

  /** See {@linkcode LogFile.close}. */
  close(): Promise<void> {
    return this.#file.close();
  }
}
