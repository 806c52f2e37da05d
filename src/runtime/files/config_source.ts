/** Where a configuration comes from, and the watch that reloads it when its file changes. */

import type { Config } from "../../config/config.ts";
import type { ConfigError } from "../../config/config_error.ts";
import { readFault } from "../../files/file_fault.ts";
import { watchFiles } from "./watch_files.ts";
import type { Log } from "../../observe/log/log.ts";

export interface ConfigSource {
  /** The file, or the name of another source. */
  readonly path: string;
  /** Undefined if it can be read only once, as a pipe. @throws {ConfigError} with every problem. */
  readonly load: (() => Promise<Config>) | undefined;
  /** The same error with the positions of its problems in the file. */
  readonly locate: (error: ConfigError) => Promise<ConfigError>;
}

export class ConfigWatch {
  readonly #path: string;
  readonly #log: Log;
  readonly #onChange: () => Promise<unknown>;
  #stop: AbortController | undefined;

  constructor(path: string, log: Log, onChange: () => Promise<unknown>) {
    this.#path = path;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** Watches the file from now on, or no longer. */
  async follow(isWanted: boolean): Promise<void> {
    if (isWanted === (this.#stop !== undefined)) return;
    if (!isWanted) {
      this.#stop!.abort();
      this.#stop = undefined;
      return;
    }
    const stop = this.#stop = new AbortController();
    await watchFiles([this.#path], {
      signal: stop.signal,
      // Without await: the reload may end this watch.
      onChange: () => void this.#onChange(),
      onError: (directory, error) =>
        this.#log.error(`Cannot watch "${directory}" for a new configuration, trying again`, {
          event: "configuration_watch_failed",
          detail: readFault(error).fault,
        }),
    });
  }
}
