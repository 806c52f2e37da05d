/** Configurations whose values are those of options: what is wrong with one is said of the option. */

import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";
import { decodeConfig } from "../config/decode.ts";
import type { Options } from "./options.ts";
import { UsageError } from "./usage.ts";

/** The option, the options together, or the variable of the environment that has the value of a key. */
type Origin = { readonly option: string } | { readonly options: string } | { readonly variable: string };

/**
 * Decodes a configuration that a command makes of its options.
 *
 * @param origins By key: `{ "shutdown.drain": { option: "drain" }, "admin.toxiproxy": { options: "--host and --port" } }`
 * @throws {UsageError} that names the options with values that cannot be used
 * @throws {ConfigError} when something else is wrong
 */
export function decodeOptionConfig(
  input: unknown,
  options: Options,
  origins: Readonly<Record<string, Origin>>,
): Config {
  try {
    return decodeConfig(input);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.problems.map(({ path, message }) => {
      const origin = origins[path];
      if (origin === undefined) throw error;
      if ("options" in origin) return `Cannot use ${origin.options}: ${message}`;
      if ("variable" in origin) return `Cannot use ${origin.variable} as ${path}: ${message}`;
      if (options.string(origin.option) === undefined) throw error;
      return options.unusable(origin.option, message).message;
    });
    throw new UsageError(lines.join("\n"), options.topic);
  }
}
