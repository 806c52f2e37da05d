/** The calls between the supervisor and the threads that relay. */

import type { GroupConfig, LogLevel, ServiceConfig } from "../../config/config.ts";
import type { ActivatedAddress, ListenAddress } from "../../net/address.ts";
import type { AccountsSize } from "../../observe/counters/accounts.ts";
import type { EpochStart } from "../../shared/worker_epoch.ts";
import type { ConnectionPage, ConnectionQuery } from "../../observe/counters/connection_list.ts";
import type { AbortCode, EndCode } from "../../observe/counters/ledger.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";
import type { AccessLines } from "../../observe/log/access_log.ts";
import type { Fields, Level } from "../../observe/log/log.ts";
import type { FaultPlan, FaultsPlan } from "../../proxy/faults.ts";
import type { ListContents } from "../../proxy/file_lists.ts";
import type { BindPlan } from "../../proxy/listeners.ts";
import type { ServiceTlsMaterial } from "../../proxy/tls_termination.ts";
import type { EndingCandidate, EndingQuery } from "../../upstream/ending/connection_ender.ts";
import type { EndpointRecord, EndpointState } from "../../upstream/endpoint.ts";
import type { ConnectionFailure } from "../../upstream/group_parts.ts";
import type { UpstreamTlsMaterial } from "../../upstream/upstream_tls.ts";
import type { Posted } from "./rpc.ts";

/** The start of a thread. Shared memory never grows. */
export interface ThreadStart {
  readonly epoch: EpochStart;
  /** How many connections each thread has had, which their numbers go by. */
  readonly numbers: SharedArrayBuffer;
  readonly credits: { readonly endpoints: number; readonly memory: SharedArrayBuffer };
  /** Where the new clients of each group go, with `stick: endpoint`. */
  readonly stuck: { readonly groups: number; readonly memory: SharedArrayBuffer };
  readonly accounts: { readonly size: AccountsSize; readonly memory: SharedArrayBuffer };
  readonly gauges: { readonly slots: number; readonly memory: SharedArrayBuffer };
  readonly tickets: SharedArrayBuffer;
  /** Clients of a service that can be counted. */
  readonly clients: number;
  readonly heartbeats: SharedArrayBuffer;
  /** What random decisions of faults and filters follow from. */
  readonly seed: string;
  /** Whether Deno treats memory as `net/workarounds/memory.ts` expects it to. */
  readonly memoryTricks: boolean;
}

/** One address of one service. */
export interface ListenPlan extends BindPlan {
  readonly service: string;
}

/** A service as a thread needs it; numbers are rows and slots in shared memory. */
export interface ServicePlan {
  readonly config: ServiceConfig;
  /** Unchanged: the running service continues. */
  readonly isSame: boolean;
  readonly row: number;
  readonly gauge: number;
  /** Where it listens, with real ports. */
  readonly addresses: readonly ListenAddress[];
  readonly rate: SharedArrayBuffer | undefined;
  readonly clients: SharedArrayBuffer | undefined;
  readonly tls: ServiceTlsMaterial | undefined;
  readonly upstreamTls: UpstreamTlsMaterial | undefined;
  /** Undefined where connections can have no faults and no filter. */
  readonly faults: FaultsPlan | undefined;
}

export interface GroupPlan {
  readonly config: GroupConfig;
  /** Unchanged: a thread that has the group leaves it as it is. */
  readonly isSame: boolean;
  readonly row: number;
  /** The gauge of the clients in its queue; undefined if it never had one. */
  readonly queue: number | undefined;
  readonly endpoints: readonly EndpointRecord[];
}

/** The whole work of a thread. */
export interface ThreadPlan {
  readonly lists: ListContents;
  /** All addresses of the program, those of the admin interface too. */
  readonly ownAddresses: readonly ListenAddress[];
  readonly groups: readonly GroupPlan[];
  readonly services: readonly ServicePlan[];
  /** The services of the prepared addresses, in the same order. */
  readonly listeners: readonly string[];
  /** Connections of all services: their gauge and their limit; 0 is no limit. */
  readonly all: { readonly gauge: number; readonly limit: number };
  readonly log: { readonly level: LogLevel; readonly hasAccessFile: boolean; readonly access: AccessLines };
}

export type BindOutcome =
  | { readonly addresses: readonly ListenAddress[] }
  | { readonly refused: { readonly message: string; readonly code: string } };

