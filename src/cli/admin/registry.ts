/** The commands that talk to a running proxy, in the order of `sluice --help`. */

import type { AdminCommand } from "./command.ts";

/** Loaded when they are needed: without them, a proxy starts sooner. */
export const ADMIN_COMMANDS = {
  top: () => import("./top.ts"),
  status: () => import("./status.ts"),
  connections: () => import("./connections.ts"),
  kill: () => import("./kill.ts"),
  upstream: () => import("./upstream.ts"),
  fault: () => import("./fault.ts"),
  reload: () => import("./reload.ts"),
  drain: () => import("./drain.ts"),
};

export type AdminCommandName = keyof typeof ADMIN_COMMANDS;

export function isAdminCommand(word: string): word is AdminCommandName {
  return Object.hasOwn(ADMIN_COMMANDS, word);
}

export async function loadAdminCommand(name: AdminCommandName): Promise<AdminCommand> {
  return (await ADMIN_COMMANDS[name]()).command;
}
