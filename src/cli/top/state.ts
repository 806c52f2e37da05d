/** The state of `sluice top`. Every function is pure and returns a new state. */

import type { ConnectionView, FaultView, StatsEvent } from "../../admin/views.ts";
import type { ConnectionOrder } from "../admin/order.ts";
import { nextTraffic, type Reading, type StatsRates, statsRates, type TrafficById } from "./rates.ts";

/** Determines the actions of keys and the content of the last line. */
export type Mode =
  | { readonly kind: "list" }
  | { readonly kind: "help" }
  /** A filter is being typed. */
  | { readonly kind: "filter"; readonly text: string }
  /** Asks whether to close this connection, even if the list changes meanwhile. */
  | { readonly kind: "kill"; readonly connection: ConnectionView }
  | FaultMode;

/** The faults of a service are listed instead of endpoints and connections. */
export type FaultMode =
  | { readonly kind: "faults"; readonly service: string; readonly row: number }
  /** A fault is being typed, as `--fault` takes it. */
  | { readonly kind: "addFault"; readonly service: string; readonly text: string }
  /** Asks whether to remove the fault of this name. */
  | { readonly kind: "removeFault"; readonly service: string; readonly name: string };

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
  /** The number of connections that fit. */
  readonly rows: number;
  readonly mode: Mode;
  readonly isPaused: boolean;
  readonly areFaultsEnabled: boolean;
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
    areFaultsEnabled: false,
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

/** The number of connections that fit has changed. */
export function withRows(state: TopState, rows: number): TopState {
  return rows === state.rows ? state : { ...state, rows, row: clamp(state.row, rows) };
}

/** The connection that keys act on. */
export function selectedConnection({ reading, row }: TopState): ConnectionView | undefined {
  return reading?.page.connections[row];
}

/** Whether faults are enabled has become known, or changed. */
export function withFaultsEnabled(state: TopState, areFaultsEnabled: boolean): TopState {
  const isOver = !areFaultsEnabled && "service" in state.mode;
  return { ...state, areFaultsEnabled, ...isOver && { mode: { kind: "list" } } };
}

/** The faults of a service were received after a change. */
export function withFaults(state: TopState, service: string, faults: readonly FaultView[]): TopState {
  if (state.stats === undefined) return state;
  const services = state.stats.services.map((each) => each.name === service ? { ...each, faults } : each);
  return { ...state, stats: { ...state.stats, services } };
}

/** In the order in which they act. */
export function faultsOf({ stats }: TopState, service: string): readonly FaultView[] {
  return stats?.services.find(({ name }) => name === service)?.faults ?? [];
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
