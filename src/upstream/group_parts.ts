/** What a group in one thread and its controller are made from, and how they call each other. */

import type { Address } from "../net/address.ts";
import type { Accounts, UpstreamRow } from "../observe/counters/accounts.ts";
import type { EventFeed } from "../observe/events/event_feed.ts";
import type { Log } from "../observe/log/log.ts";
import type { GaugeTable } from "../shared/gauge.ts";
import type { StuckEndpoint, StuckEndpoints } from "../shared/stuck_endpoint.ts";
import type { TicketTable } from "../shared/ticket_queue.ts";
import type { TurnCredits } from "./balance/smooth_weighted_round_robin.ts";
import type { SourceParts } from "./discovery/source_parts.ts";
import type { EndingCalls } from "./ending/end_some.ts";
import type { Endpoint, EndpointAccounts, EndpointRecord, EndpointState } from "./endpoint.ts";

/** Is notified of changes that concern connections to endpoints. The methods must not throw. */
export interface GroupWatcher {
  /** An endpoint was added. */
  added(endpoint: Endpoint): void;
  /** An endpoint went down or was removed. */
  unusable(endpoint: Endpoint): void;
  /** An endpoint is full: closes one of its idle connections; false if there is none. */
  evictIdle(endpoint: Endpoint): boolean;
}

/** A failed connection, as the owner of the group receives it. */
export interface ConnectionFailure {
  readonly code: string;
  readonly reason: string;
}

/** Receives the reports of a group, and decides for all threads. */
export interface GroupOwner {
  /** A connection could not be made, or was reset before it carried data. */
  connectionFailed(group: string, endpoint: number, failure: ConnectionFailure): void;
  /** A client could not connect to the endpoint that all new clients go to (`stick`); resolves when that is decided. */
  stickFailed(group: string, endpoint: number, tried: readonly number[], reason: string): Promise<void>;
  /** An endpoint is full, and this thread has no idle connection to it. */
  evictIdle(group: string, endpoint: number): void;
}

export interface GroupParts {
  readonly row: UpstreamRow;
  /** Undefined for an endpoint that was already removed: the message about that has not arrived yet. */
  readonly accountsOf: (record: EndpointRecord) => EndpointAccounts | undefined;
  readonly credits: TurnCredits;
  /** Where new clients go, with `stick: endpoint`. */
  readonly stuck: StuckEndpoint;
  readonly owner: GroupOwner;
  /** Where the program listens. */
  readonly ownListeners?: { has(address: Address): boolean };
}

/** Sends what a controller decides to all threads. */
export interface GroupUpdates extends EndingCalls {
  setEndpoints(group: string, records: readonly EndpointRecord[]): void;
  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void;
}

export interface ControllerParts {
  readonly gauges: GaugeTable;
  readonly tickets: TicketTable;
  readonly accounts: Accounts;
  readonly credits: TurnCredits;
  readonly stuck: StuckEndpoints;
  readonly events: EventFeed;
  readonly log: Log;
  readonly updates: GroupUpdates;
  /** What the sources of endpoints use. */
  readonly discovery: SourceParts;
}
