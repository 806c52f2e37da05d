/** Options of the command line. Unknown, repeated and empty ones are errors. */

import { parseArgs } from "@std/cli/parse-args";
import type { Workers } from "../config/config.ts";
import { closestOf, hintFor } from "../config/input/closest.ts";
import { parseDuration } from "../config/values/duration.ts";
import { parseSeed, parseWorkers } from "../config/schema/fields.ts";
import { type Topic, UsageError } from "./usage.ts";

/** The options with a value, those without a value, and their short forms. */
export interface OptionNames {
  readonly string: readonly string[];
  readonly boolean: readonly string[];
  readonly alias: Readonly<Record<string, string>>;
}

/** A parsed command line. Reading an invalid value throws a UsageError. */
export class Options {
  /** The arguments that are not options, in order. */
  readonly words: readonly string[];
  readonly topic: Topic;
  readonly #values: Readonly<Record<string, unknown>>;
  /** The options as the user typed them, by name. */
  readonly #typed: ReadonlyMap<string, string>;

  /** @throws {UsageError} when there is an option with another name. */
  constructor(args: readonly string[], names: OptionNames, topic: Topic) {
    const known = new Set([...names.string, ...names.boolean, ...Object.keys(names.alias)]);
    const unknown = (arg: string) => {
      if (!/^-./.test(arg)) return;
      const name = arg.replace(/^--?/, "").replace(/=.*$/s, "");
      if (known.has(name) && (arg.startsWith("--") || /^-.(=|$)/s.test(arg))) return;
      const [, letter = "", value = ""] = /^-([a-z])=?([^-].*)$/i.exec(arg) ?? [];
      const isGlued = names.string.includes(names.alias[letter] ?? "");
      const hint = isGlued ? `: did you mean "-${letter} ${value}"?` : similarOption(name, [...known]);
      throw new UsageError(`Unknown option "${arg}"${hint}`, topic);
    };
    const { _: words, ...values } = parseArgs(args, {
      string: [...names.string, "_"],
      collect: [...names.string],
      boolean: names.boolean,
      alias: names.alias,
      unknown,
    });
    this.words = words.map(String);
    this.#values = values;
    this.#typed = new Map(
      args.flatMap((arg) => {
        const [typed, name = ""] = /^--?([^=]+)/.exec(arg) ?? [];
        const known = Object.hasOwn(names.alias, name) ? names.alias[name]! : name;
        return typed === undefined ? [] : [[known, typed]];
      }),
    );
    this.topic = topic;
  }

  /** @throws {UsageError} with `why` when there are arguments that are not options. */
  refuseWords(why: string): void {
    const [word] = this.words;
    if (word !== undefined) throw this.#wrong(`Unknown argument "${word}": ${why}`);
  }

  has(name: string): boolean {
    return this.#values[name] === true;
  }

  string(name: string): string | undefined {
    const [first, second] = this.strings(name);
    if (second !== undefined) throw this.#wrong(`Option ${this.#as(name)} given more than once`);
    return first;
  }

  /** The values of an option that may be given several times. */
  strings(name: string): string[] {
    const value = this.#values[name] ?? [];
    return [value].flat().map((text: unknown) => {
      if (typeof text === "string" && text !== "") return text;
      throw this.#wrong(`Option ${this.#as(name)} needs a value`);
    });
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.string(name);
    if (value === undefined) return undefined;
    const choice = choices.find((choice) => choice === value);
    if (choice !== undefined) return choice;
    throw this.unusable(name, hintFor(value, choices));
  }

  /** In milliseconds. */
  duration(name: string): number | undefined {
    return this.#parsed(name, parseDuration);
  }

  /** A number of threads, or `auto`. */
  workers(name: string): Workers | undefined {
    return this.#parsed(name, parseWorkers);
  }

  /** A seed of random numbers. */
  seed(name: string): string | undefined {
    return this.#parsed(name, parseSeed);
  }

  /** A whole number of at least 1. */
  count(name: string): number | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    const count = Number(text);
    if (/^\d+$/.test(text) && count >= 1 && Number.isSafeInteger(count)) return count;
    throw this.unusable(name, "expected a whole number, 1 or more");
  }

  /** @param parse Throws an error that explains what is wrong with the text. */
  #parsed<Value>(name: string, parse: (text: string) => Value): Value | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (cause) {
      throw this.unusable(name, (cause as Error).message);
    }
  }

  /** The error for a value that cannot be used. */
  unusable(name: string, message: string): UsageError {
    return this.#wrong(`Cannot use "${this.string(name)}" for ${this.#as(name)}: ${message}`);
  }

  /** An option as the user has typed it, or would type it. */
  #as(name: string): string {
    return this.#typed.get(name) ?? `--${name}`;
  }

  #wrong(message: string): UsageError {
    return new UsageError(message, this.topic);
  }
}

function similarOption(name: string, known: string[]): string {
  if ((name === "f" || name === "file") && known.includes("config")) return `: did you mean "-c"?`;
  const similar = closestOf(name, known.filter((option) => option.length > 1));
  return similar === undefined ? "" : `: did you mean "--${similar}"?`;
}
