/** The tables of services and of upstream endpoints. */

import type { EndpointView, ServiceView, UpstreamView } from "../../admin/views.ts";
import { formatBytesShort } from "../format/bytes.ts";
import { endpointState, openOf } from "../format/figures.ts";
import { type Column, tableLines } from "../format/table.ts";
import { type Line, line, type Tone } from "./line.ts";
import { endpointKey, type Rate, UNKNOWN_RATES } from "./rates.ts";
import type { TopState } from "./state.ts";

const SERVICES: readonly Column[] = [
  { title: "SERVICE", align: "left", reserve: 8, least: 6 },
  { title: "STATE", align: "left", reserve: 9, leaveOut: 2 },
  { title: "OPEN", align: "right", reserve: 9 },
  { title: "NEW/S", align: "right", reserve: 6 },
  { title: "FAILED", align: "right", reserve: 6 },
  { title: "REFUSED", align: "right", reserve: 7, leaveOut: 1 },
  { title: "UP/S", align: "right", reserve: 8 },
  { title: "DOWN/S", align: "right", reserve: 8 },
];

const ENDPOINTS: readonly Column[] = [
  { title: "UPSTREAM", align: "left", reserve: 8, least: 6 },
  { title: "ENDPOINT", align: "left", reserve: 13, least: 13 },
  { title: "STATE", align: "left", reserve: 12 },
  { title: "OPEN", align: "right", reserve: 9 },
  { title: "NEW/S", align: "right", reserve: 6, leaveOut: 1 },
  { title: "FAILURES", align: "right", reserve: 8 },
];

/** A heading and at most `limit` services; the busiest ones if there are more. */
export function serviceLines({ stats, statsRates }: TopState, width: number, limit: number): Line[] {
  const { shown, hidden } = chosen(stats?.services ?? [], limit, busiestFirst);
  const rows = shown.map(({ name, state, connections }) => {
    const rates = statsRates.services.get(name) ?? { ...UNKNOWN_RATES, connections: undefined };
    return [
      name,
      state,
      openOf(connections.active, connections.limit),
      formatRate(rates.connections),
      String(connections.failed),
      String(connections.refused),
      formatByteRate(rates.upload),
      formatByteRate(rates.download),
    ];
  });
  const tones = shown.map(({ state }): Tone => state === "draining" ? "unusual" : "plain");
  return panel(tableLines(SERVICES, rows, { width, gap: 1 }), tones, hidden);
}

/** A heading and at most `limit` endpoints; those with problems first if there are more. */
export function endpointLines({ stats, statsRates }: TopState, width: number, limit: number): Line[] {
  const all = (stats?.upstreams ?? []).flatMap(endpointsOf);
  const { shown, hidden } = chosen(all, limit, worstFirst);
  const rows = shown.map(({ group, endpoint }) => [
    group,
    endpoint.address,
    endpointState(endpoint),
    openOf(endpoint.active, endpoint.max_connections),
    formatRate(statsRates.endpoints.get(endpointKey(group, endpoint.address))),
    String(endpoint.failures),
  ]);
  const tones = shown.map(({ endpoint }) => toneOf(endpoint));
  return panel(tableLines(ENDPOINTS, rows, { width, gap: 1 }), tones, hidden);
}

/** Bytes a second; a dash while unknown. */
export function formatByteRate(rate: Rate): string {
  return rate === undefined ? "-" : formatBytesShort(rate);
}

function formatRate(rate: Rate): string {
  return rate === undefined ? "-" : rate.toFixed(rate < 99.95 ? 1 : 0);
}

interface NamedEndpoint {
  readonly group: string;
  readonly endpoint: EndpointView;
}

function endpointsOf({ name, endpoints }: UpstreamView): NamedEndpoint[] {
  return endpoints.map((endpoint) => ({ group: name, endpoint }));
}

function busiestFirst(a: ServiceView, b: ServiceView): number {
  return b.connections.active - a.connections.active;
}

const TONES_WORST_FIRST: readonly Tone[] = ["bad", "unusual", "plain"];

function worstFirst(a: NamedEndpoint, b: NamedEndpoint): number {
  const rank = ({ endpoint }: NamedEndpoint) => TONES_WORST_FIRST.indexOf(toneOf(endpoint));
  return rank(a) - rank(b) || b.endpoint.active - a.endpoint.active;
}

function toneOf({ state, admin }: EndpointView): Tone {
  if (state === "down" || state === "ejected") return "bad";
  // "unknown" is normal: it is the state without health checks.
  return admin === "up" ? "plain" : "unusual";
}

/** All items if they fit; else the first ones, with a line left for the number of the others. */
function chosen<Item>(all: readonly Item[], limit: number, compare: (a: Item, b: Item) => number) {
  if (all.length <= limit) return { shown: all, hidden: 0 };
  const shown = all.toSorted(compare).slice(0, Math.max(0, limit - 1));
  return { shown, hidden: all.length - shown.length };
}

function panel([heading = "", ...rows]: readonly string[], tones: readonly Tone[], hidden: number): Line[] {
  const lines = rows.map((row, index) => line(row, tones[index]));
  const more = hidden > 0 ? [line(`... and ${hidden} more`, "faint")] : [];
  return [line(heading, "heading"), ...lines, ...more];
}
