/** What the admin interface needs from the running proxy; `runtime/` implements it. */

import type {
  ConnectionPage,
  ConnectionQuery,
  EndpointView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "./views.ts";
import type { ProxyEvent } from "../observe/events/events.ts";

/**
 * What became of a reload.
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
  /** Whether all that was read is in use now. */
  readonly ok: boolean;
  /** What changed, or why it failed, in words. */
  readonly detail: string;
}

export interface AdminBackend {
  status(): StatusView;
  services(): ServiceView[];
  upstreams(): UpstreamView[];
  connections(query: ConnectionQuery): Promise<ConnectionPage>;
  /** The configuration in effect as JSON values, spelled as in a file, secrets masked. */
  config(): unknown;
  /** Prometheus text format 0.0.4. */
  metrics(): string;
  /** Closes both sides of a connection; false if no open connection has this id. */
  kill(id: number): Promise<boolean>;
  /** Undefined if there is no such group or endpoint; else resolves when all threads apply it to new clients. */
  setEndpoint(
    group: string,
    endpoint: string,
    admin: EndpointView["admin"],
  ): EndpointView | undefined | Promise<EndpointView>;
  /** Stops the proxy, as SIGTERM does; `deadline` in milliseconds, undefined is `shutdown.drain`. */
  drain(deadline: number | undefined): void;
  /** Reloads configuration and certificates and reopens log files, as SIGHUP does. */
  reload(): Promise<ReloadOutcome>;
  /** Calls `onEvent` for every event until the result is disposed of. Without subscribers, events cost nothing. */
  subscribe(onEvent: (event: ProxyEvent) => void): Disposable;
}
