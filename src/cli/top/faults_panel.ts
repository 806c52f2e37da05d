/** The table of the faults of a service. */

import type { FaultView } from "../../admin/views.ts";
import { faultSettings } from "../format/fault_settings.ts";
import { printable } from "../format/printable.ts";
import { type Column, tableLines } from "../format/table.ts";
import { type Line, line } from "./line.ts";
import { type FaultMode, faultsOf, type TopState } from "./state.ts";

const COLUMNS: readonly Column<FaultView>[] = [
  { title: "FAULT", cell: ({ name }) => name, reserve: 16, least: 8 },
  { title: "STATE", cell: ({ enabled }) => enabled ? "on" : "off", reserve: 5 },
  { title: "APPLIED", cell: ({ applied }) => applied, align: "right", reserve: 7 },
  { title: "TYPE", cell: ({ type }) => type, reserve: 9 },
  { title: "SETTINGS", cell: faultSettings, least: 12 },
];

/** A title, a heading, and as many faults as fit into `limit` lines, the selected one among them. */
export function faultLines(state: TopState, mode: FaultMode, width: number, limit: number): Line[] {
  const faults = faultsOf(state, mode.service);
  const selected = mode.kind === "faults"
    ? Math.min(mode.row, faults.length - 1)
    : faults.findIndex(({ name }) => mode.kind === "removeFault" && name === mode.name);
  const room = Math.max(1, limit - 2);
  const first = Math.max(0, selected - room + 1);
  const [heading = "", ...lines] = tableLines(COLUMNS, faults, { width: width - 1, gap: 1 });
  const rows = lines.map((text, index) =>
    index === selected ? line(`>${text}`, "selected") : line(` ${text}`)
  );
  const title = `Faults of ${printable(mode.service)}`;
  if (faults.length === 0) return [line(title), line("  none: a adds one", "faint")];
  return [line(title), line(` ${heading}`, "heading"), ...rows.slice(first, first + room)];
}
