/** Completions for fish. */

import type { CommandWords, OptionWords, Values } from "./command_words.ts";

const HEAD = `# Completions of sluice for fish, printed by "sluice completions fish".

# Whether the command is one of these; without any, whether there is none yet.
function __sluice_command
    set -l words (commandline -opc)
    if test (count $argv) -eq 0
        test (count $words) -lt 2
        return
    end
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

# Whether this many words without a dash follow the command.
function __sluice_position
    set -l words (commandline -opc)
    set -l plain (string match -v -- '-*' $words[3..-1])
    test (count $plain) -eq $argv[1]
end

complete -c sluice -f
`;

export function fishCompletions(commands: readonly CommandWords[]): string {
  const names = commands.flatMap(({ name }) => name ?? []);
  const first = commands.flatMap(({ name, summary }) =>
    name === undefined ? [] : [`complete -c sluice -n __sluice_command -a ${name} -d ${quoted(summary)}`]
  );
  const others = commands.flatMap(({ name, options, words }) => {
    const condition = name === undefined
      ? `not __sluice_command ${names.join(" ")}`
      : `__sluice_command ${name}`;
    return [
      ...options.map((option) => optionLine(condition, option)),
      ...words.map(({ values }, index) =>
        `complete -c sluice -n ${quoted(`${condition}; and __sluice_position ${index}`)}${argumentOf(values)}`
      ),
    ];
  });
  return [HEAD, ...first, ...others, ""].join("\n");
}

function optionLine(condition: string, { names, help, value }: OptionWords): string {
  const flags = names.map((name) => name.startsWith("--") ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`);
  const argument = value === undefined
    ? ""
    : `${value.values.kind === "files" ? " -r" : " -x"}${argumentOf(value.values)}`;
  return `complete -c sluice -n ${quoted(condition)}${flags.join("")}${argument} -d ${quoted(help)}`;
}

function argumentOf(values: Values): string {
  if (values.kind === "choices") return ` -a ${quoted(values.choices.join(" "))}`;
  return values.kind === "files" ? " -F" : "";
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
