/** The admin interface: answers HTTP/1.1 on the connections passed to it. */

import type { AdminConfig } from "../config/config.ts";
import { type Log, silentLog } from "../observe/log/log.ts";
import { LogRateLimiter } from "../observe/log/log_rate_limiter.ts";
import { ApiError } from "./api_error.ts";
import type { AdminBackend } from "./backend.ts";
import type { AdminConn } from "./http/conn_stream.ts";
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

/** How long {@linkcode AdminServer.close} waits for requests in progress, in milliseconds. */
const CLOSE_DEADLINE = 1000;

export class AdminServer implements AsyncDisposable {
  readonly #handler: RequestHandler;
  readonly #events: EventHub;
  readonly #http: HttpServer;
  readonly #log: Log;
  readonly #limiter: LogRateLimiter;
  #closing: Promise<void> | undefined;

  private constructor(options: AdminServerOptions, page: ReadonlyMap<string, PageFile>) {
    const { listen, token, backend, parseDuration, maxConnections } = options;
    const { log = silentLog(), now = () => performance.now(), lookEvery = 1000 } = options;
    this.#log = log;
    this.#limiter = new LogRateLimiter(now, 1);
    this.#events = new EventHub(backend, log, { connections: maxConnections });
    const routes = routesOf({ backend, events: this.#events, page, parseDuration });
    const hosts = listen.transport === "unix"
      ? undefined
      : new Set([...options.hosts, listen.hostname.toLowerCase()]);
    this.#handler = new RequestHandler({ routes, token, hosts, log, limiter: this.#limiter });
    this.#http = new HttpServer({
      answer: (request, client) => this.#answer(request, client),
      maxConnections,
      now,
      lookEvery,
    });
  }

  /** On a unix socket, the file permissions decide access, and any Host is accepted. */
  static async create(options: AdminServerOptions): Promise<AdminServer> {
    return new AdminServer(options, await options.pageFiles());
  }

  /** Serves an accepted connection. @param client The client's name for the log. */
  serve(conn: AdminConn, client: string): void {
    if (this.#http.serve(conn, client)) return;
    const extra = this.#limiter.admit("too_many_connections");
    if (extra === undefined) return;
    this.#log.warn("Admin connection refused: admin.max_connections are open", {
      event: "admin_connection_refused",
      client,
      ...extra,
    });
  }

  /** Closes idle connections, because descriptors are scarce. */
  evictIdle(): void {
    this.#http.evictIdle();
  }

  /** Ends event streams, waits at most a second for requests in progress, then closes every connection. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: AdminRequest, client: string): Promise<Response> {
    if (this.#closing === undefined) return await this.#handler.handle(request, client);
    return withSecurityHeaders(errorResponse(new ApiError("closing", "sluice is stopping")));
  }

  async #close(): Promise<void> {
    this.#events.close();
    const { promise: tooLong, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, CLOSE_DEADLINE);
    await Promise.race([this.#http.answered(), tooLong]);
    clearTimeout(deadline);
    this.#http.close();
  }
}
