/** The table of open connections: as many as fit, one of them selected. */

import { amountOf } from "../../config/values/amount.ts";
import type { ConnectionView, SortKey } from "../../admin/views.ts";
import { formatAge, formatBytesShort } from "../format/figures.ts";
import { printable } from "../format/printable.ts";
import { type Column, tableLines } from "../format/table.ts";
import { type Line, line } from "./line.ts";
import { formatByteRate } from "./overview_panels.ts";
import { type ByteRates, UNKNOWN_RATES } from "./rates.ts";
import type { TopState } from "./state.ts";

const COLUMNS: readonly Column<ConnectionView & { rates: ByteRates }>[] = [
  { title: "ID", cell: ({ id }) => id, align: "right", reserve: 5 },
  { title: "SERVICE", cell: ({ service }) => service, reserve: 8, least: 6, leaveOut: 1 },
  { title: "CLIENT", cell: ({ client }) => client, reserve: 21, least: 15 },
  { title: "ENDPOINT", cell: endpointOrState, reserve: 13, least: 9 },
  { title: "AGE", cell: ({ age_ms }) => formatAge(age_ms), align: "right", reserve: 6, leaveOut: 2 },
  { title: "UP/S", cell: ({ rates }) => formatByteRate(rates.upload), align: "right", reserve: 8 },
  { title: "DOWN/S", cell: ({ rates }) => formatByteRate(rates.download), align: "right", reserve: 8 },
  { title: "BYTES", cell: bytesBothWays, align: "right", reserve: 8, leaveOut: 3 },
];

/** The words for each order. */
const ORDERS: Record<SortKey, { readonly rising: string; readonly falling: string }> = {
  bytes: { rising: "fewest bytes first", falling: "most bytes first" },
  age: { rising: "newest first", falling: "oldest first" },
  id: { rising: "by id", falling: "by id, reversed" },
  client: { rising: "by client", falling: "by client, reversed" },
  service: { rising: "by service", falling: "by service, reversed" },
  endpoint: { rising: "by endpoint", falling: "by endpoint, reversed" },
};

/** A title, a heading, and at most `limit` connections. */
export function connectionLines(state: TopState, width: number, limit: number): Line[] {
  const connections = state.reading?.page.connections.slice(0, limit) ?? [];
  const ratesOf = (id: number) => state.traffic.get(id)?.rates ?? UNKNOWN_RATES;
  const rows = connections.map((connection) => ({ ...connection, rates: ratesOf(connection.id) }));
  const [heading = "", ...lines] = tableLines(COLUMNS, rows, { width: width - 1, gap: 1 });
  return [
    line(titleOf(state, connections.length)),
    line(` ${heading}`, "heading"),
    ...lines.map((text, index) => index === state.row ? line(`>${text}`, "selected") : line(` ${text}`)),
  ];
}

function titleOf({ reading, order, offset }: TopState, shown: number): string {
  if (reading === undefined) return "Connections";
  const { total, matching } = reading.page;
  const filter = order.filter === "" ? "" : `, ${matching} with "${printable(order.filter)}"`;
  const place = shown === 0 || shown === matching ? "" : `, ${offset + 1}-${offset + shown}`;
  const sorting = ORDERS[order.sort][order.isDescending ? "falling" : "rising"];
  return `${amountOf(total, "connection")}${filter}${place}, ${sorting}`;
}

function endpointOrState({ state, endpoint }: ConnectionView): string | null {
  return state === "open" ? endpoint : `(${state})`;
}

function bytesBothWays({ bytes: { upload, download } }: ConnectionView): string {
  return formatBytesShort(upload + download);
}
