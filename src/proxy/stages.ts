/** The stages of a service's connections, in the order in which bytes pass them. */

import type { ServiceConfig } from "../config/config.ts";
import { addFilter } from "../relay/filter.ts";
import type { Relay } from "../relay/relay.ts";
import { throttle } from "../relay/throttle.ts";

/** To be called before the relay runs; most services have none. */
export function addStages(relay: Relay, { limits, filter }: ServiceConfig): void {
  if (limits.upload > 0) relay.addStage("upload", throttle(limits.upload));
  if (limits.download > 0) relay.addStage("download", throttle(limits.download));
  if (filter !== undefined) addFilter(relay, filter);
}
