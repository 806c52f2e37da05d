/** The whole screen of `sluice top`. Pure: a state and a size in, lines out. */

import { amountOf } from "../../config/values/amount.ts";
import { type DiscoveryRow, discoveryRows } from "../format/discovery_table.ts";
import { formatAge, openOf } from "../format/figures.ts";
import { printable } from "../format/printable.ts";
import { connectionLines } from "./connections_panel.ts";
import { faultLines } from "./faults_panel.ts";
import { KEYS } from "./keys.ts";
import { type Line, line } from "./line.ts";
import { discoveryLines, endpointLines, serviceLines } from "./overview_panels.ts";
import type { TopState } from "./state.ts";

/** In characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The number of lines for each part. */
interface Layout {
  /** Without headings. */
  readonly services: number;
  readonly endpoints: number;
  /** 0 is no table at all. */
  readonly discovery: number;
  readonly connections: number;
  /** Whether there is a blank line between the parts. */
  readonly isAiry: boolean;
}

/** Lines that are always there: two at the top, one at the bottom, the headings of two tables, and two of the third. */
const FIXED_LINES = 7;

/** From this height on, there are blank lines between the parts. */
const AIRY_FROM = 24;

const KEY_LINE = "? help  q quit  j/k select  K kill  s sort  r reverse  / filter  p pause";
const KEY_LINE_WITH_FAULTS = "? help  q quit  j/k select  K kill  s sort  r reverse  / filter  f faults";
const FAULT_KEY_LINE = "Esc back  q quit  j/k select  a add  Space on/off  x remove  Tab next service";

/** The lines of the screen, cut to its size. */
export function frame(state: TopState, size: Size): Line[] {
  const lines = state.mode.kind === "help" ? helpLines() : bodyLines(state, size);
  const shown = lines.slice(0, Math.max(0, size.rows - 1));
  while (shown.length < size.rows - 1) shown.push(line(""));
  return [...shown, lastLine(state)].map(({ text, tone }) => {
    const fitted = Array.from(text).slice(0, size.columns).join("");
    return { text: tone === "selected" ? fitted.padEnd(size.columns) : fitted, tone };
  });
}

/** The number of connections that fit. */
export function connectionRowsIn(state: TopState, size: Size): number {
  return layoutOf(state, size).connections;
}

function bodyLines(state: TopState, size: Size): Line[] {
  const layout = layoutOf(state, size);
  const gap = layout.isAiry ? [line("")] : [];
  return [
    programLine(state, size.columns),
    noticeLine(state),
    ...serviceLines(state, size.columns, layout.services),
    ...gap,
    ...restLines(state, size.columns, layout, gap),
  ];
}

/** What is below the services. */
function restLines(state: TopState, columns: number, layout: Layout, gap: readonly Line[]): Line[] {
  const { mode } = state;
  const { endpoints, discovery, connections } = layout;
  const sources = discoveryLines(sourcesOf(state, layout.isAiry), columns, discovery);
  if ("service" in mode) {
    // Those of all tables below, with their headings.
    const taken = discovery === 0 ? 0 : discovery + 1 + gap.length;
    return faultLines(state, mode, columns, endpoints + taken + connections + 3 + gap.length);
  }
  return [
    ...endpointLines(state, columns, endpoints),
    ...gap,
    ...sources,
    ...sources.length > 0 ? gap : [],
    ...connectionLines(state, columns, connections),
  ];
}

/**
 * Services and endpoints get as many lines as they need, each up to a third of those available, and sources of
 * endpoints up to a sixth. A low screen shows sources only while one fails.
 */
function layoutOf(state: TopState, { rows }: Size): Layout {
  const { stats } = state;
  const isAiry = rows >= AIRY_FROM;
  const all = Math.max(3, rows - FIXED_LINES - (isAiry ? 2 : 0));
  // One line might be "... and 3 more".
  const mostSources = all < 6 ? 0 : Math.max(2, Math.floor(all / 6));
  const discovery = Math.min(mostSources, sourcesOf(state, isAiry).length);
  const free = discovery === 0 ? all : all - discovery - (isAiry ? 2 : 1);
  const most = Math.floor(free / 3);
  const endpointCount = (stats?.upstreams ?? []).reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  const services = Math.min(most, stats?.services.length ?? 0);
  const endpoints = Math.min(most, endpointCount);
  return { services, endpoints, discovery, connections: free - services - endpoints, isAiry };
}

function sourcesOf({ stats }: TopState, isAiry: boolean): DiscoveryRow[] {
  if (stats === undefined) return [];
  return discoveryRows(stats.upstreams, Date.parse(stats.time)).filter(({ error }) =>
    isAiry || error !== null
  );
}

function programLine({ stats }: TopState, columns: number): Line {
  if (stats === undefined) return line("sluice", "heading");
  const { version, state, started_at, threads, connections } = stats.status;
  const age = formatAge(Date.parse(stats.time) - Date.parse(started_at));
  const short = `sluice ${printable(version)}  ${state}  up ${age}`;
  const full = `${short}  ${amountOf(threads, "thread")}`;
  const open = `${openOf(connections.active, connections.limit)} open`;
  const left = full.length + open.length + 2 <= columns ? full : short;
  return line(left + open.padStart(Math.max(open.length + 2, columns - left.length)), "heading");
}

/** The most important message: an outage, then a pause, then the last event, then readiness. */
function noticeLine({ stats, outage, isPaused, notice }: TopState): Line {
  if (outage !== undefined) {
    const since = stats === undefined ? "" : `, figures of ${stats.time.slice(11, 19)} UTC`;
    return line(`DISCONNECTED (${outage.reason}), retrying in ${outage.retryIn} s${since}`, "bad");
  }
  if (isPaused) return line("PAUSED: p resumes", "unusual");
  if (notice !== "") return line(notice);
  if (stats !== undefined && !stats.status.ready) {
    return line(`NOT READY: ${stats.status.not_ready.map(printable).join("; ")}`, "unusual");
  }
  return line("");
}

function lastLine({ mode, areFaultsEnabled }: TopState): Line {
  switch (mode.kind) {
    case "list":
      return line(areFaultsEnabled ? KEY_LINE_WITH_FAULTS : KEY_LINE, "faint");
    case "help":
      return line("any key back  q quit", "faint");
    case "filter":
      return line(`Filter: ${printable(mode.text)}_  (Enter: apply, Esc: cancel)`);
    case "kill": {
      const { id, client, service } = mode.connection;
      return line(`Close connection ${id} (y/n)? ${printable(client)} to ${printable(service)}`, "bad");
    }
    case "faults":
      return line(FAULT_KEY_LINE, "faint");
    case "addFault":
      return line(`Fault, such as latency,latency=200ms: ${printable(mode.text)}_`);
    case "removeFault":
      return line(`Remove ${printable(mode.name)} (y/n)?`, "bad");
  }
}

function helpLines(): Line[] {
  const width = Math.max(...KEYS.map(([keys]) => keys.length));
  return [
    line("Keys", "heading"),
    line(""),
    ...KEYS.map(([keys, does]) => line(`  ${keys.padEnd(width)}  ${does}`)),
    line(""),
    line("Figures", "heading"),
    line(""),
    line("  OPEN            open connections, and their limit"),
    line("  NEW/S           new connections a second"),
    line("  UP/S, DOWN/S    bytes a second from clients, upstreams"),
    line("  FAILED          since the start: did not reach an upstream"),
    line("  REFUSED         since the start: by access rules or limits"),
    line("  ANSWERED        when the source of endpoints last answered"),
  ];
}
