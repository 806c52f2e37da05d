/** Parses command line arguments. Pure: prints nothing, reads nothing. */

import { closestOf, hintFor } from "../config/input/closest.ts";
import type { LogFormat, LogLevel, Workers } from "../config/config.ts";
import { ADMIN_COMMANDS, type AdminCommandName, isAdminCommand } from "./admin/registry.ts";
import { Options } from "./options.ts";
import { type Topic, UsageError } from "./usage.ts";

/** Where `run` takes its configuration from. */
export type Source =
  | { readonly kind: "file"; readonly path: string }
  /** The options of the library as JSON. */
  | { readonly kind: "options"; readonly path: string }
  | { readonly kind: "quick"; readonly pairs: readonly string[]; readonly faults: readonly string[] };

/** Flags of a proxy; if undefined, the configuration decides. */
export interface RunFlags {
  readonly workers: Workers | undefined;
  readonly seed: string | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly logFormat: LogFormat | undefined;
  readonly readyFile: string | undefined;
  readonly printReady: boolean;
  /** Stops when standard input ends: the program that started this one has ended. */
  readonly stopAtEof: boolean;
  /** From a sluice that runs with the same addresses. */
  readonly takeOver: boolean;
}

export type Command =
  | { readonly kind: "run"; readonly source: Source; readonly flags: RunFlags }
  | { readonly kind: "check"; readonly path: string }
  /** Asks a running proxy whether it is ready, for at most `timeout` milliseconds. */
  | { readonly kind: "ready"; readonly url: string; readonly timeout: number | undefined }
  | { readonly kind: "demo"; readonly duration: number | undefined; readonly flags: RunFlags }
  | { readonly kind: "help"; readonly topic: Topic }
  /** Their files parse the arguments. */
  | { readonly kind: SelfParsed; readonly args: readonly string[] }
  | { readonly kind: "admin"; readonly name: AdminCommandName; readonly args: readonly string[] };

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

const LOG_STRINGS = ["log-level", "log-format"];

const SELF_PARSED = ["gateway", "toxiproxy", "toxic", "version", "completions", "man"] as const;
type SelfParsed = typeof SELF_PARSED[number];

/** In the order of `sluice --help`. */
export const COMMANDS = [
  "check",
  "demo",
  "gateway",
  "toxiproxy",
  "toxic",
  ...Object.keys(ADMIN_COMMANDS) as AdminCommandName[],
  "version",
  "completions",
  "man",
  "help",
] as const;

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
  const own = SELF_PARSED.find((kind) => kind === first);
  if (own !== undefined) return { kind: own, args: rest };
  if (isAdminCommand(first)) return { kind: "admin", name: first, args: rest };
  return parseRun(args);
}

function parseRun(args: readonly string[]): Command {
  const options = new Options(args, {
    string: ["config", "options", "fault", "seed", "workers", ...LOG_STRINGS, "ready-file"],
    boolean: ["print-ready", "stop-at-eof", "take-over", "help", "version"],
    alias: { c: "config", h: "help", v: "version", V: "version" },
  }, "sluice");
  if (options.has("help")) return { kind: "help", topic: "sluice" };
  if (options.has("version")) return { kind: "version", args: [] };
  const program = options.string("options");
  if (program !== undefined) return parseOptions(program, options);
  const path = options.string("config");
  const { words } = options;
  const stray = words.find((word) => !word.includes("=") || word === "=");
  if (stray !== undefined) {
    const hint = path === undefined || RUN.includes(stray)
      ? strayHint(stray, words)
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
  const faults = options.strings("fault");
  if (faults.length > 0 && (path !== undefined || words.length > 1)) {
    const remedy = `put it into ${path ?? "a file, with all services"}`;
    throw new UsageError(`Cannot use --fault here, it is for LISTEN=UPSTREAM alone: ${remedy}`, "sluice");
  }
  const source: Source = path === undefined
    ? { kind: "quick", pairs: words, faults }
    : { kind: "file", path };
  return { kind: "run", source, flags: runFlagsOf(options) };
}

function parseOptions(path: string, options: Options): Command {
  const other = options.string("config") ?? options.words[0] ?? options.strings("fault")[0];
  if (other === undefined) {
    return { kind: "run", source: { kind: "options", path }, flags: runFlagsOf(options) };
  }
  throw new UsageError(`Cannot use "${other}" together with --options: ${path} has everything`, "sluice");
}

/** Commands of other programs that users may try. */
const RUN = ["run", "start", "serve", "proxy"];

function strayHint(stray: string, words: readonly string[]): string {
  if (stray === "-") return "to read a configuration from standard input: sluice -c -";
  if (/\.(ya?ml|json)$/.test(stray)) return `to run a configuration: sluice -c ${stray}`;
  if (COMMANDS.some((command) => command === stray)) return `a command comes first: sluice ${stray} ...`;
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
  const names = {
    string: ["config", "ready", "timeout"],
    boolean: ["help"],
    alias: { c: "config", h: "help" },
  };
  const options = new Options(args, names, "check");
  if (options.has("help")) return { kind: "help", topic: "check" };
  const [named, url, timeout] = [
    options.string("config"),
    options.string("ready"),
    options.duration("timeout"),
  ];
  const paths = named === undefined ? options.words : [named, ...options.words];
  if (url !== undefined) {
    if (paths.length === 0) return { kind: "ready", url, timeout };
    throw new UsageError(
      `Cannot use "${paths[0]}" together with --ready, which asks a running proxy`,
      "check",
    );
  }
  if (timeout !== undefined) throw new UsageError("Cannot use --timeout without --ready", "check");
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
  options.refuseWords("sluice demo takes none");
  return { kind: "demo", duration: options.duration("for"), flags: runFlagsOf(options) };
}

export function runFlagsOf(options: Options): RunFlags {
  return {
    workers: options.workers("workers"),
    seed: options.seed("seed"),
    logLevel: options.choice("log-level", LOG_LEVELS),
    logFormat: options.choice("log-format", LOG_FORMATS),
    readyFile: options.string("ready-file"),
    printReady: options.has("print-ready"),
    stopAtEof: options.has("stop-at-eof"),
    takeOver: options.has("take-over"),
  };
}

function topicOf(word: string | undefined): Topic {
  if (word === undefined || word === "run") return "sluice";
  const topics = COMMANDS.filter((command) => command !== "help");
  const topic = topics.find((command) => command === word);
  if (topic !== undefined) return topic;
  throw new UsageError(`No help about "${word}": ${hintFor(word, topics, "expected one of")}`, "sluice");
}