/** Calls of the supervisor to a thread. */
export interface ThreadCalls {
  /** Binds addresses that are new, without accepting; `commit` or `discard` must follow. */
  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome>;
  /** Closes the prepared listeners. */
  discard(): Promise<void>;
  /** Applies the plan; if it cannot, rejects and keeps the previous one. */
  commit(plan: ThreadPlan): Promise<void>;
  /** Resolves when the listeners that the plan no longer contains are closed. */
  unplannedClosed(): Promise<void>;
  /** Uses reloaded certificates; false when a listener keeps the previous one, which it logs. */
  setTls(
    service: string,
    tls: ServiceTlsMaterial | undefined,
    upstreamTls: UpstreamTlsMaterial | undefined,
  ): Promise<boolean>;
  /** Uses the new entries of files that have changed. */
  setLists(contents: ListContents): void;
  /** Replaces the faults of a service, also of its open connections. */
  setFaults(service: string, faults: readonly FaultPlan[]): Promise<void>;
  /**
   * Closes at once the listeners of a service that the plan no longer contains, and then its connections. Resolves when
   * the listeners are closed.
   */
  cutService(service: string): Promise<void>;
  /** Replaces the endpoints of a group. */
  setEndpoints(group: string, records: readonly EndpointRecord[]): void;
  /** Sets the state of an endpoint; `abort` ends its connections. */
  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void;
  /** Another thread left a place in a gauge. */
  wake(gauge: number): void;
  /** Closes an idle connection, because a client of another thread needs a place at the endpoint. */
  evictIdle(group: string, endpoint: number): void;
  /** Whether events have a subscriber. */
  setSubscribed(isSubscribed: boolean): void;
  /** Open connections in this thread: the first ones, in the order of the query. */
  connections(query: ConnectionQuery): Promise<ConnectionPage>;
  /** Ends a connection, with a RST on both sides if `isReset`; false when this thread does not have it. */
  kill(id: number, isReset: boolean): Promise<boolean>;
  /** Open connections that may end: the first ones, in the order in which they end. */
  endable(query: EndingQuery): Promise<EndingCandidate[]>;
  /** Ends those of them that are still idle for `idle` milliseconds; returns how many. */
  endConnections(ids: readonly number[], code: EndCode, idle: number): Promise<number>;
  /** Accepts pending clients, then closes all listeners; resolves when they are closed. */
  drainListeners(): Promise<void>;
  /** Closes all listeners at once. */
  closeListeners(): Promise<void>;
  /** Resolves when no connection is open. */
  drained(): Promise<void>;
  /** Ends all connections at once, pooled ones included. */
  abortConnections(code: AbortCode): Promise<void>;
  /** Sends pending reports. */
  report(): Promise<void>;
  /** Stops timers and sends the last reports. No call may follow. */
  finish(): Promise<void>;
}

/** Those without an answer. */
export const POSTED_TO_THREAD: Posted<ThreadCalls> = {
  setLists: true,
  setEndpoints: true,
  setState: true,
  wake: true,
  evictIdle: true,
  setSubscribed: true,
};

/** Calls of a thread to the supervisor. */
export interface SupervisorCalls {
  connectionFailed(group: string, endpoint: number, failure: ConnectionFailure): void;
  evictIdle(group: string, endpoint: number): void;
  /** A client could not connect to the endpoint that all new clients go to; resolves when another one may be chosen. */
  stickFailed(group: string, endpoint: number, tried: readonly number[], reason: string): Promise<void>;
  /** This thread left a place in a gauge that another thread may wait for. */
  freed(gauge: number): void;
  /** Duplicates the descriptor of a socket of the service manager for this thread; negative when none is left. */
  duplicate(address: ActivatedAddress): Promise<number>;
  /** A client found no descriptor left. */
  descriptorsShort(): void;
}

/** Calls of a worker: also its log and events, which the supervisor writes. */
export interface WorkerSupervisorCalls extends SupervisorCalls {
  reports(reports: readonly Report[]): void;
}

export const POSTED_TO_SUPERVISOR: Posted<WorkerSupervisorCalls> = {
  connectionFailed: true,
  evictIdle: true,
  freed: true,
  descriptorsShort: true,
  reports: true,
};

/** A line of the log or of the access log, or an event. */
export type Report =
  | {
    readonly kind: "log";
    readonly level: Level;
    readonly message: string;
    readonly fields: Fields | undefined;
  }
  | {
    readonly kind: "access";
    readonly level: "info" | "warn";
    readonly message: string;
    readonly fields: Fields;
  }
  | { readonly kind: "event"; readonly event: ProxyEvent };
