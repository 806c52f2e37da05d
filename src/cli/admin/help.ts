/** Help for the commands that talk to a running proxy. */

import type { AdminCommand, CommandOption } from "./command.ts";
import { ADMIN_COMMANDS, type AdminCommandName, loadAdminCommand } from "./registry.ts";

/** The columns at which the help of an option and that of a command begin. */
const OPTION_COLUMN = 26;
const SUMMARY_COLUMN = 34;

const WHICH_PROXY = `Which proxy:
      --admin ADDRESS     its admin.listen: HOST:PORT, [V6]:PORT, PORT (127.0.0.1) or unix:PATH
  -c, --config FILE       its configuration, which has the address and the token
      --token-file FILE   a file with its admin.token
The environment variables SLUICE_ADMIN and SLUICE_TOKEN are used where no option gives an address or a token.
`;

/** The text that `sluice COMMAND --help` prints. */
export function commandHelp(
  name: AdminCommandName,
  { words, description, options, failure }: AdminCommand,
): string {
  return `Usage: sluice ${[name, ...words === undefined ? [] : [words]].join(" ")} [OPTIONS]

${description}

Options:
${options.map(optionHelp).join("")}  -h, --help              this text

${WHICH_PROXY}
Exit codes:
  0  done
  1  the proxy cannot be reached or refuses${failure === undefined ? "" : `; ${failure}`}
  2  wrong usage or configuration
`;
}

/** The lines of `sluice --help` about the commands of a kind. */
export async function summariesOf(kind: AdminCommand["kind"]): Promise<string> {
  const names = Object.keys(ADMIN_COMMANDS) as AdminCommandName[];
  const commands = await Promise.all(names.map(async (name) => ({ name, ...await loadAdminCommand(name) })));
  return commands.filter((command) => command.kind === kind).map(({ name, words, summary }) => {
    const usage = `  sluice ${name}${words === undefined ? "" : ` ${words}`}`;
    const gap = usage.length + 2 > SUMMARY_COLUMN ? `\n${" ".repeat(SUMMARY_COLUMN)}` : "";
    return `${gap === "" ? usage.padEnd(SUMMARY_COLUMN) : usage + gap}${summary}\n`;
  }).join("");
}

function optionHelp({ name, value, help }: CommandOption): string {
  const option = `      --${name}${value === undefined ? "" : ` ${value}`} `.padEnd(OPTION_COLUMN);
  return `${option}${help.replaceAll("\n", `\n${" ".repeat(OPTION_COLUMN)}`)}\n`;
}
