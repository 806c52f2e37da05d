/** Figures of the admin interface, as `status`, `upstream` and `top` show them. */

import type { EndpointView } from "../../admin/views.ts";

/** `12/100`, or `12` where there is no limit. */
export function openOf(active: number, limit: number | null): string {
  return limit === null ? String(active) : `${active}/${limit}`;
}

/** The state that checks found, and what an operator has set: `up`, `down`, `up (drain)`. */
export function endpointState({ state, admin }: EndpointView): string {
  return admin === "up" ? state : `${state} (${admin})`;
}
