/** What `sluice top` knows and shows, and what changes it. Pure: every function gives a new state. */

import type { ConnectionView, StatsEvent } from "../../admin/views.ts";
import type { ConnectionOrder } from "../admin/order.ts";
import { nextTraffic, type Reading, type StatsRates, statsRates, type TrafficById } from "./rates.ts";

/** What the keys mean at the moment, and what the last line is for. */
export type Mode =
  | { readonly kind: "list" }
  | { readonly kind: "help" }
  /** A filter is being typed. */
  | { readonly kind: "filter"; readonly text: string }
  /** Whether to close a connection is the question; it stays this one whatever moves in the list. */
  | { readonly kind: "kill"; readonly connection: ConnectionView };

/** Why there are no new figures, and since when. */
export interface Outage {
  readonly reason: string;
  /** Seconds until the next try. */
  readonly retryIn: number;
}

export interface TopState {
  readonly stats: StatsEvent | undefined;
  readonly statsRates: StatsRates;
  readonly reading: Reading | undefined;
  readonly traffic: TrafficById;
  readonly order: ConnectionOrder;
  /** How many connections are above the first that is shown. */
  readonly offset: number;
  /** The place of the selected connection among those shown. */
  readonly row: number;
  /** Whether somebody chose it: then the selection goes where the connection goes. */
  readonly follows: boolean;
  /** The id of the connection that is followed; undefined until it is known which one that is. */
  readonly followed: number | undefined;
  /** How many connections there is room for. */
  readonly rows: number;
  readonly mode: Mode;
  readonly isPaused: boolean;
  readonly outage: Outage | undefined;
  /** What happened last, until the next key. */
  readonly notice: string;
}

export function initialState(order: ConnectionOrder): TopState {
  return {
    stats: undefined,
    statsRates: { services: new Map(), endpoints: new Map() },
    reading: undefined,
    traffic: new Map(),
    order,
    offset: 0,
    row: 0,
    follows: false,
    followed: undefined,
    rows: 1,
    mode: { kind: "list" },
    isPaused: false,
    outage: undefined,
    notice: "",
  };
}

/** New figures have come. */
export function withStats(state: TopState, stats: StatsEvent): TopState {
  const connected = { ...state, outage: undefined };
  if (state.isPaused) return connected;
  return { ...connected, stats, statsRates: statsRates(state.stats, stats) };
}

/** A list of connections has come. Nobody asks for one during a pause but for another place or order. */
export function withReading(state: TopState, reading: Reading): TopState {
  const { connections, matching } = reading.page;
  const found = connections.findIndex(({ id }) => id === state.followed);
  const row = found === -1 ? clamp(state.row, connections.length) : found;
  return {
    ...state,
    reading,
    traffic: nextTraffic(state.traffic, reading),
    offset: Math.min(state.offset, Math.max(0, matching - state.rows)),
    row,
    followed: state.follows ? connections[row]?.id : undefined,
  };
}

/** The terminal has room for so many connections. */
export function withRows(state: TopState, rows: number): TopState {
  return rows === state.rows ? state : { ...state, rows, row: clamp(state.row, rows) };
}

/** The one that keys act on. */
export function selectedConnection({ reading, row }: TopState): ConnectionView | undefined {
  return reading?.page.connections[row];
}

/** Moves the selection by so many places; at the edge of what is shown, the list moves under it. */
export function withSelectionMoved(state: TopState, by: number): TopState {
  const { connections = [], matching = 0 } = state.reading?.page ?? {};
  const target = Math.max(0, Math.min(matching - 1, state.offset + state.row + by));
  const offset = Math.min(target, Math.max(state.offset, target - state.rows + 1));
  const row = target - offset;
  // Which connection stands there after scrolling only the next list tells.
  const followed = offset === state.offset ? connections[row]?.id : undefined;
  return { ...state, offset, row, follows: true, followed };
}

/** Other connections, or in another order: seen from the top. */
export function withOrder(state: TopState, order: ConnectionOrder): TopState {
  return { ...state, order, offset: 0, row: 0, follows: false, followed: undefined };
}

function clamp(row: number, count: number): number {
  return Math.max(0, Math.min(row, count - 1));
}
