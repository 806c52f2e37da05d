/** `sluice connections`: the open connections as a table. */

import type { ConnectionPage, ConnectionView } from "../../admin/views.ts";
import { amountOf } from "../../config/values/amount.ts";
import { formatAge, formatBytes } from "../format/figures.ts";
import { type Column, tableLines } from "../format/table.ts";
import { print } from "../output.ts";
import { type AdminClient, PAGE_LIMIT } from "./client.ts";
import { type AdminCommand, JSON_OPTION, printJson } from "./command.ts";
import { type ConnectionOrder, ORDER_OPTIONS, orderOf } from "./order.ts";

interface Request {
  readonly order: ConnectionOrder;
  readonly limit: number;
  readonly json: boolean;
}

const DEFAULT_LIMIT = 100;

const COLUMNS: readonly Column<ConnectionView>[] = [
  { title: "ID", cell: ({ id }) => id, align: "right" },
  { title: "SERVICE", cell: ({ service }) => service },
  { title: "CLIENT", cell: ({ client }) => client },
  { title: "ENDPOINT", cell: ({ endpoint }) => endpoint },
  { title: "AGE", cell: ({ age_ms }) => formatAge(age_ms), align: "right" },
  { title: "UPLOAD", cell: ({ bytes }) => formatBytes(bytes.upload), align: "right" },
  { title: "DOWNLOAD", cell: ({ bytes }) => formatBytes(bytes.download), align: "right" },
  { title: "STATE", cell: ({ state }) => state },
];

export const command: AdminCommand<Request> = {
  kind: "inspect",
  summary: "list open connections",
  description: "Lists the open connections of a running proxy.",
  options: [
    ...ORDER_OPTIONS,
    { name: "limit", value: "N", help: `list at most N (default: ${DEFAULT_LIMIT})` },
    JSON_OPTION,
  ],
  parse: (options) => ({
    order: orderOf(options),
    limit: options.count("limit") ?? DEFAULT_LIMIT,
    json: options.has("json"),
  }),
  async run(client, { order, limit, json }) {
    const page = await listConnections(client, order, limit);
    if (json) printJson(page);
    else print(connectionsText(page));
  },
};

/**
 * The first `limit` connections. A connection that moves between pages while they are requested is listed once, or not
 * at all.
 */
async function listConnections(
  client: AdminClient,
  order: ConnectionOrder,
  limit: number,
): Promise<ConnectionPage> {
  const found = new Map<number, ConnectionView>();
  for (let offset = 0;;) {
    const page = await client.connections({ ...order, offset, limit: Math.min(PAGE_LIMIT, limit - offset) });
    for (const connection of page.connections) found.set(connection.id, connection);
    offset += page.connections.length;
    if (page.connections.length === 0 || offset >= limit || offset >= page.matching) {
      return { ...page, connections: [...found.values()] };
    }
  }
}

/** A table of connections, and the number of those that it omits. */
function connectionsText({ total, matching, connections }: ConnectionPage): string {
  if (connections.length === 0) {
    return total === 0 ? "No open connections" : `None of ${amountOf(total, "open connection")} matches`;
  }
  const lines = tableLines(COLUMNS, connections);
  const more = matching - connections.length;
  if (more > 0) lines.push(`... and ${more} more; --limit ${matching} lists all, --filter TEXT fewer`);
  return lines.join("\n");
}
