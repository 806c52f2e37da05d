/** The commands of sluice with their options and words, as completions need them: all taken from `--help`. */

import { COMMANDS } from "../args.ts";
import { helpText, TOPICS } from "../help.ts";
import { choicesOf, type HelpPage, optionsOf, parseHelp } from "./help_page.ts";

/** What may stand in a place of the command line. */
export type Values =
  | { readonly kind: "files" | "other" }
  | { readonly kind: "choices"; readonly choices: readonly string[] };

export interface OptionWords {
  /** With their dashes. */
  readonly names: readonly string[];
  readonly help: string;
  /** The name of its value in `--help`, and what it may be; undefined if it has none. */
  readonly value: { readonly name: string; readonly values: Values } | undefined;
}

export interface CommandWords {
  /** Undefined for running a proxy, which has no command. */
  readonly name: string | undefined;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  /** The words after the command, in order. */
  readonly words: readonly { readonly name: string; readonly values: Values }[];
}

/** The longest description of an option or a command in a list of them, in characters. */
const LONGEST = 70;

/** All commands, that without a name first. */
export async function commandWords(): Promise<CommandWords[]> {
  const main = parseHelp(await helpText("sluice"));
  const named = COMMANDS.map(async (name): Promise<CommandWords> => {
    if (name === "help") return helpCommand();
    const page = parseHelp(await helpText(name));
    return { name, summary: summaryOf(name, main, page), options: optionWords(page), words: wordsOf(page) };
  });
  const run = { name: undefined, summary: "run a proxy", options: optionWords(main), words: [] };
  return [run, ...await Promise.all(named)];
}

function helpCommand(): CommandWords {
  const topics: Values = { kind: "choices", choices: TOPICS.filter((topic) => topic !== "sluice") };
  return {
    name: "help",
    summary: "print the help of a command",
    options: [],
    words: [{ name: "COMMAND", values: topics }],
  };
}

function optionWords(page: HelpPage): OptionWords[] {
  return optionsOf(page).map((option) => ({
    names: option.names,
    help: shortened(option.help),
    value: option.value === undefined || option.value.startsWith("[")
      ? undefined
      : { name: option.value, values: valuesOf(option.value, choicesOf(option)) },
  }));
}

/** Those of the usage line, as in `sluice upstream GROUP ENDPOINT up|drain|down [OPTIONS]`. */
function wordsOf(page: HelpPage): CommandWords["words"] {
  const [usage = ""] = page.usage.split(" | ");
  const words = usage.replaceAll(/\[[^\]]*\]/g, "").split(" ").slice(2).filter((word) =>
    /^[\w|]+$/.test(word)
  );
  return words.map((name) => {
    const choices = name.includes("|") ? name.split("|") : name === "COMMAND" ? listedIn(page) : [];
    return { name, values: valuesOf(name, choices) };
  });
}

/** The first words of the lines below "Commands:". */
function listedIn({ blocks }: HelpPage): string[] {
  const at = blocks.findIndex((block) => block.kind === "heading" && block.text === "Commands");
  const list = blocks[at + 1];
  return list?.kind === "verbatim" ? list.lines.map((line) => line.trim().split(" ")[0]!) : [];
}

function valuesOf(name: string, choices: readonly string[]): Values {
  if (choices.length > 0) return { kind: "choices", choices };
  return { kind: name === "FILE" || name === "PATH" ? "files" : "other" };
}

/** The text beside the command in `sluice --help`, else the first sentence of its own help. */
function summaryOf(name: string, main: HelpPage, page: HelpPage): string {
  const lines = main.blocks.flatMap((block) => block.kind === "verbatim" ? block.lines : []);
  const at = lines.findIndex((line) => line.startsWith(`  sluice ${name} `));
  const [, beside] = /\S {2,}(\S.*)$/.exec(lines[at] ?? "") ?? [];
  const below = at < 0 ? undefined : lines[at + 1]?.trim();
  const [first] = page.blocks;
  const sentence = first?.kind === "paragraph" ? first.text.split(/\.(?: |$)/)[0]! : "";
  return shortened(beside ?? below ?? sentence);
}

/** Up to the first semicolon, or as many words as fit. */
function shortened(text: string): string {
  const [clause = ""] = text.split(/; |: /);
  if (clause.length <= LONGEST) return clause;
  return `${clause.slice(0, LONGEST).replace(/\W*\s\S*$/, "")} …`;
}
