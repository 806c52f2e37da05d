/** What the admin interface needs of the running proxy; `runtime/` provides it. */

import type {
  ConnectionPage,
  ConnectionQuery,
  EndpointView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "./views.ts";
import type { ProxyEvent } from "../observe/events/events.ts";

/** What became of a reload. */
export interface ReloadOutcome {
  /** Whether all that was read is in use now. */
  readonly ok: boolean;
  /** What changed, or why nothing did, in words. */
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
  /** Closes both sides of a connection; false when there is none with this number. */
  kill(id: number): Promise<boolean>;
  /** Undefined when there is no such group or endpoint; else once it is so for every client who comes from then on. */
  setEndpoint(
    group: string,
    endpoint: string,
    admin: EndpointView["admin"],
  ): EndpointView | undefined | Promise<EndpointView>;
  /** Begins to stop, as SIGTERM does; `deadline` in milliseconds, undefined is `shutdown.drain`. */
  drain(deadline: number | undefined): void;
  /** Reads certificates and opens log files anew, as SIGHUP does. */
  reload(): Promise<ReloadOutcome>;
  /** Calls `onEvent` for everything as it happens, until the result is disposed of. Unheard events cost nothing. */
  subscribe(onEvent: (event: ProxyEvent) => void): Disposable;
}
