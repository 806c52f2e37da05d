/** The keys of `sluice top` while it shows the faults of a service. */

import type { Key, Pressed } from "./keys.ts";
import { type FaultMode, faultsOf, selectedConnection, type TopState } from "./state.ts";
import { edited } from "./typing.ts";

/** The longest fault that can be typed, in characters. */
const MAX_FAULT = 500;

/** Shows the faults of the selected connection's service, or of the first one. */
export function withFaultsShown(state: TopState): TopState {
  if (!state.areFaultsEnabled) {
    return { ...state, notice: 'Faults are not enabled: the configuration has none, and no "faults: true"' };
  }
  const service = selectedConnection(state)?.service ?? state.stats?.services[0]?.name;
  return service === undefined ? state : { ...state, mode: { kind: "faults", service, row: 0 } };
}

/** The state after a key, and a side effect. */
export function pressInFaults(state: TopState, mode: FaultMode, key: Key): Pressed {
  const { service } = mode;
  switch (mode.kind) {
    case "faults":
      return pressInList(state, service, mode.row, key);
    case "addFault":
      return pressInLine(state, service, mode.text, key);
    case "removeFault": {
      const back = toFaults(state, service);
      if (key.text !== "y") return { state: back };
      return { state: back, action: { kind: "removeFault", service, name: mode.name } };
    }
  }
}

function pressInList(state: TopState, service: string, selected: number, key: Key): Pressed {
  const faults = faultsOf(state, service);
  // Another program may have removed some meanwhile.
  const row = Math.max(0, Math.min(selected, faults.length - 1));
  const fault = faults[row];
  const move = (by: number): Pressed => ({
    state: toFaults(state, service, Math.max(0, Math.min(row + by, faults.length - 1))),
  });
  switch (key.text === undefined || /\p{Cc}/u.test(key.text) ? key.name : key.text) {
    case "q":
      return { state, action: { kind: "quit" } };
    case "escape":
    case "f":
      return { state: { ...state, mode: { kind: "list" } } };
    case "down":
    case "j":
      return move(1);
    case "up":
    case "k":
      return move(-1);
    case "tab":
      return { state: toFaults(state, serviceAfter(state, service)) };
    case "a":
      return { state: { ...state, mode: { kind: "addFault", service, text: "" } } };
    case " ": {
      if (fault === undefined) return { state };
      return { state, action: { kind: "setFault", service, name: fault.name, enabled: !fault.enabled } };
    }
    case "x":
      if (fault === undefined) return { state };
      return { state: { ...state, mode: { kind: "removeFault", service, name: fault.name } } };
  }
  return { state };
}

function pressInLine(state: TopState, service: string, text: string, key: Key): Pressed {
  if (key.name === "escape") return { state: toFaults(state, service) };
  if (key.name === "return" || key.name === "enter") {
    return text === ""
      ? { state: toFaults(state, service) }
      : { state: toFaults(state, service), action: { kind: "addFault", service, text } };
  }
  return { state: { ...state, mode: { kind: "addFault", service, text: edited(text, key, MAX_FAULT) } } };
}

function toFaults(state: TopState, service: string, row = 0): TopState {
  return { ...state, mode: { kind: "faults", service, row } };
}

function serviceAfter({ stats }: TopState, service: string): string {
  const names = (stats?.services ?? []).map(({ name }) => name);
  return names[(names.indexOf(service) + 1) % names.length] ?? service;
}
