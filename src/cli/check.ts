/** `sluice check FILE`: reads the file as `-c` does, but starts nothing. */

import { ConfigError } from "../config/config_error.ts";
import { ConfigFile } from "../config/load.ts";
import { effectiveConfig } from "../runtime/control/effective_config.ts";
import { warningsOf } from "../runtime/control/warnings.ts";
import { refusal } from "../runtime/files/config_source.ts";
import { withFilterModules } from "../runtime/files/filter_modules.ts";
import { checkDiscoveryFiles } from "../runtime/files/discovery_files.ts";
import { findMissingFolders } from "../runtime/files/folders.ts";
import { loadLists } from "../runtime/files/list_files.ts";
import { loadTls, warningsAbout } from "../runtime/files/tls_files.ts";
import { printable } from "./format/printable.ts";
import { print } from "./output.ts";

/**
 * Prints all settings in effect as YAML, and below them the warnings and `ok` as comments.
 *
 * @throws {ConfigError} with every problem of the file, including certificates, keys and missing folders
 */
export async function check(path: string): Promise<void> {
  const file = new ConfigFile(path, (name) => Deno.env.get(name));
  const config = await file.load();
  const problems = [...await findMissingFolders(config)];
  /** Undefined where that has problems, which are kept. */
  const loaded = <Loaded>(loading: Promise<Loaded>) =>
    loading.catch((error) => {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return undefined;
    });
  const files = await loaded(loadTls(config));
  const lists = await loaded(loadLists(config));
  const endpoints = await loaded(checkDiscoveryFiles(config));
  await loaded(withFilterModules(config));
  if (files === undefined || lists === undefined || endpoints === undefined || problems.length > 0) {
    throw await refusal(problems, file);
  }
  const warnings = [...warningsOf(config), ...warningsAbout(files)];
  const lines = effectiveConfig(config, files, lists, endpoints).trimEnd().split("\n").map(printable);
  const colours = Deno.stdout.isTerminal() && !Deno.noColor;
  const [yellow, green, plain] = colours ? ["\x1b[33m", "\x1b[32m", "\x1b[39m"] : ["", "", ""];
  print([
    ...lines.map((line) => colours ? inColours(line) : line),
    "",
    ...warnings.map((warning) => `# ${yellow}warning${plain}: ${printable(warning)}`),
    `${green}# ok${plain}`,
  ].join("\n"));
}

/** Keys are cyan, comments dim. Text in quotes may look like a comment. */
export function inColours(line: string): string {
  const [, before = "", key = "", rest = "", note = ""] =
    /^((?:- | )*)((?:[\w-]+|"[^"]*"):(?= |$))?(.*?)( ?# [^"]*)?$/.exec(line) ?? [];
  return before + (key && `\x1b[36m${key}\x1b[39m`) + rest + (note && `\x1b[2m${note}\x1b[22m`);
}
