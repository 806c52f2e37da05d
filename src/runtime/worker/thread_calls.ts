/** What the supervisor and the threads that relay call in each other. */

import type { GroupConfig, LogLevel, ServiceConfig } from "../../config/config.ts";
import type { Address } from "../../net/address.ts";
import type { AccountsSize } from "../../observe/counters/accounts.ts";
import type { EpochStart } from "../../shared/worker_epoch.ts";
import type { ConnectionPage, ConnectionQuery } from "../../observe/counters/connection_list.ts";
import type { AbortCode } from "../../observe/counters/connection_record.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";
import type { Fields } from "../../observe/log/line_format.ts";
import type { Level } from "../../observe/log/log.ts";
import type { BindPlan } from "../../proxy/listeners.ts";
import type { TlsMaterial } from "../../proxy/tls_termination.ts";
import type { EndpointRecord, EndpointState } from "../../upstream/endpoint.ts";
import type { ConnectionFailure } from "../../upstream/group.ts";
import type { UpstreamTlsMaterial } from "../../upstream/upstream_tls.ts";
import type { Answered } from "./rpc.ts";

/** What a thread begins with. Everything shared is as large as it will ever be. */
export interface ThreadStart {
  /** Which one it is, of how many. */
  readonly epoch: EpochStart;
  /** How many connections each thread has had, which their numbers go by. */
  readonly numbers: SharedArrayBuffer;
  readonly credits: { readonly endpoints: number; readonly memory: SharedArrayBuffer };
  readonly accounts: { readonly size: AccountsSize; readonly memory: SharedArrayBuffer };
  readonly gauges: { readonly slots: number; readonly memory: SharedArrayBuffer };
  /** Clients of a service that can be counted. */
  readonly clients: number;
  readonly heartbeats: SharedArrayBuffer;
  /** Whether Deno treats memory as `net/workarounds/memory.ts` expects it to. */
  readonly memoryTricks: boolean;
}

/** What is behind one address of one service. */
export interface ListenPlan extends BindPlan {
  readonly service: string;
}

/** A service as a thread needs it; numbers are places in the shared accounts. */
export interface ServicePlan {
  readonly config: ServiceConfig;
  /** Nothing about it has changed: the service that is there goes on. */
  readonly isSame: boolean;
  readonly row: number;
  readonly gauge: number;
  readonly rate: SharedArrayBuffer | undefined;
  readonly clients: SharedArrayBuffer | undefined;
  readonly tls: TlsMaterial | undefined;
  readonly upstreamTls: UpstreamTlsMaterial | undefined;
}

export interface GroupPlan {
  readonly config: GroupConfig;
  readonly row: number;
  readonly endpoints: readonly EndpointRecord[];
}

/** Everything a thread does from now on. */
export interface ThreadPlan {
  readonly groups: readonly GroupPlan[];
  readonly services: readonly ServicePlan[];
  /** Of each address prepared before, in the same order. */
  readonly listeners: readonly string[];
  /** Connections of all services: where they are counted, and how many there may be; 0 is no limit. */
  readonly all: { readonly gauge: number; readonly limit: number };
  readonly log: { readonly level: LogLevel; readonly hasAccessFile: boolean; readonly sample: number };
}

/** What became of binding addresses. */
export type BindOutcome =
  | { readonly addresses: readonly Address[] }
  | { readonly refused: { readonly message: string; readonly code: string } };

/** What the supervisor has a thread do. */
export interface ThreadCalls {
  /** Binds addresses that are new, without accepting; `commit` or `discard` must follow. */
  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome>;
  /** Gives up what was prepared. */
  discard(): Promise<void>;
  /** Applies the plan; if it cannot, rejects and keeps the previous one. */
  commit(plan: ThreadPlan): Promise<void>;
  /** Resolves when the listeners that the plan no longer contains are closed. */
  unplannedClosed(): Promise<void>;
  /** Uses reloaded certificates; false when a listener keeps the previous one, which it logs. */
  setTls(
    service: string,
    tls: TlsMaterial | undefined,
    upstreamTls: UpstreamTlsMaterial | undefined,
  ): Promise<boolean>;
  /** The endpoints of a group that there are from now on. */
  setEndpoints(group: string, records: readonly EndpointRecord[]): void;
  /** What was decided of an endpoint; with `abort` its connections end. */
  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void;
  /** A place in a gauge was left in another thread. */
  wake(gauge: number): void;
  /** A client of another thread needs a place at an endpoint. */
  evictIdle(group: string, endpoint: number): void;
  /** Whether anybody wants to know what happens. */
  setSubscribed(isSubscribed: boolean): void;
  /** Connections that are open in this thread: the first of them, in the order asked for. */
  connections(query: ConnectionQuery): Promise<ConnectionPage>;
  /** Ends a connection; false when it is not of this thread. */
  kill(id: number): Promise<boolean>;
  /** Accepts who is on the way, then closes all listeners; resolves when they are closed. */
  drainListeners(): Promise<void>;
  /** Closes all listeners at once. */
  closeListeners(): Promise<void>;
  /** Resolves when no connection is open. */
  drained(): Promise<void>;
  /** Ends every connection at once, and what is open ahead of clients. */
  abortConnections(code: AbortCode): Promise<void>;
  /** Has everything reported that has happened so far. */
  report(): Promise<void>;
  /** Ends what goes on by itself, and has the rest reported. Nothing is asked of it afterwards. */
  finish(): Promise<void>;
}

export const THREAD_CALLS: Answered<ThreadCalls> = {
  prepare: true,
  discard: true,
  commit: true,
  unplannedClosed: true,
  setTls: true,
  setEndpoints: false,
  setState: false,
  wake: false,
  evictIdle: false,
  setSubscribed: false,
  connections: true,
  kill: true,
  drainListeners: true,
  closeListeners: true,
  drained: true,
  abortConnections: true,
  report: true,
  finish: true,
};

/** What a thread calls in the supervisor. */
export interface SupervisorCalls {
  connectionFailed(group: string, endpoint: number, failure: ConnectionFailure): void;
  evictIdle(group: string, endpoint: number): void;
  /** A place in a gauge was left for which another thread may wait. */
  freed(gauge: number): void;
  /** A client found no descriptor left. */
  descriptorsShort(): void;
}

/** What a worker calls: the log and the events are the supervisor's. */
export interface WorkerSupervisorCalls extends SupervisorCalls {
  reports(reports: readonly Report[]): void;
}

export const SUPERVISOR_CALLS: Answered<WorkerSupervisorCalls> = {
  connectionFailed: false,
  evictIdle: false,
  freed: false,
  descriptorsShort: false,
  reports: false,
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
