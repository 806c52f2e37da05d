/** Runs the source of a group's endpoints: logs and counts its results, and starts it again when it throws. */

import type { DiscoveryConfig, GroupConfig } from "../../config/config.ts";
import { messageOf } from "../../observe/log/error_text.ts";
import type { Log } from "../../observe/log/log.ts";
import type { EndpointSpec } from "../endpoint.ts";
import type { DiscoveryState } from "./discovery_state.ts";
import { type ChosenSource, sourceOf } from "./registry.ts";
import type { DiscoveredEndpoint, SourceEvents } from "./source.ts";
import { backOff, type SourceParts } from "./source_parts.ts";

export interface GroupDiscoveryOptions {
  readonly config: Pick<GroupConfig, "name" | "endpoints">;
  readonly discovery: DiscoveryConfig;
  readonly state: DiscoveryState;
  readonly parts: SourceParts;
  readonly log: Log;
  readonly onEndpoints: (specs: readonly EndpointSpec[]) => void;
  readonly signal: AbortSignal;
}

/** Never rejects, and leaves nothing running once `signal` has aborted. */
export async function discoverGroup(options: GroupDiscoveryOptions): Promise<void> {
  const { config, discovery, state, parts, signal } = options;
  state.restarted();
  const source = sourceOf(discovery);
  const events = eventsOf(source, options);
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await source.run({ entries: config.endpoints, events, parts, signal });
    } catch (error) {
      events.failed(source.description, error);
      await parts.wait(backOff(failures, parts.random), signal);
    }
  }
}

function eventsOf(source: ChosenSource, options: GroupDiscoveryOptions): SourceEvents {
  const { config: { name: upstream }, discovery, state, log, onEndpoints, signal } = options;
  return {
    endpoints(found) {
      if (signal.aborted) return;
      state.isKnown = true;
      if (found.length === 0 && !state.isEmpty) {
        log.warn(`${upstream}: no endpoint in ${source.description}`, { event: "discovery_empty", upstream });
      }
      state.isEmpty = found.length === 0;
      onEndpoints(found.map((endpoint) => specOf(endpoint, discovery)));
    },
    answered(what) {
      if (signal.aborted || !state.answered(what)) return;
      log.info(`${upstream}: ${what} can be ${source.verb[1]} again`, {
        event: "discovery_recovered",
        upstream,
        name: what,
      });
    },
    forgotten: (what) => signal.aborted || state.forgotten(what),
    failed(what, error) {
      if (signal.aborted) return;
      const detail = messageOf(error);
      if (!state.failed(what, detail)) return;
      log.warn(`${upstream}: cannot ${source.verb[0]} ${what}, going on with what is known`, {
        event: "discovery_failed",
        upstream,
        name: what,
        detail,
      });
    },
  };
}

function specOf(endpoint: DiscoveredEndpoint, { maxConnections = 0 }: DiscoveryConfig): EndpointSpec {
  const { address, weight, tier, drain = false } = endpoint;
  return {
    address,
    weight,
    tier,
    maxConnections: endpoint.maxConnections ?? maxConnections,
    ...drain ? { drain } : {},
  };
}
