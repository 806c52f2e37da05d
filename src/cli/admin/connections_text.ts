/** What `sluice connections` prints. */

import type { ConnectionPage, ConnectionView } from "../../admin/views.ts";
import { amountOf } from "../../runtime/control/amount.ts";
import { formatAge } from "../format/age.ts";
import { formatBytes } from "../format/bytes.ts";
import { type Column, tableLines } from "../format/table.ts";

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "right" },
  { title: "SERVICE", align: "left" },
  { title: "CLIENT", align: "left" },
  { title: "ENDPOINT", align: "left" },
  { title: "AGE", align: "right" },
  { title: "UPLOAD", align: "right" },
  { title: "DOWNLOAD", align: "right" },
  { title: "STATE", align: "left" },
];

/** A table of the connections, and how many there are beside them. */
export function connectionsText({ total, matching, connections }: ConnectionPage): string {
  if (connections.length === 0) {
    return total === 0 ? "No connections are open" : `None of ${openConnections(total)} matches`;
  }
  const lines = tableLines(COLUMNS, connections.map(row));
  const more = matching - connections.length;
  if (more > 0) lines.push(`... and ${more} more; --limit ${matching} lists all, --filter TEXT fewer`);
  return lines.join("\n");
}

function row({ id, service, client, endpoint, age_ms, bytes, state }: ConnectionView): string[] {
  return [
    String(id),
    service,
    client,
    endpoint ?? "",
    formatAge(age_ms),
    formatBytes(bytes.upload),
    formatBytes(bytes.download),
    state,
  ];
}

function openConnections(count: number): string {
  return amountOf(count, "open connection");
}
