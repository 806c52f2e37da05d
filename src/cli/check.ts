/** `sluice check FILE`: read it as `-c` would, start nothing. */

import { ConfigFile } from "../config/load.ts";
import { describeConfig } from "../runtime/describe.ts";
import { loadTls, warningsAbout } from "../runtime/tls_files.ts";
import { warningsOf } from "../runtime/warnings.ts";

/**
 * Prints what each service and group would do and what is doubtful about it, then `ok`.
 *
 * @throws {ConfigError} with every problem of the file, certificates and keys included
 */
export async function check(path: string): Promise<void> {
  const file = new ConfigFile(path, (name) => Deno.env.get(name));
  const config = await file.load();
  const warnings = [...warningsOf(config), ...warningsAbout(await loadTls(config, undefined, file))];
  for (const line of describeConfig(config)) console.log(line);
  for (const warning of warnings) console.log(`warning: ${warning}`);
  console.log("ok");
}
