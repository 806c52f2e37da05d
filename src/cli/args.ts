/** Command line arguments into a command. Pure: prints nothing, reads nothing. */

import { parseArgs } from "@std/cli";
import { closest, distance } from "fastest-levenshtein";
import type { LogFormat, LogLevel } from "../config/config.ts";
import { parseDuration } from "../config/duration.ts";

/** Where `run` takes its configuration from. */
export type Source =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "quick"; readonly pairs: readonly string[] };

/** How a running proxy speaks; undefined leaves it to the configuration. */
export interface RunFlags {
  readonly logLevel: LogLevel | undefined;
  readonly logFormat: LogFormat | undefined;
  readonly readyFile: string | undefined;
  readonly printReady: boolean;
}

export type Command =
  | { readonly kind: "run"; readonly source: Source; readonly flags: RunFlags }
  | { readonly kind: "check"; readonly path: string }
  | { readonly kind: "demo"; readonly duration: number | undefined; readonly flags: RunFlags }
  | { readonly kind: "help"; readonly topic: Topic }
  | { readonly kind: "version" };

export type Topic = "sluice" | "check" | "demo";

/** The arguments make no command. The message says what to type instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly topic: Topic;

  constructor(message: string, topic: Topic) {
    super(message);
    this.topic = topic;
  }
}

const LOG_LEVELS: readonly string[] = ["debug", "info", "warn", "error"];
const LOG_FORMATS: readonly string[] = ["text", "json"];

const RUN_STRINGS = ["config", "log-level", "log-format", "ready-file"];
const LOG_STRINGS = ["log-level", "log-format"];

interface Parsed {
  readonly words: string[];
  readonly values: Record<string, unknown>;
}

/**
 * Parses what follows the program's name.
 *
 * @throws {UsageError}
 */
export function parseCommand(args: readonly string[]): Command {
  // `deno task start -- --version` passes its "--" on.
  if (args[0] === "--") return parseCommand(args.slice(1));
  const [first, ...rest] = args;
  if (first === "check") return parseCheck(rest);
  if (first === "demo") return parseDemo(rest);
  if (first === "help") return { kind: "help", topic: topicOf(rest[0]) };
  return parseRun(args);
}

function parseRun(args: readonly string[]): Command {
  const { words, values } = parse(args, "sluice", RUN_STRINGS, ["print-ready", "help", "version"], {
    c: "config",
    h: "help",
    V: "version",
  });
  if (values.help === true) return { kind: "help", topic: "sluice" };
  if (values.version === true) return { kind: "version" };
  const path = stringOf(values, "config", "sluice");
  const stray = words.find((word) => !word.includes("="));
  if (stray !== undefined) {
    throw new UsageError(`Unknown argument "${stray}": ${hintFor(stray)}`, "sluice");
  }
  if (path === undefined && words.length === 0) {
    throw new UsageError(
      "Nothing to do: give -c FILE, or listen=upstream such as 5000=db.internal:5432",
      "sluice",
    );
  }
  if (path !== undefined && words.length > 0) {
    throw new UsageError(`Cannot use "${words[0]}" together with -c: put the service into ${path}`, "sluice");
  }
  const source: Source = path === undefined ? { kind: "quick", pairs: words } : { kind: "file", path };
  return { kind: "run", source, flags: runFlagsOf(values, "sluice") };
}

const COMMANDS = ["check", "demo", "help"];

function hintFor(stray: string): string {
  if (/\.(ya?ml|json)$/.test(stray)) return `to run a configuration: sluice -c ${stray}`;
  if (COMMANDS.includes(stray)) return `a command comes first: sluice ${stray} ...`;
  const command = closest(stray, COMMANDS);
  if (distance(stray, command) <= 2) return `did you mean "${command}"?`;
  return "expected a command (check, demo) or listen=upstream, such as 5000=db.internal:5432";
}

function parseCheck(args: readonly string[]): Command {
  const { words, values } = parse(args, "check", ["config"], ["help"], { c: "config", h: "help" });
  if (values.help === true) return { kind: "help", topic: "check" };
  const named = stringOf(values, "config", "check");
  const paths = named === undefined ? words : [named, ...words];
  if (paths.length !== 1) {
    throw new UsageError(
      paths.length === 0 ? "No file given: sluice check FILE" : `One file at a time, got ${paths.length}`,
      "check",
    );
  }
  return { kind: "check", path: paths[0]! };
}

function parseDemo(args: readonly string[]): Command {
  const { words, values } = parse(args, "demo", [...LOG_STRINGS, "for"], ["help"], { h: "help" });
  if (values.help === true) return { kind: "help", topic: "demo" };
  if (words.length > 0) {
    throw new UsageError(`Unknown argument "${words[0]}": sluice demo takes none`, "demo");
  }
  const text = stringOf(values, "for", "demo");
  return {
    kind: "demo",
    duration: text === undefined ? undefined : durationOf(text),
    flags: runFlagsOf(values, "demo"),
  };
}

function parse(
  args: readonly string[],
  topic: Topic,
  string: string[],
  boolean: string[],
  alias: Record<string, string>,
): Parsed {
  const known = new Set([...string, ...boolean, ...Object.keys(alias)]);
  const unknown = (arg: string) => {
    if (!/^-./.test(arg)) return;
    const name = arg.replace(/^--?/, "").replace(/=.*$/s, "");
    if (known.has(name) && (arg.startsWith("--") || /^-.(=|$)/s.test(arg))) return;
    throw new UsageError(`Unknown option "${arg}"${similarOption(name, [...known])}`, topic);
  };
  const { _: words, ...collected } = parseArgs([...args], {
    string: [...string, "_"],
    collect: string,
    boolean,
    alias,
    unknown,
  });
  const values: Record<string, unknown> = { ...collected };
  for (const name of string) {
    const value = values[name];
    if (Array.isArray(value) && value.length < 2) values[name] = value[0];
  }
  return { words: words.map(String), values };
}

function similarOption(name: string, known: string[]): string {
  const similar = closest(name, known.filter((option) => option.length > 1));
  return distance(name, similar) <= 2 ? `: did you mean "--${similar}"?` : "";
}

function stringOf(values: Record<string, unknown>, name: string, topic: Topic): string | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (Array.isArray(value)) throw new UsageError(`Option --${name} given more than once`, topic);
  if (typeof value !== "string" || value === "") {
    throw new UsageError(`Option --${name} needs a value`, topic);
  }
  return value;
}

function choiceOf(values: Record<string, unknown>, name: string, choices: readonly string[], topic: Topic) {
  const value = stringOf(values, name, topic);
  if (value === undefined || choices.includes(value)) return value;
  throw new UsageError(`Cannot use "${value}" for --${name}: expected ${choices.join(", ")}`, topic);
}

function runFlagsOf(values: Record<string, unknown>, topic: Topic): RunFlags {
  return {
    logLevel: choiceOf(values, "log-level", LOG_LEVELS, topic) as LogLevel | undefined,
    logFormat: choiceOf(values, "log-format", LOG_FORMATS, topic) as LogFormat | undefined,
    readyFile: stringOf(values, "ready-file", topic),
    printReady: values["print-ready"] === true,
  };
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new UsageError(`Cannot use "${text}" for --for: ${(cause as Error).message}`, "demo");
  }
}

function topicOf(word: string | undefined): Topic {
  if (word === undefined || word === "run") return "sluice";
  if (word === "check" || word === "demo") return word;
  throw new UsageError(`No help about "${word}": expected check or demo`, "sluice");
}
