/** `sluice kill`: closes connections. */

import { print } from "../output.ts";
import { UsageError } from "../usage.ts";
import { type AdminCommand, printJson } from "./command.ts";
import { AdminError } from "./error.ts";

export const command: AdminCommand<{ ids: readonly number[]; json: boolean }> = {
  kind: "control",
  summary: "close connections",
  words: "ID ...",
  description: "Closes connections, both sides of each. sluice connections lists their ids.",
  options: [{ name: "json", help: `print {"closed":[...],"unknown":[...]}` }],
  failure: "a connection is not open",
  parse: (options) => ({ ids: idsOf(options.words), json: options.has("json") }),
  async run(client, { ids, json }) {
    const unknown: number[] = [];
    const closed: number[] = [];
    try {
      for (const id of ids) (await client.kill(id) ? closed : unknown).push(id);
    } finally {
      // Not before: where standard output is full, printing throws.
      if (closed.length > 0 && !json) print(closed.map((id) => `Closed connection ${id}`).join("\n"));
    }
    if (json) printJson({ closed, unknown });
    if (unknown.length === 0) return;
    const which = unknown.length === 1
      ? `Connection ${unknown[0]} is`
      : `Connections ${unknown.join(", ")} are`;
    throw new AdminError("no_such_connection", `${which} not open: sluice connections lists open ones`);
  },
};

function idsOf(words: readonly string[]): number[] {
  if (words.length === 0) {
    throw new UsageError("No connection given: sluice kill ID; sluice connections lists them", "kill");
  }
  return [...new Set(words.map(idOf))];
}

function idOf(word: string): number {
  const id = Number(word);
  if (/^\d+$/.test(word) && Number.isSafeInteger(id)) return id;
  throw new UsageError(
    `Cannot use "${word}" as a connection id: expected a number; sluice connections lists them`,
    "kill",
  );
}
