/** The admin interface: answers HTTP/1.1 on the connections passed to it. */

import type { AdminConfig } from "../config/config.ts";
import { type Log, silentLog } from "../observe/log/log.ts";
import { LogRateLimiter } from "../observe/log/log_rate_limiter.ts";
import { ApiError } from "./api_error.ts";
import type { AdminBackend } from "./backend.ts";
import { EventHub } from "./events/event_hub.ts";
import { HttpServer } from "./http/http_server.ts";
import type { AdminRequest } from "./http/request.ts";
import { RequestHandler } from "./http/request_handler.ts";
import { errorResponse, withSecurityHeaders } from "./http/responses.ts";
import { type PageFile, routesOf } from "./routes.ts";

export interface AdminServerOptions
  extends Pick<AdminConfig, "listen" | "token" | "hosts" | "maxConnections"> {
  readonly backend: AdminBackend;
  /** The files of the web page by their paths. */
  readonly pageFiles: () => Promise<ReadonlyMap<string, PageFile>>;
  /** Milliseconds of `10s`; throws a SyntaxError or RangeError that explains what is wrong. */
  readonly parseDuration: (text: string) => number;
  readonly log?: Log;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
  /** How often deadlines of connections are checked, in milliseconds; 1000 by default. */
  readonly lookEvery?: number;
}

/** On a unix socket, the file permissions decide access, and any Host is accepted. */
export async function createAdminServer(
  options: AdminServerOptions,
): Promise<Pick<HttpServer, "serve" | "evictIdle" | "close">> {
  const { listen, token, backend, parseDuration, maxConnections } = options;
  const { log = silentLog(), now = () => performance.now(), lookEvery = 1000 } = options;
  const limiter = new LogRateLimiter(now, 1);
  const events = new EventHub(backend, log, { connections: maxConnections });
  const routes = routesOf({ backend, events, page: await options.pageFiles(), parseDuration });
  const hosts = listen.transport === "unix"
    ? undefined
    : new Set([...options.hosts, listen.hostname.toLowerCase()]);
  const handler = new RequestHandler({ routes, token, hosts, log, limiter });
  let isClosing = false;
  const answer = async (request: AdminRequest, client: string) =>
    isClosing
      ? withSecurityHeaders(errorResponse(new ApiError("closing", "sluice is stopping")))
      : await handler.handle(request, client);
  const http = new HttpServer({ answer, maxConnections, now, lookEvery });
  return {
    serve(conn, client) {
      const isServed = http.serve(conn, client);
      const extra = isServed ? undefined : limiter.admit("too_many_connections");
      if (extra !== undefined) {
        log.warn("Admin connection refused: admin.max_connections are open", {
          event: "admin_connection_refused",
          client,
          ...extra,
        });
      }
      return isServed;
    },
    evictIdle: () => http.evictIdle(),
    /** Also ends event streams. */
    close() {
      isClosing = true;
      events.close();
      return http.close();
    },
  };
}
