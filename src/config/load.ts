/** Reads a configuration file, and finds the positions of problems in it. */

import { readFault } from "../files/file_fault.ts";
import { readFile, readStandardInput } from "../files/read_file.ts";
import type { Config } from "./config.ts";
import { ConfigError, type Problem } from "./config_error.ts";
import { decodingSteps } from "./decode.ts";
import type { EnvironmentLookup } from "./input/environment.ts";
import { parsePath } from "./input/key_path.ts";
import type { Positions } from "./input/positions.ts";
import { inTurns, type Steps } from "./input/steps.ts";

/**
 * How long a pipe may take until its end, in milliseconds. `-c <(generate)` takes as long as its program, but
 * a pipe that never ends must not block the start forever.
 */
const PIPE_TIMEOUT = 60_000;

/** A YAML file that can be reread, and that can find positions. */
export class ConfigFile {
  /** The name of the file in errors. */
  readonly path: string;
  /** Whether it can be read only once. */
  readonly isStandardInput: boolean;
  readonly #environment: EnvironmentLookup;
  /** The text of the last read. */
  #text: string | undefined;

  /** @param path `-` for standard input. @param environment Looks up the variables in values. */
  constructor(path: string, environment: EnvironmentLookup) {
    this.isStandardInput = path === "-";
    this.path = this.isStandardInput ? "<stdin>" : path;
    this.#environment = environment;
  }

  /**
   * Reads and decodes the file.
   *
   * @throws {ConfigError} when the file cannot be read or parsed, or with every problem in it and its position.
   */
  async load(): Promise<Config> {
    this.#text = undefined;
    try {
      this.#text = await readText(this.path, this.isStandardInput);
      const { parseYaml } = await import("./input/yaml.ts"); // only now: `sluice LISTEN=UPSTREAM` is ready sooner without
      const document = parseYaml(this.#text, this.path);
      checkMapping(document, this.path);
      return await inTurns(
        decodingSteps(document, { environment: this.#environment, file: this.path }),
      );
    } catch (error) {
      throw error instanceof ConfigError ? await this.locate(error) : error;
    }
  }

  /** The same error with the positions of its problems, in the text of the last read. */
  async locate(error: ConfigError): Promise<ConfigError> {
    const text = this.#text;
    if (text === undefined || text === "") return error;
    const { positionsOf } = await import("./input/positions.ts"); // its library takes 20 ms
    const positions = await inTurns(positionsOf(text));
    const problems = await inTurns(locateAll(error.problems, positions));
    return new ConfigError(problems, { file: this.path, text, cause: error.cause });
  }
}

/** Finds the positions of problems, one per step. */
function* locateAll(problems: readonly Problem[], positions: Positions): Steps<Problem[]> {
  // After a tab, lines parse to unintended values, whose problems are only noise.
  const { tab: position } = positions;
  const message = "Cannot parse YAML: this line begins with a tab, indent with spaces";
  if (position !== undefined) return [{ path: "", message, position }];
  const located: Problem[] = [];
  for (const problem of problems) {
    located.push(locateProblem(problem, positions));
    yield;
  }
  return located.sort(byPosition);
}

function locateProblem(problem: Problem, positions: Positions): Problem {
  const { fault = "value", otherwise } = problem;
  if (fault === "repeated key" || fault === "without end") {
    const position = fault === "without end" ? positions.withoutEnd : positions.repeatedKey;
    return position === undefined ? problem : { ...problem, position };
  }
  if (problem.path === "" || problem.position !== undefined) return problem;
  const isElsewhere = otherwise !== undefined && !positions.has(parsePath(problem.path)) &&
    positions.has(parsePath(otherwise));
  const path = isElsewhere ? otherwise : problem.path;
  const position = positions.find(parsePath(path), fault);
  return position === undefined ? problem : { ...problem, path, position };
}

/** In the order of the file; problems of the whole file come first. */
function byPosition({ position: a }: Problem, { position: b }: Problem): number {
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}

function checkMapping(document: unknown, path: string): void {
  if (document === null || document === undefined) {
    throw problemWith(path, 'The file is empty: expected "services:" with at least one service');
  }
  if (typeof document !== "object" || Array.isArray(document)) {
    const found = Array.isArray(document) ? "a list" : "a single value";
    const message = `Expected a mapping with "services:" at the top, got ${found}`;
    throw new ConfigError([{ path: "", message, position: { line: 1, column: 1, length: 1 } }], {
      file: path,
    });
  }
}

async function readText(path: string, isStandardInput: boolean): Promise<string> {
  try {
    const bytes =
      await (isStandardInput ? readStandardInput() : readFile(path, { pipeTimeout: PIPE_TIMEOUT }));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw problemWith(path, `Cannot read "${path}": ${explainReadError(cause, path)}`, cause);
  }
}

function explainReadError(cause: unknown, path: string): string {
  if (/^https?:\/\//.test(path)) {
    return "it is a URL, write it to a file, or into - (standard input) by a pipe";
  }
  if (cause instanceof TypeError) return "it is not UTF-8 text, save it with that encoding";
  const { fault, remedy } = readFault(cause);
  return remedy === undefined ? fault : `${fault}, ${remedy}`;
}

function problemWith(file: string, message: string, cause?: unknown): ConfigError {
  return new ConfigError([{ path: "", message }], { file, cause });
}
