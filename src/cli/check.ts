/** `sluice check FILE`: read it as `-c` would, start nothing. */

import { ConfigError } from "../config/config_error.ts";
import { ConfigFile } from "../config/load.ts";
import { describeConfig } from "../runtime/describe/describe.ts";
import { findMissingFolders } from "../runtime/files/folders.ts";
import { loadTls, warningsAbout } from "../runtime/files/tls_files.ts";
import { warningsOf } from "../runtime/control/warnings.ts";

/**
 * Prints what each service and group would do, warnings about them, then `ok`.
 *
 * @throws {ConfigError} with every problem of the file, including certificates, keys and missing folders
 */
export async function check(path: string): Promise<void> {
  const file = new ConfigFile(path, (name) => Deno.env.get(name));
  const config = await file.load();
  const problems = [...await findMissingFolders(config)];
  const files = await loadTls(config).catch((error) => {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  });
  if (files === undefined || problems.length > 0) {
    throw await file.locate(new ConfigError(problems, { file: file.path }));
  }
  const warnings = [...warningsOf(config), ...warningsAbout(files)];
  for (const line of describeConfig(config)) console.log(line);
  for (const warning of warnings) console.log(`warning: ${warning}`);
  console.log("ok");
}
