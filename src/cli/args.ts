/** Parses command line arguments. Pure: prints nothing, reads nothing. */

import { closestOf } from "../config/input/closest.ts";
import type { LogFormat, LogLevel, Workers } from "../config/config.ts";
import { ADMIN_COMMANDS, type AdminCommandName, isAdminCommand } from "./admin/registry.ts";
import { Options } from "./options.ts";
import { type Topic, UsageError } from "./usage.ts";

/** Where `run` takes its configuration from. */
export type Source =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "quick"; readonly pairs: readonly string[] };

/** Flags of a proxy; undefined leaves the decision to the configuration. */
export interface RunFlags {
  readonly workers: Workers | undefined;
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
  | { readonly kind: "version" }
  /** Its file parses the arguments. */
  | { readonly kind: "admin"; readonly name: AdminCommandName; readonly args: readonly string[] };

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

const LOG_STRINGS = ["log-level", "log-format"];

const COMMANDS = ["check", "demo", ...Object.keys(ADMIN_COMMANDS), "help", "version"];

/**
 * Parses what follows the program's name.
 *
 * @throws {UsageError}
 */
export function parseCommand(args: readonly string[]): Command {
  // `deno task start -- --version` passes its "--" on.
  if (args[0] === "--") return parseCommand(args.slice(1));
  const [first = "", ...rest] = args;
  if (first === "check") return parseCheck(rest);
  if (first === "demo") return parseDemo(rest);
  if (first === "help") return { kind: "help", topic: topicOf(rest[0]) };
  if (first === "version") {
    if (rest.length === 0) return { kind: "version" };
    throw new UsageError(`Unknown argument "${rest[0]}": sluice version takes none`, "sluice");
  }
  if (isAdminCommand(first)) return { kind: "admin", name: first, args: rest };
  return parseRun(args);
}

function parseRun(args: readonly string[]): Command {
  const options = new Options(args, {
    string: ["config", "workers", ...LOG_STRINGS, "ready-file"],
    boolean: ["print-ready", "help", "version"],
    alias: { c: "config", h: "help", v: "version", V: "version" },
  }, "sluice");
  if (options.has("help")) return { kind: "help", topic: "sluice" };
  if (options.has("version")) return { kind: "version" };
  const path = options.string("config");
  const { words } = options;
  const stray = words.find((word) => !word.includes("=") || word === "=");
  if (stray !== undefined) {
    const hint = path === undefined || RUN.includes(stray)
      ? hintFor(stray, words)
      : `-c ${path} is the one file that is run`;
    throw new UsageError(`Unknown argument "${stray}": ${hint}`, "sluice");
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
  return { kind: "run", source, flags: runFlagsOf(options) };
}

/** Commands that other programs have. */
const RUN = ["run", "start", "serve", "proxy"];

function hintFor(stray: string, words: readonly string[]): string {
  if (stray === "-") return "to read a configuration from standard input: sluice -c -";
  if (/\.(ya?ml|json)$/.test(stray)) return `to run a configuration: sluice -c ${stray}`;
  if (COMMANDS.includes(stray)) return `a command comes first: sluice ${stray} ...`;
  if (RUN.includes(stray)) return "leave it out, sluice -c FILE runs a configuration";
  const [listen = "", upstream = "", ...more] = words.filter((word) => word !== "=");
  const isPair = more.length === 0 && [listen, upstream].every((word) => /^[^=]*\d$/.test(word));
  if (isPair) return `did you mean "${listen}=${upstream}"?`;
  if (/^\d+:\d+$/.test(stray)) return `did you mean "${stray.replace(":", "=")}"?`;
  const command = closestOf(stray, COMMANDS);
  if (command !== undefined) return `did you mean "${command}"?`;
  const commands = COMMANDS.join(", ");
  return `expected a command (${commands}) or listen=upstream, such as 5000=db.internal:5432`;
}

function parseCheck(args: readonly string[]): Command {
  const names = { string: ["config"], boolean: ["help"], alias: { c: "config", h: "help" } };
  const options = new Options(args, names, "check");
  if (options.has("help")) return { kind: "help", topic: "check" };
  const named = options.string("config");
  const paths = named === undefined ? options.words : [named, ...options.words];
  if (paths.length !== 1) {
    throw new UsageError(
      paths.length === 0 ? "No file given: sluice check FILE" : `One file at a time, got ${paths.length}`,
      "check",
    );
  }
  return { kind: "check", path: paths[0]! };
}

function parseDemo(args: readonly string[]): Command {
  const names = { string: [...LOG_STRINGS, "for"], boolean: ["help"], alias: { h: "help" } };
  const options = new Options(args, names, "demo");
  if (options.has("help")) return { kind: "help", topic: "demo" };
  if (options.words.length > 0) {
    throw new UsageError(`Unknown argument "${options.words[0]}": sluice demo takes none`, "demo");
  }
  return { kind: "demo", duration: options.duration("for"), flags: runFlagsOf(options) };
}

function runFlagsOf(options: Options): RunFlags {
  return {
    workers: options.workers("workers"),
    logLevel: options.choice("log-level", LOG_LEVELS),
    logFormat: options.choice("log-format", LOG_FORMATS),
    readyFile: options.string("ready-file"),
    printReady: options.has("print-ready"),
  };
}

function topicOf(word: string | undefined): Topic {
  if (word === undefined || word === "run") return "sluice";
  if (word === "check" || word === "demo" || isAdminCommand(word)) return word;
  if (word === "version") return "sluice";
  const topics = COMMANDS.filter((command) => command !== "help" && command !== "version").join(", ");
  throw new UsageError(`No help about "${word}": expected one of ${topics}`, "sluice");
}
