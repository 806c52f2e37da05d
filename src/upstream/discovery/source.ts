/** What every source of endpoints has in common: what it is given, and what it reports. */

import type { DiscoveryConfig, GroupConfig } from "../../config/config.ts";
import type { SourceName } from "../../config/schema/discovery_schema.ts";
import type { Address } from "../../net/address.ts";
import type { SourceParts } from "./source_parts.ts";

export interface DiscoveredEndpoint {
  /** One with a host name is looked up for each connection. */
  readonly address: Address;
  /** The share of connections, in proportion to the weights of the others: a whole number of at least 1. */
  readonly weight: number;
  /** The lowest tier with a usable endpoint is used. */
  readonly tier: number;
  /** The most open connections; 0 is no limit. Left out, what the group's discovery says. */
  readonly maxConnections?: number;
  /** It is about to go: its open connections go on, and it gets no new ones. */
  readonly drain?: boolean;
}

/** Receives what a source finds. After the signal has aborted, reports are ignored. */
export interface SourceEvents {
  /**
   * All endpoints, each address once. An empty list means that there are none, not that they are unknown. Reporting the
   * same set again changes nothing.
   */
  endpoints(endpoints: readonly DiscoveredEndpoint[]): void;
  /** `what` was asked and has answered, whether that changes anything or not. */
  answered(what: string): void;
  /** `what` could not be asked, or its answer is unusable. Call it for each failure: the first in a row is logged. */
  failed(what: string, error: unknown): void;
  /** `what` is no longer asked, so that its failure does not matter any more. */
  forgotten(what: string): void;
}

/** What a source is started with. */
export interface SourceContext {
  /** The keys of `discovery` in the configuration, complete. */
  readonly discovery: DiscoveryConfig;
  /** The endpoints of the configuration; only `dns` has some. */
  readonly entries: GroupConfig["endpoints"];
  readonly events: SourceEvents;
  readonly parts: SourceParts;
  readonly signal: AbortSignal;
}

/** A source of endpoints. */
export interface DiscoverySource<Name extends SourceName> {
  /** Its verb in log lines, in both forms: "cannot look up db.internal", "db.internal can be looked up again". */
  readonly verb: readonly [infinitive: string, participle: string];
  /** Where the endpoints come from, in words without secrets: for `sluice check`, the API and the page. */
  describe(options: NonNullable<DiscoveryConfig[Name]>, discovery: DiscoveryConfig): string;
  /**
   * Reports endpoints until the signal aborts, and leaves nothing running. It keeps no last set: the group does, until
   * the next report. After a failure that may pass, it reports it, waits and tries again. If it throws, its caller
   * reports that, and starts it again some seconds later.
   */
  run(options: NonNullable<DiscoveryConfig[Name]>, context: SourceContext): Promise<void>;
}
