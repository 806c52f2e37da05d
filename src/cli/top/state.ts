/** The state of `sluice top`. Every function is pure and returns a new state. */

import type { ConnectionView, StatsEvent } from "../../admin/views.ts";
import type { ConnectionOrder } from "../admin/order.ts";
import { nextTraffic, type Reading, type StatsRates, statsRates, type TrafficById } from "./rates.ts";

/** Decides what keys do and what the last line shows. */
export type Mode =
  | { readonly kind: "list" }
  | { readonly kind: "help" }
  /** A filter is being typed. */
  | { readonly kind: "filter"; readonly text: string }
  /** Asks whether to close this connection, whatever moves in the list meanwhile. */
  | { readonly kind: "kill"; readonly connection: ConnectionView };

/** The connection to the proxy is lost. */
export interface Outage {
  readonly reason: string;
  /** Seconds until the next attempt. */
  readonly retryIn: number;
}

export interface TopState {
  readonly stats: StatsEvent | undefined;
  readonly statsRates: StatsRates;
  readonly reading: Reading | undefined;
  readonly traffic: TrafficById;
  readonly order: ConnectionOrder;
  /** How many connections precede the first one shown. */
  readonly offset: number;
  /** The index of the selected connection among those shown. */
  readonly row: number;
  /** Whether the user selected it: then the selection follows the connection. */
  readonly follows: boolean;
  /** The id of the connection to follow; undefined until the list with it has been read. */
  readonly followed: number | undefined;
  /** How many connections fit. */
  readonly rows: number;
  readonly mode: Mode;
  readonly isPaused: boolean;
  readonly outage: Outage | undefined;
  /** The last event or result, until the next key. */
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

/** New figures were received. */
export function withStats(state: TopState, stats: StatsEvent): TopState {
  const connected = { ...state, outage: undefined };
  if (state.isPaused) return connected;
  return { ...connected, stats, statsRates: statsRates(state.stats, stats) };
}

/** A list of connections was received. During a pause, only keys request one. */
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

/** The terminal fits so many connections. */
export function withRows(state: TopState, rows: number): TopState {
  return rows === state.rows ? state : { ...state, rows, row: clamp(state.row, rows) };
}

/** The connection that keys act on. */
export function selectedConnection({ reading, row }: TopState): ConnectionView | undefined {
  return reading?.page.connections[row];
}

/** Moves the selection; at the edge, the list scrolls. */
export function withSelectionMoved(state: TopState, by: number): TopState {
  const { connections = [], matching = 0 } = state.reading?.page ?? {};
  const target = Math.max(0, Math.min(matching - 1, state.offset + state.row + by));
  const offset = Math.min(target, Math.max(state.offset, target - state.rows + 1));
  const row = target - offset;
  // After scrolling, only the next list has the connection at that place.
  const followed = offset === state.offset ? connections[row]?.id : undefined;
  return { ...state, offset, row, follows: true, followed };
}

/** Changes filter or order, and returns to the top of the list. */
export function withOrder(state: TopState, order: ConnectionOrder): TopState {
  return { ...state, order, offset: 0, row: 0, follows: false, followed: undefined };
}

function clamp(row: number, count: number): number {
  return Math.max(0, Math.min(row, count - 1));
}
