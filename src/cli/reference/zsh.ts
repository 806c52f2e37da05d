/** Completions for zsh: a file for its `fpath`. */

import type { CommandWords, OptionWords, Values } from "./command_words.ts";

export function zshCompletions(commands: readonly CommandWords[]): string {
  const named = commands.filter(({ name }) => name !== undefined);
  const list = named.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}\n`).join("");
  const [run] = commands;
  return `#compdef sluice
# Completions of sluice for zsh, printed by "sluice completions zsh".

_sluice() {
  local -a commands
  commands=(
${list}  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  case $words[2] in
${named.map(branchOf).join("")}    *)
${argumentsOf(run!)}      ;;
  esac
}

if [[ $funcstack[1] == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice; fi
`;
}

function branchOf(command: CommandWords): string {
  return `    ${command.name})
      shift words
      (( CURRENT-- ))
${argumentsOf(command)}      ;;
`;
}

function argumentsOf({ options, words }: CommandWords): string {
  const places = words.map(({ name, values }, index) =>
    quoted(`${index + 1}:${escaped(name)}:${actionOf(values)}`)
  );
  const specs = [...options.flatMap(optionSpecs), ...places];
  if (specs.length === 0) return "      _message 'no arguments'\n";
  return `      _arguments ${specs.map((spec) => `\\\n        ${spec}`).join(" ")}\n`;
}

/** One for each name; one of them excludes the others. */
function optionSpecs({ names, help, value }: OptionWords): string[] {
  const others = names.length > 1 ? `(${names.join(" ")})` : "";
  return names.map((name) => {
    // A value is the next word, or follows "=" after a long name.
    const way = value === undefined || !name.startsWith("--") ? "" : "=";
    const argument = value === undefined ? "" : `:${escaped(value.name)}:${actionOf(value.values)}`;
    return quoted(`${others}${name}${way}[${escaped(help)}]${argument}`);
  });
}

function actionOf(values: Values): string {
  if (values.kind === "choices") return `(${values.choices.join(" ")})`;
  return values.kind === "files" ? "_files" : " ";
}

/** Within a specification, brackets and colons have a meaning. */
function escaped(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
