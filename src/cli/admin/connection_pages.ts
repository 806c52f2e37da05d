/** A list of connections that may be longer than what the admin interface gives at once. */

import type { ConnectionPage, ConnectionView } from "../../admin/views.ts";
import type { ConnectionOrder } from "./args.ts";
import type { AdminClient } from "./client.ts";

/** What the admin interface gives at most. */
export const PAGE_LIMIT = 1000;

/**
 * The first `limit` connections. Those that move across the edge of a page meanwhile are shown once, or not.
 *
 * @throws {AdminError}
 */
export async function listConnections(
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
