/** Completions for bash. The script runs no sluice, and works with the bash 3.2 of macOS. */

import type { CommandWords, Values } from "./command_words.ts";

const HEAD = `# Completions of sluice for bash, printed by "sluice completions bash".

_sluice() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  # The options, those of them with a value, what the value is here, and what the words after the command are.
  local options="" valued="" values="" places=()
  local index position=0
  COMPREPLY=()
  # bash splits words at "=": --config=FILE is three.
  if [[ $current == "=" ]]; then
    current=
  elif [[ $previous == "=" && $COMP_CWORD -gt 1 ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  case \${COMP_WORDS[1]} in
`;

const TAIL = `  esac
  if [[ -z $values && $current != -* && \${#places[@]} -gt 0 ]]; then
    for (( index = 2; index < COMP_CWORD; index++ )); do
      case " $valued " in *" \${COMP_WORDS[index]} "*)
        [[ \${COMP_WORDS[index+1]} == "=" ]] || (( index++ ))
        continue ;;
      esac
      case \${COMP_WORDS[index]} in
        -*) ;;
        [=:]*) (( index++ )) ;; # HOST:PORT and KEY=VALUE are three words too
        *) (( position++ )) ;;
      esac
    done
    values=\${places[position]}
  fi
  if [[ $values == files ]]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$current"))
  elif [[ -n $values ]]; then
    [[ $values == other ]] || COMPREPLY=($(compgen -W "$values" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  fi
}

complete -F _sluice sluice
`;

export function bashCompletions(commands: readonly CommandWords[]): string {
  const [run, ...named] = commands;
  const names = named.map(({ name }) => name).join(" ");
  return [
    HEAD,
    ...named.map((command) => branchOf(command.name!, command)),
    branchOf("*", run!, [
      `if (( COMP_CWORD == 1 )) && [[ $current != -* ]]; then options="${names}"; fi`,
    ]),
    TAIL,
  ].join("");
}

function branchOf(pattern: string, { options, words }: CommandWords, more: readonly string[] = []): string {
  const all = options.flatMap(({ names }) => names);
  const valued = options.flatMap(({ names, value }) => value === undefined ? [] : names);
  const places = words.map(({ values }) => quoted(textOf(values)));
  const lines = [
    ...all.length === 0 ? [] : [`options=${quoted(all.join(" "))}`],
    ...valued.length === 0 ? [] : [`valued=${quoted(valued.join(" "))}`],
    ...places.length === 0 ? [] : [`places=(${places.join(" ")})`],
    ...more,
    ...valueLines(options),
  ];
  return `    ${pattern})\n${lines.map((line) => `      ${line}\n`).join("")}      ;;\n`;
}

/** What follows an option with a value. */
function valueLines(options: CommandWords["options"]): string[] {
  const lines = options.flatMap(({ names, value }) =>
    value === undefined ? [] : [`  ${names.join("|")}) values=${quoted(textOf(value.values))} ;;`]
  );
  return lines.length === 0 ? [] : ["case $previous in", ...lines, "esac"];
}

function textOf(values: Values): string {
  return values.kind === "choices" ? values.choices.join(" ") : values.kind;
}

function quoted(text: string): string {
  return `"${text}"`;
}
