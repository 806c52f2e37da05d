/** The seed from the environment. */

import type { Config } from "../config.ts";
import { ConfigError } from "../config_error.ts";
import { parseSeed } from "../schema/fields.ts";
import { Unexpected } from "../values/scalar.ts";

const VARIABLE = "SLUICE_SEED";

/**
 * The configuration with the seed in `SLUICE_SEED`, if it has none itself and the program may read the variable.
 *
 * @throws {ConfigError} when that is no seed.
 */
export function withSeed(config: Config): Config {
  const isAllowed = Deno.permissions.querySync({ name: "env", variable: VARIABLE }).state === "granted";
  const text = isAllowed ? Deno.env.get(VARIABLE) : undefined;
  if (config.seed !== undefined || text === undefined || text === "") return config;
  try {
    return { ...config, seed: parseSeed(text) };
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    throw new ConfigError([{
      path: VARIABLE,
      message: `Cannot use "${text.slice(0, 100)}": ${error.message}`,
    }]);
  }
}
