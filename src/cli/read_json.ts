/** Files in JSON that the command line names. */

import { ConfigError } from "../config/config_error.ts";

/** @throws {ConfigError} when it cannot be read or parsed. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    const { message } = cause as Error;
    const what = cause instanceof SyntaxError ? "parse it as JSON" : "read it";
    throw new ConfigError([{ path: "", message: `Cannot ${what}: ${message}` }], { file: path, cause });
  }
}
