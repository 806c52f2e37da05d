/** The stages of a service's connections, in the order in which bytes pass them. */

import type { ServiceConfig } from "../config/config.ts";
import { addFilter } from "../relay/filter.ts";
import type { Relay } from "../relay/relay.ts";
import { throttle } from "../relay/throttle.ts";

/** Adds the stages of a service to a relay before it runs; undefined for a service without stages, as most are. */
export function stagesOf({ limits, filter }: ServiceConfig): ((relay: Relay) => void) | undefined {
  const { upload, download } = limits;
  if (upload === 0 && download === 0 && filter === undefined) return undefined;
  return (relay) => {
    if (upload > 0) relay.addStage("upload", throttle(upload));
    if (download > 0) relay.addStage("download", throttle(download));
    if (filter !== undefined) addFilter(relay, filter);
  };
}
