/** Reads a configuration file. */

import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { decodingSteps } from "./decode.ts";
import type { EnvironmentLookup } from "./environment.ts";
import { inTurns } from "./steps.ts";

/**
 * Reads and decodes a YAML file. `environment` looks up the variables in its values.
 *
 * @throws {ConfigError} when the file cannot be read or parsed, or with every problem in it.
 */
export async function loadConfigFile(path: string, environment: EnvironmentLookup): Promise<Config> {
  const text = await readText(path);
  const { parseYaml } = await import("./yaml.ts"); // only now: `sluice LISTEN=UPSTREAM` is ready sooner without
  const document = parseYaml(text, path);
  if (document === null || document === undefined) {
    throw problemWith(path, 'The file is empty: expected "services:" with at least one service');
  }
  if (typeof document !== "object" || Array.isArray(document)) {
    const found = Array.isArray(document) ? "a list" : "a single value";
    throw problemWith(path, `Expected a mapping with "services:" at the top, got ${found}`);
  }
  return await inTurns(decodingSteps(document, { environment, file: path }));
}

async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
  } catch (cause) {
    throw problemWith(path, `Cannot read "${path}": ${explainReadError(cause)}`, cause);
  }
}

function explainReadError(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "no such file, check the path";
  if (cause instanceof Deno.errors.IsADirectory) return "it is a directory, name a file in it";
  if (cause instanceof Deno.errors.PermissionDenied) {
    return "permission denied, make it readable for this user";
  }
  if (cause instanceof Deno.errors.NotCapable) return "Deno was started without --allow-read for it";
  if (cause instanceof TypeError) return "it is not UTF-8 text, save it with that encoding";
  return cause instanceof Error ? cause.message : String(cause);
}

function problemWith(file: string, message: string, cause?: unknown): ConfigError {
  return new ConfigError([{ path: "", message }], { file, cause });
}
