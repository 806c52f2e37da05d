/** The tables of services, of upstream endpoints and of their sources. */

import type { EndpointView, ServiceView, UpstreamView } from "../../admin/views.ts";
import { type DiscoveryRow, SHORT_DISCOVERY } from "../format/discovery_table.ts";
import { endpointState, formatBytesShort, openOf, waitingFor } from "../format/figures.ts";
import { type Column, tableLines } from "../format/table.ts";
import { type Line, line, type Tone } from "./line.ts";
import { type ByteRates, endpointKey, type Rate, UNKNOWN_RATES } from "./rates.ts";
import type { TopState } from "./state.ts";

type ServiceRow = ServiceView & ServiceView["connections"] & { rates: ByteRates & { connections: Rate } };

const SERVICES: readonly Column<ServiceRow>[] = [
  { title: "SERVICE", cell: ({ name }) => name, reserve: 8, least: 6 },
  { title: "STATE", cell: ({ state }) => state, reserve: 9, leaveOut: 2 },
  { title: "OPEN", cell: ({ active, limit }) => openOf(active, limit), align: "right", reserve: 9 },
  { title: "NEW/S", cell: ({ rates }) => formatRate(rates.connections), align: "right", reserve: 6 },
  { title: "FAILED", cell: ({ failed }) => failed, align: "right", reserve: 6 },
  { title: "REFUSED", cell: ({ refused }) => refused, align: "right", reserve: 7, leaveOut: 1 },
  { title: "UP/S", cell: ({ rates }) => formatByteRate(rates.upload), align: "right", reserve: 8 },
  { title: "DOWN/S", cell: ({ rates }) => formatByteRate(rates.download), align: "right", reserve: 8 },
];

const ENDPOINTS: readonly Column<NamedEndpoint & { rate: Rate }>[] = [
  { title: "UPSTREAM", cell: ({ group }) => group, reserve: 8, least: 6 },
  { title: "ENDPOINT", cell: ({ address }) => address, reserve: 13, least: 13 },
  { title: "STATE", cell: (row) => endpointState(row, row.stick), reserve: 12 },
  { title: "TIER", cell: ({ tier }) => tier, align: "right", reserve: 4, leaveOut: 2 },
  { title: "OPEN", cell: (row) => openOf(row.active, row.max_connections), align: "right", reserve: 9 },
  { title: "NEW/S", cell: ({ rate }) => formatRate(rate), align: "right", reserve: 6, leaveOut: 1 },
  { title: "FAILURES", cell: ({ failures }) => failures, align: "right", reserve: 8 },
];

/** Shown where a group lets clients wait. */
const WAITING: Column<NamedEndpoint> = {
  title: "WAITING",
  cell: ({ waiting }) => waiting || "",
  align: "right",
  reserve: 7,
  leaveOut: 2,
};

/** A heading and at most `limit` services: if there are more, that whose faults are shown, and the busiest ones. */
export function serviceLines({ stats, statsRates, mode }: TopState, width: number, limit: number): Line[] {
  const isInQuestion = ({ name }: ServiceView) => "service" in mode && mode.service === name;
  const compare = (a: ServiceView, b: ServiceView) =>
    Number(isInQuestion(b)) - Number(isInQuestion(a)) || busiestFirst(a, b);
  const { shown, hidden } = chosen(stats?.services ?? [], limit, compare);
  const rows = shown.map((service) => ({
    ...service,
    ...service.connections,
    rates: statsRates.services.get(service.name) ?? { ...UNKNOWN_RATES, connections: undefined },
  }));
  const tones = shown.map(({ state }): Tone => state === "listening" ? "plain" : "unusual");
  return panel(tableLines(SERVICES, rows, { width, gap: 1 }), tones, hidden);
}

/** A heading and at most `limit` endpoints: if there are more, those with problems first. */
export function endpointLines({ stats, statsRates }: TopState, width: number, limit: number): Line[] {
  const upstreams = stats?.upstreams ?? [];
  const all = upstreams.flatMap(endpointsOf);
  const { shown, hidden } = chosen(all, limit, worstFirst);
  const rows = shown.map((endpoint) => ({
    ...endpoint,
    rate: statsRates.endpoints.get(endpointKey(endpoint.group, endpoint.address)),
  }));
  const waits = upstreams.some(({ queue, waiting }) => queue !== null || waiting > 0);
  const columns = waits ? [...ENDPOINTS, WAITING] : ENDPOINTS;
  return panel(tableLines(columns, rows, { width, gap: 1 }), shown.map(toneOf), hidden);
}

/**
 * A heading and at most `limit` groups whose endpoints come from a source: if there are more, those with errors first.
 */
export function discoveryLines(sources: readonly DiscoveryRow[], width: number, limit: number): Line[] {
  if (limit === 0) return [];
  const { shown, hidden } = chosen(sources, limit, failingFirst);
  const tones = shown.map(({ error }): Tone => error === null ? "plain" : "bad");
  return panel(tableLines(SHORT_DISCOVERY, shown, { width, gap: 1 }), tones, hidden);
}

/** Bytes a second; a dash while unknown. */
export function formatByteRate(rate: Rate): string {
  return rate === undefined ? "-" : formatBytesShort(rate);
}

function formatRate(rate: Rate): string {
  return rate === undefined ? "-" : rate.toFixed(rate < 99.95 ? 1 : 0);
}

/** `waiting` is the number of clients that wait for any endpoint of the group, with its first one. */
type NamedEndpoint = EndpointView & Pick<UpstreamView, "stick"> & {
  readonly group: string;
  readonly waiting: number;
};

function endpointsOf(upstream: UpstreamView): NamedEndpoint[] {
  const waiting = waitingFor(upstream);
  return upstream.endpoints.map((endpoint, index) => ({
    ...endpoint,
    group: upstream.name,
    stick: upstream.stick,
    waiting: index === 0 ? waiting : 0,
  }));
}

function busiestFirst(a: ServiceView, b: ServiceView): number {
  return b.connections.active - a.connections.active;
}

function failingFirst(a: DiscoveryRow, b: DiscoveryRow): number {
  return Number(b.error !== null) - Number(a.error !== null);
}

const TONES_WORST_FIRST: readonly Tone[] = ["bad", "unusual", "plain"];

function worstFirst(a: NamedEndpoint, b: NamedEndpoint): number {
  const rank = (endpoint: EndpointView) => TONES_WORST_FIRST.indexOf(toneOf(endpoint));
  return rank(a) - rank(b) || b.active - a.active;
}

function toneOf({ state, admin }: EndpointView): Tone {
  if (state === "down" || state === "ejected") return "bad";
  // "unknown" is normal: it is the state without health checks.
  return admin === "up" ? "plain" : "unusual";
}

/** All items if they fit; else the first ones, and a last line with the number of the others. */
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
