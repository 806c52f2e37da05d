/** The part of the running proxy that the admin interface uses; `runtime/` implements it. */

import type {
  ConnectionPage,
  ConnectionQuery,
  EndpointView,
  FaultsView,
  FaultView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "./views.ts";
import type { ProxyEvent } from "../observe/events/events.ts";

/**
 * The result of a reload.
 *
 * @example Read certificates again
 * ```ts
 * import { type ReloadOutcome, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * const { ok, detail }: ReloadOutcome = await proxy.reload();
 * if (!ok) console.error(detail);
 * ```
 */
export interface ReloadOutcome {
  /** Whether everything that was read is in use now. */
  readonly ok: boolean;
  /** What changed, or why it failed, in words. */
  readonly detail: string;
}

/** Faults of services. All but `overview` throw an ApiError: `faults_disabled`, `no_such_service`, … */
export interface FaultBackend {
  overview(): FaultsView;
  /** In the order in which they act. */
  list(service: string): FaultView[];
  /** Adds a fault as a file has it; resolves when all threads apply it, also to open connections. */
  add(service: string, fault: unknown): Promise<FaultView>;
  /** Changes some keys of a fault; `null` is as if a key was left out. */
  change(service: string, name: string, changes: unknown): Promise<FaultView>;
  remove(service: string, name: string): Promise<void>;
}

export interface AdminBackend {
  readonly faults: FaultBackend;
  status(): StatusView;
  services(): ServiceView[];
  upstreams(): UpstreamView[];
  connections(query: ConnectionQuery): Promise<ConnectionPage>;
  /** The configuration in effect as JSON values, spelled as in a file, secrets masked. */
  config(): unknown;
  /** Prometheus text format 0.0.4. */
  metrics(): string;
  /** Closes both sides of a connection; false if no open connection has this id. */
  kill(id: number, isReset: boolean): Promise<boolean>;
  /**
   * Sets the state that an operator wants. Resolves when all threads apply it to new clients; undefined if there is no
   * such group or endpoint.
   */
  setEndpoint(
    group: string,
    endpoint: string,
    admin: EndpointView["admin"],
  ): EndpointView | undefined | Promise<EndpointView>;
  /**
   * Stops the proxy, as SIGTERM does; `deadline` in milliseconds, undefined is `shutdown.drain`.
   *
   * @param isHandedOver Another sluice has taken over all addresses, those of the admin interface too: they are closed,
   * without `shutdown.delay`.
   */
  drain(deadline: number | undefined, isHandedOver: boolean): void;
  /** Reloads configuration and certificates and reopens log files, as SIGHUP does. */
  reload(): Promise<ReloadOutcome>;
  /** Calls `onEvent` for every event until the result is disposed of. Without subscribers, events cost nothing. */
  subscribe(onEvent: (event: ProxyEvent) => void): Disposable;
}
