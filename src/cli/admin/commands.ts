/** The commands that ask a running proxy something, or tell it something. */

import type { AdminCommand } from "./args.ts";
import { AdminClient } from "./client.ts";
import { AdminError } from "./error.ts";
import { findAdmin } from "./target.ts";
import { listConnections } from "./connection_pages.ts";
import { connectionsText } from "./connections_text.ts";
import { printable, printableLines } from "../format/printable.ts";
import { endpointState, statusText } from "./status_text.ts";
import { top } from "../top/top.ts";

type CommandOf<Kind extends AdminCommand["kind"]> = Extract<AdminCommand, { kind: Kind }>;

/**
 * Finds the proxy and does what the command says.
 *
 * @throws {UsageError} when nothing says where the proxy is
 * @throws {ConfigError} when its configuration should say so, and is wrong
 * @throws {AdminError} when the proxy cannot be reached or refuses
 */
export async function runAdminCommand(command: Exclude<AdminCommand, { kind: "help" }>): Promise<void> {
  const target = await findAdmin(command.admin, command.kind, (name) => Deno.env.get(name));
  using client = new AdminClient(target);
  switch (command.kind) {
    case "top":
      return await top(client, command.order);
    case "status":
      return await status(client, command);
    case "connections":
      return await connections(client, command);
    case "kill":
      return await kill(client, command);
    case "upstream":
      return await upstream(client, command);
    case "reload":
      return await reload(client);
    case "drain":
      return await drain(client, command);
  }
}

async function status(client: AdminClient, { json }: CommandOf<"status">): Promise<void> {
  const [status, services, upstreams] = await Promise.all([
    client.status(),
    client.services(),
    client.upstreams(),
  ]);
  const overview = { status, services, upstreams };
  console.log(json ? inJson(overview) : statusText(overview, Date.now()));
}

async function connections(client: AdminClient, command: CommandOf<"connections">): Promise<void> {
  const page = await listConnections(client, command.order, command.limit);
  console.log(command.json ? inJson(page) : connectionsText(page));
}

/** Those that are not open are named after the others were closed. */
async function kill(client: AdminClient, { ids, json }: CommandOf<"kill">): Promise<void> {
  const unknown: number[] = [];
  const closed: number[] = [];
  for (const id of ids) {
    if (await client.kill(id)) closed.push(id);
    else unknown.push(id);
    if (!json && closed.at(-1) === id) console.log(`Closed connection ${id}`);
  }
  if (json) console.log(inJson({ closed, unknown }));
  if (unknown.length === 0) return;
  const which = unknown.length === 1
    ? `connection ${unknown[0]} is`
    : `connections ${unknown.join(", ")} are`;
  throw new AdminError("no_such_connection", `No ${which} open: sluice connections lists those that are`);
}

async function upstream(client: AdminClient, command: CommandOf<"upstream">): Promise<void> {
  const endpoint = await client.setEndpoint(command.group, command.endpoint, command.state);
  if (command.json) return console.log(inJson(endpoint));
  const { address, active } = endpoint;
  console.log(`${printable(address)}: ${endpointState(endpoint)}, ${active} open`);
}

async function reload(client: AdminClient): Promise<void> {
  const { detail } = await client.reload();
  console.log(printableLines(detail));
}

async function drain(client: AdminClient, { deadline }: CommandOf<"drain">): Promise<void> {
  await client.drain(deadline);
  console.log(
    "Draining: it is no longer ready, and ends when its open connections have or its deadline has passed",
  );
}

function inJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
