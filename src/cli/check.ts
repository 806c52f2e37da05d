/** `sluice check FILE`: read it as `-c` would, start nothing. */

import { ConfigError } from "../config/config_error.ts";
import { ConfigFile } from "../config/load.ts";
import { effectiveConfig } from "../runtime/control/effective_config.ts";
import { warningsOf } from "../runtime/control/warnings.ts";
import { findMissingFolders } from "../runtime/files/folders.ts";
import { loadTls, warningsAbout } from "../runtime/files/tls_files.ts";
import { printable } from "./format/printable.ts";

/**
 * Prints all settings in effect as YAML, then as comments the warnings about them and `ok`.
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
  const lines = effectiveConfig(config, files).trimEnd().split("\n").map(printable);
  const colours = Deno.stdout.isTerminal() && !Deno.noColor;
  for (const line of lines) console.log(colours ? inColours(line) : line);
  console.log("");
  for (const warning of warnings.map(printable)) {
    console.log(`# ${colours ? inYellow("warning") : "warning"}: ${warning}`);
  }
  console.log(colours ? inGreen("# ok") : "# ok");
}

/** Keys in cyan, and comments dim. What looks like a comment may be text in quotes. */
export function inColours(line: string): string {
  const [, before = "", key = "", rest = "", note = ""] =
    /^((?:- | )*)((?:[\w-]+|"[^"]*"):(?= |$))?(.*?)( ?# [^"]*)?$/.exec(line) ?? [];
  return before + (key && `\x1b[36m${key}\x1b[39m`) + rest + (note && `\x1b[2m${note}\x1b[22m`);
}

function inYellow(text: string): string {
  return `\x1b[33m${text}\x1b[39m`;
}

function inGreen(text: string): string {
  return `\x1b[32m${text}\x1b[39m`;
}
