/** Where a configuration is from, and can be had from again. */

import type { Config } from "../config/config.ts";

export interface ConfigSource {
  /** The file. */
  readonly path: string;
  /** @throws {ConfigError} with every problem. */
  readonly load: () => Promise<Config>;
}
