/** The file of the access log, which a reload may change. */

import type { AccessLogConfig } from "../../config/config.ts";
import { AccessFile } from "../../observe/log/access_file.ts";
import type { AccessSink } from "../../observe/log/access_log.ts";
import type { Fields, Log } from "../../observe/log/log.ts";

export class AccessOutput implements AccessSink {
  readonly #log: Log;
  #file: AccessFile | undefined;
  /** Lines that earlier files have dropped. */
  #droppedBefore = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#droppedBefore + (this.#file?.dropped ?? 0);
  }

  enabled(): boolean {
    return true;
  }

  /** Connections that were opened while there was a file may end after a reload without one. */
  info(message: string, fields?: Fields): void {
    (this.#file ?? this.#log).info(message, fields);
  }

  warn(message: string, fields?: Fields): void {
    (this.#file ?? this.#log).warn(message, fields);
  }

  /**
   * Opens the file of a configuration, for {@linkcode use}; undefined where it has none.
   *
   * @throws {LogFileError} when it cannot be opened.
   */
  async open({ path, format }: Pick<AccessLogConfig, "path" | "format">): Promise<AccessFile | undefined> {
    return path === undefined ? undefined : await AccessFile.open({ path, format, log: this.#log });
  }

  /** Writes to `file` from now on. Resolves when the previous file is written and closed. */
  async use(file: AccessFile | undefined): Promise<void> {
    const before = this.#file;
    this.#file = file;
    if (before === undefined) return;
    this.#droppedBefore += before.dropped;
    await before.close();
  }

  /** See {@linkcode AccessFile.reopen}. @throws {LogFileError} the old file stays in use then. */
  async reopen(): Promise<void> {
    await this.#file?.reopen();
  }

  close(): Promise<void> {
    return this.use(undefined);
  }
}
