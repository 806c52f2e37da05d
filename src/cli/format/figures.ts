/** Ages, byte counts and figures of the admin interface, as commands show them. */

import type { EndpointView, UpstreamView } from "../../admin/views.ts";

/** Seconds in each unit of time, the longest first. */
const TIME_UNITS = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const;
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** How long something has lasted, in its two largest units: `9s`, `3m07s`, `5h00m`, `12d04h`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const first = TIME_UNITS.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0s";
  const [unit, size] = TIME_UNITS[first]!;
  const [nextUnit, nextSize] = TIME_UNITS[first + 1] ?? [];
  const text = `${Math.floor(seconds / size)}${unit}`;
  if (nextUnit === undefined) return text;
  return `${text}${String(Math.floor(seconds % size / nextSize!)).padStart(2, "0")}${nextUnit}`;
}

/** A byte count for people: `512 B`, `1.5 KiB`, `3.2 GiB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaled(bytes);
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** The same in at most eight characters, for columns that change in place: `1.5 KiB`, `1023 MiB`. */
export function formatBytesShort(bytes: number): string {
  const { value, unit } = scaled(bytes);
  return `${value.toFixed(unit === 0 || value >= 99.95 ? 0 : 1)} ${BYTE_UNITS[unit]}`;
}

function scaled(bytes: number): { value: number; unit: number } {
  let value = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (value >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return { value, unit };
}

/** `12/100`, or `12` where there is no limit. */
export function openOf(active: number, limit: number | null): string {
  return limit === null ? String(active) : `${active}/${limit}`;
}

/**
 * The state that checks have found, and the one that an operator has set: `up`, `down`, `up (drain)`; `up, in use` if
 * all new connections go there. @param stick Where they go.
 */
export function endpointState({ address, state, admin }: EndpointView, stick: string | null): string {
  const found = admin === "up" ? state : `${state} (${admin})`;
  return stick === address ? `${found}, in use` : found;
}

/** The clients that wait for any endpoint of a group: for a place, or until one is up. */
export function waitingFor({ queue, waiting }: UpstreamView): number {
  return waiting + (queue?.length ?? 0);
}
