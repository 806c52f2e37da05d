/** Reads a configuration file. */

import { readFault } from "../files/file_fault.ts";
import { readFile } from "../files/read_file.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { decodingSteps } from "./decode.ts";
import type { EnvironmentLookup } from "./environment.ts";
import { inTurns } from "./steps.ts";

/**
 * How long a pipe may take until its end, in milliseconds: `-c <(generate)` takes as long as the program in it, but one
 * that never ends must not look like a start that goes on.
 */
const PIPE_TIMEOUT = 60_000;

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
    return new TextDecoder("utf-8", { fatal: true }).decode(
      await readFile(path, { pipeTimeout: PIPE_TIMEOUT }),
    );
  } catch (cause) {
    throw problemWith(path, `Cannot read "${path}": ${explainReadError(cause)}`, cause);
  }
}

function explainReadError(cause: unknown): string {
  if (cause instanceof TypeError) return "it is not UTF-8 text, save it with that encoding";
  const { fault, remedy } = readFault(cause);
  return remedy === undefined ? fault : `${fault}, ${remedy}`;
}

function problemWith(file: string, message: string, cause?: unknown): ConfigError {
  return new ConfigError([{ path: "", message }], { file, cause });
}
