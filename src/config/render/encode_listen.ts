/** Writes where a service listens. */

import type { Address } from "../../net/address.ts";
import { formatRun, MAX_LISTENERS, runsOf } from "../values/port_range.ts";

/** Formats addresses so that `parseListenRange` gives them back: ports that follow each other are one range. */
export function encodeListen(addresses: readonly Address[]): string[] {
  return runsOf(addresses, MAX_LISTENERS).map(formatRun);
}
