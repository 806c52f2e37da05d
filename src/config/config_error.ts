/** The one error that a bad configuration ends in, and the problems it lists. */

/** One thing that is wrong with a configuration. */
export interface Problem {
  /** Where: `services[2].listen[0]`; empty for the file as a whole. */
  readonly path: string;
  /** What, in one line. */
  readonly message: string;
}

/** A configuration that cannot be used. `problems` has everything that is wrong with it, never just the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];
  /** The file the configuration was read from, when it was one. */
  readonly file: string | undefined;

  constructor(problems: readonly Problem[], options: { file?: string | undefined; cause?: unknown } = {}) {
    const lines = problems.map(onOneLine);
    const subject = options.file === undefined ? "the configuration" : `the configuration "${options.file}"`;
    const details = lines.map((problem) => `\n  ${formatProblem(problem)}`).join("");
    super(`Cannot use ${subject}:${details}`, "cause" in options ? { cause: options.cause } : {});
    this.problems = lines;
    this.file = options.file;
  }
}

/** Formats a problem as the line `path: message`, or just the message when it concerns the whole file. */
export function formatProblem(problem: Problem): string {
  return problem.path === "" ? problem.message : `${problem.path}: ${problem.message}`;
}

/** Formats the keys and indexes that lead to a value: `services[2].listen[0]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    if (!/^[\w-]+$/.test(String(key))) return `${text}[${JSON.stringify(String(key))}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

/** Control characters in a value must not break the one line per problem, or reach a terminal. */
function onOneLine(problem: Problem): Problem {
  return { path: escapeControls(problem.path), message: escapeControls(problem.message) };
}

function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
