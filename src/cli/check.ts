/** `sluice check FILE`: read it as `-c` would, start nothing. */

import { loadConfigFile } from "../config/load.ts";
import { describeConfig } from "../runtime/describe.ts";

/**
 * Prints what each service and group would do, then `ok`.
 *
 * @throws {ConfigError} with every problem of the file
 */
export async function check(path: string): Promise<void> {
  const config = await loadConfigFile(path, (name) => Deno.env.get(name));
  for (const line of describeConfig(config)) console.log(line);
  console.log("ok");
}
