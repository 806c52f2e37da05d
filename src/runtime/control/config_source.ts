/** Where a configuration is from, and can be had from again. */

import type { Config } from "../../config/config.ts";
import type { ConfigError } from "../../config/config_error.ts";

export interface ConfigSource {
  /** The file, or the name of another source. */
  readonly path: string;
  /** Undefined if it can be read only once. @throws {ConfigError} with every problem. */
  readonly load: (() => Promise<Config>) | undefined;
  /** The same error with the positions of its problems in the file. */
  readonly locate: (error: ConfigError) => Promise<ConfigError>;
}
