/** The admin interface: HTTP/1.1 on a TCP port or a unix socket. */

import type { AdminConfig } from "../config/config.ts";
import { type Log, silentLog } from "../observe/log.ts";
import { ApiError } from "./api_error.ts";
import type { AdminBackend } from "./backend.ts";
import { EventHub } from "./event_hub.ts";
import { clientOf, serveHttp } from "./http_listener.ts";
import { RequestHandler } from "./request_handler.ts";
import { errorResponse, withSecurityHeaders } from "./responses.ts";
import { type PageFile, routesOf } from "./routes.ts";

export interface AdminServerOptions extends AdminConfig {
  readonly backend: AdminBackend;
  /** The files of the web page by their paths. */
  readonly pageFiles: () => Promise<ReadonlyMap<string, PageFile>>;
  /** Milliseconds of `10s`; throws a SyntaxError or RangeError whose message says what is wrong. */
  readonly parseDuration: (text: string) => number;
  readonly log?: Log;
}

export interface AdminServer extends AsyncDisposable {
  /** The address bound, with the real port. */
  readonly address: AdminConfig["listen"];
  /** Ends event streams, waits for answers under way for at most a second, then closes every connection. */
  close(): Promise<void>;
}

/** How long requests under way may hold up the end, in milliseconds. */
const CLOSE_DEADLINE = 1000;

/**
 * Starts the admin interface. On a unix socket, whoever may open the file may ask, by any Host.
 *
 * @throws {AdminListenError} when the address cannot be bound.
 */
export async function serveAdmin(options: AdminServerOptions): Promise<AdminServer> {
  const { listen, token, backend, parseDuration, log = silentLog() } = options;
  const events = new EventHub(backend, log);
  const routes = routesOf({ backend, events, page: await options.pageFiles(), parseDuration });
  const hosts = listen.transport === "unix"
    ? undefined
    : new Set([...options.hosts, listen.hostname.toLowerCase()]);
  return new Server(listen, new RequestHandler({ routes, token, hosts, log }), events, log);
}

class Server implements AdminServer {
  readonly address: AdminConfig["listen"];
  readonly #handler: RequestHandler;
  readonly #events: EventHub;
  readonly #underWay = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  readonly #finished: Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(listen: AdminConfig["listen"], handler: RequestHandler, events: EventHub, log: Log) {
    this.#handler = handler;
    this.#events = events;
    const { address, finished } = serveHttp(listen, {
      handler: (request, info) => this.#answer(request, info),
      signal: this.#abort.signal,
      onFailure: (error) =>
        log.error("The admin interface cannot accept connections, trying again", {
          event: "admin_accept_failed",
          detail: error.message,
        }),
    });
    this.#finished = finished;
    this.address = address;
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr | Deno.UnixAddr>,
  ): Promise<Response> {
    // It rejects when the client has gone before the end.
    const ended = info.completed.catch(() => {}).finally(() => this.#underWay.delete(ended));
    this.#underWay.add(ended);
    if (this.#closing === undefined) return await this.#handler.handle(request, clientOf(info.remoteAddr));
    return withSecurityHeaders(errorResponse(new ApiError("closing", "sluice is stopping")));
  }

  async #close(): Promise<void> {
    this.#events.close();
    const { promise: tooLong, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, CLOSE_DEADLINE);
    await Promise.race([Promise.all(this.#underWay), tooLong]);
    clearTimeout(deadline);
    // An answer that is complete has yet to be written.
    await new Promise((written) => setTimeout(written, 0));
    // shutdown() waits for clients that never read their answer, and cannot be hurried afterwards.
    this.#abort.abort();
    await this.#finished;
  }
}
