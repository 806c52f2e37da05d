/** What a command for a running proxy consists of. Each has a file here, and a line in registry.ts. */

import { Options } from "../options.ts";
import { UsageError } from "../usage.ts";
import type { AdminClient } from "./client.ts";
import type { AdminCommandName } from "./registry.ts";

export interface AdminCommand<Request = unknown> {
  /** Whether it only shows something. */
  readonly kind: "inspect" | "control";
  /** One line for `sluice --help`. */
  readonly summary: string;
  /** The words that it takes beside options, as `ID ...`; undefined where it takes none. */
  readonly words?: string;
  /** What `sluice COMMAND --help` says below the usage line. */
  readonly description: string;
  /** Beside those that all commands have. */
  readonly options: readonly CommandOption[];
  /** Why it exits with code 1, beside those reasons that all commands have. */
  readonly failure?: string;
  /** @throws {UsageError} */
  parse(options: Options): Request;
  /** Prints the result. @throws {AdminError} */
  run(client: AdminClient, request: Request): Promise<void>;
}

export interface CommandOption {
  readonly name: string;
  /** How help calls its value; undefined where it has none. */
  readonly value?: string;
  /** One line, or several. */
  readonly help: string;
}

/** Where the proxy is, as far as the command line says. */
export interface AdminFlags {
  /** As written. */
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
  if (command.words === undefined && options.words.length > 0) {
    throw new UsageError(`Unknown argument "${options.words[0]}": sluice ${name} takes options only`, name);
  }
  const admin = {
    address: options.string("admin"),
    config: options.string("config"),
    tokenFile: options.string("token-file"),
  };
  return { kind: "run", admin, request: command.parse(options) };
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2));
}
