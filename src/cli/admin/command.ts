/** A command for a running proxy. Each has a file here, and a line in registry.ts. */

import { Options } from "../options.ts";
import { print } from "../output.ts";
import type { AdminClient } from "./client.ts";
import type { AdminCommandName } from "./registry.ts";

export interface AdminCommand<Request = unknown> {
  /** Whether it only shows something, and changes nothing. */
  readonly kind: "inspect" | "control";
  /** One line for `sluice --help`. */
  readonly summary: string;
  /** The words that it takes besides options, such as `ID ...`; undefined if it takes none. */
  readonly words?: string;
  /** The text of `sluice COMMAND --help` below the usage line. */
  readonly description: string;
  /** Its options besides those of all commands. */
  readonly options: readonly CommandOption[];
  /** The reasons for exit code 1, besides those of all commands. */
  readonly failure?: string;
  /** @throws {UsageError} */
  parse(options: Options): Request;
  /** Prints the result. @throws {AdminError} */
  run(client: AdminClient, request: Request): Promise<void>;
}

export interface CommandOption {
  readonly name: string;
  /** The name of its value in the help; undefined if it has none. */
  readonly value?: string;
  /** One line, or several. */
  readonly help: string;
}

/** The address and token of the proxy, as far as the command line has them. */
export interface AdminFlags {
  /** As the user has typed it. */
  readonly address: string | undefined;
  /** The file of the proxy's configuration, which has its address and token. */
  readonly config: string | undefined;
  readonly tokenFile: string | undefined;
}

export type ParsedCommand<Request> =
  | { readonly kind: "run"; readonly admin: AdminFlags; readonly request: Request }
  | { readonly kind: "help" };

export const JSON_OPTION: CommandOption = { name: "json", help: "print JSON as described in docs/api.md" };

/**
 * Parses what follows the name of the command.
 *
 * @throws {UsageError}
 */
export function parseAdminCommand<Request>(
  name: AdminCommandName,
  command: AdminCommand<Request>,
  args: readonly string[],
): ParsedCommand<Request> {
  const namesOf = (hasValue: boolean) =>
    command.options.filter(({ value }) => (value !== undefined) === hasValue).map(({ name }) => name);
  const options = new Options(args, {
    string: ["admin", "config", "token-file", ...namesOf(true)],
    boolean: ["help", ...namesOf(false)],
    alias: { c: "config", h: "help" },
  }, name);
  if (options.has("help")) return { kind: "help" };
  if (command.words === undefined) options.refuseWords(`sluice ${name} takes options only`);
  const admin = {
    address: options.string("admin"),
    config: options.string("config"),
    tokenFile: options.string("token-file"),
  };
  return { kind: "run", admin, request: command.parse(options) };
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}
