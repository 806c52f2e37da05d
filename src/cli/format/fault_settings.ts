/** What a fault says besides its name and state. */

import type { FaultView } from "../../admin/views.ts";

/** `latency=200ms direction=download`. */
export function faultSettings(fault: FaultView): string {
  const { type: _, name: _n, enabled: _e, applied: _a, configured: _c, ...settings } = fault;
  return Object.entries(settings).map(([key, value]) => `${key}=${value}`).join(" ");
}
