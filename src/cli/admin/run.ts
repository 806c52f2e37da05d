/** Runs a command that talks to a running proxy. */

import { AdminClient } from "./client.ts";
import { parseAdminCommand } from "./command.ts";
import { commandHelp } from "./help.ts";
import { type AdminCommandName, loadAdminCommand } from "./registry.ts";
import { findAdmin } from "./target.ts";
import { print } from "../output.ts";

/**
 * Finds the proxy and runs the command.
 *
 * @throws {UsageError} when the arguments are wrong, or nothing says where the proxy is
 * @throws {ConfigError} when the configuration of the proxy is wrong
 * @throws {AdminError} when the proxy cannot be reached or refuses
 */
export async function runAdminCommand(name: AdminCommandName, args: readonly string[]): Promise<void> {
  const command = await loadAdminCommand(name);
  const parsed = parseAdminCommand(name, command, args);
  if (parsed.kind === "help") return print(commandHelp(name, command).trimEnd());
  const target = await findAdmin(parsed.admin, name, (variable) => Deno.env.get(variable));
  using client = new AdminClient(target);
  await command.run(client, parsed.request);
}
