/** The keys of `sluice top`. */

import { isDescendingByDefault, SORT_KEYS } from "../admin/order.ts";
import { pressInFaults, withFaultsShown } from "./fault_keys.ts";
import { edited } from "./typing.ts";
import { selectedConnection, type TopState, withOrder, withSelectionMoved } from "./state.ts";

/** A key press: its name if it has one (`up`, `return`, `escape`, `c`), and the text that it types. */
export interface Key {
  readonly name: string | undefined;
  readonly text: string | undefined;
  readonly isControl: boolean;
}

/** A side effect for the session. */
export type Action =
  | { readonly kind: "quit" }
  | { readonly kind: "kill"; readonly id: number }
  /** As `text` says, which is typed again if it is refused. */
  | { readonly kind: "addFault"; readonly service: string; readonly text: string }
  | { readonly kind: "setFault"; readonly service: string; readonly name: string; readonly enabled: boolean }
  | { readonly kind: "removeFault"; readonly service: string; readonly name: string };

export interface Pressed {
  readonly state: TopState;
  readonly action?: Action;
}

/** The longest filter that the admin interface accepts, in characters. */
const MAX_FILTER = 200;

/** The lines of the help screen. */
export const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["q, Ctrl-C", "quit"],
  ["j k, arrows", "select a connection"],
  ["PgUp PgDn g G", "page up, page down, first, last"],
  ["K", "close the selected connection (asks first)"],
  ["s", "sort by the next column"],
  ["r", "reverse the order"],
  ["/", "filter, also by SNI, peer and upstream"],
  ["Esc", "remove the filter"],
  ["p", "pause or resume the display, not the proxy"],
  ["f", "faults of a service, where they are enabled"],
  ["?", "show or leave this help"],
];

/** Keys while connections are listed, by name or by the text they type. */
const LIST_KEYS: Readonly<Record<string, (state: TopState) => TopState>> = {
  up: (state) => withSelectionMoved(state, -1),
  k: (state) => withSelectionMoved(state, -1),
  down: (state) => withSelectionMoved(state, 1),
  j: (state) => withSelectionMoved(state, 1),
  pageup: (state) => withSelectionMoved(state, -state.rows),
  pagedown: (state) => withSelectionMoved(state, state.rows),
  home: (state) => withSelectionMoved(state, -Infinity),
  g: (state) => withSelectionMoved(state, -Infinity),
  end: (state) => withSelectionMoved(state, Infinity),
  G: (state) => withSelectionMoved(state, Infinity),
  K: askToKill,
  s: withNextSortKey,
  r: (state) => withOrder(state, { ...state.order, isDescending: !state.order.isDescending }),
  "/": (state) => ({ ...state, mode: { kind: "filter", text: state.order.filter } }),
  escape: (state) => withFilter(state, ""),
  p: (state) => ({ ...state, isPaused: !state.isPaused }),
  f: withFaultsShown,
  "?": (state) => ({ ...state, mode: { kind: "help" } }),
};

/** The state after a key, and a side effect. */
export function press(before: TopState, key: Key): Pressed {
  if (key.isControl && key.name === "c") return { state: before, action: { kind: "quit" } };
  const state = { ...before, notice: "" };
  switch (state.mode.kind) {
    case "list":
      return pressInList(state, key);
    case "help":
      return isQuit(key) ? quit(state) : { state: toList(state) };
    case "filter":
      return { state: pressInFilter(state, state.mode.text, key) };
    case "kill":
      if (key.text !== "y") return { state: toList(state) };
      return { state: toList(state), action: { kind: "kill", id: state.mode.connection.id } };
    case "faults":
    case "addFault":
    case "removeFault":
      return pressInFaults(state, state.mode, key);
  }
}

function pressInList(state: TopState, key: Key): Pressed {
  if (isQuit(key)) return quit(state);
  const name = key.text !== undefined && Object.hasOwn(LIST_KEYS, key.text) ? key.text : key.name;
  // The name of a capital letter is the lower-case one, which is another key.
  if (name === undefined || (name !== key.text && name.length === 1)) return { state };
  return { state: Object.hasOwn(LIST_KEYS, name) ? LIST_KEYS[name]!(state) : state };
}

function pressInFilter(state: TopState, text: string, key: Key): TopState {
  if (key.name === "escape") return toList(state);
  if (key.name === "return" || key.name === "enter") return toList(withFilter(state, text));
  return { ...state, mode: { kind: "filter", text: edited(text, key, MAX_FILTER) } };
}

function askToKill(state: TopState): TopState {
  const connection = selectedConnection(state);
  return connection === undefined ? state : { ...state, mode: { kind: "kill", connection } };
}

function withNextSortKey(state: TopState): TopState {
  const sort = SORT_KEYS[(SORT_KEYS.indexOf(state.order.sort) + 1) % SORT_KEYS.length]!;
  return withOrder(state, { ...state.order, sort, isDescending: isDescendingByDefault(sort) });
}

function withFilter(state: TopState, filter: string): TopState {
  return filter === state.order.filter ? state : withOrder(state, { ...state.order, filter });
}

function toList(state: TopState): TopState {
  return { ...state, mode: { kind: "list" } };
}

function quit(state: TopState): Pressed {
  return { state, action: { kind: "quit" } };
}

function isQuit({ text }: Key): boolean {
  return text === "q";
}
