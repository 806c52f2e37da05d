/**
 * HTTP/1.1 on connections that the caller accepts, parsed by node:http. Deno.serve accepts connections itself and
 * without a limit, waits for requests without a timeout, and stops permanently when descriptors run out.
 */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { ApiError } from "../api_error.ts";
import { type AdminConn, HttpConnection } from "./http_connection.ts";
import { type AdminRequest, requestOf } from "./request.ts";
import { isStream, writeResponse } from "./responses.ts";

/** The largest request line with headers, in bytes. */
const MAX_HEAD = 16 * 1024;

/** How long {@linkcode HttpServer.close} waits for requests in progress, in milliseconds. */
const CLOSE_DEADLINE = 1000;

export interface HttpServerOptions {
  /** Answers a request; `client` is for the log. Must not throw. */
  readonly answer: (request: AdminRequest, client: string) => Promise<Response>;
  /** The most concurrent connections. */
  readonly maxConnections: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** How often deadlines are checked, in milliseconds. */
  readonly lookEvery: number;
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  /** The connections, in the order of arrival. */
  readonly #connections = new Set<HttpConnection>();
  readonly #inProgress = new Set<Promise<void>>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer(
      // This server keeps deadlines itself: in Deno 2.9.6, node:http has them only for sockets of its own.
      { maxHeaderSize: MAX_HEAD, requireHostHeader: false, keepAliveTimeout: 0 },
      (request, response) => this.#requested(request, response),
    );
    // In Deno 2.9.6, unlike in Node.js, a node:http server that does not listen closes connections after each response.
    Object.defineProperty(this.#server, "listening", { value: true });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, stream) => {
      const isTooLarge = error.code === "HPE_HEADER_OVERFLOW";
      if (error.code?.startsWith("HPE_") && stream.writable) {
        stream.end(isTooLarge ? HEAD_TOO_LARGE : BAD_REQUEST);
      } else stream.destroy();
    });
  }

  /**
   * Serves a connection. At the limit it evicts one without a request; if there is none, closes it and returns false.
   */
  serve(conn: AdminConn, client: string): boolean {
    const { maxConnections, now, lookEvery } = this.#options;
    const connection = new HttpConnection(conn, client, now);
    // Ignore clients that abort.
    connection.on("error", () => {});
    if (this.#connections.size >= maxConnections && !this.#evictOldestIdle()) {
      connection.end(TOO_MANY_CONNECTIONS);
      return false;
    }
    this.#connections.add(connection);
    this.#timer ??= setInterval(() => this.#checkDeadlines(), lookEvery);
    connection.once("close", () => this.#leave(connection));
    this.#server.emit("connection", connection);
    return true;
  }

  /** Closes connections without a request, because their descriptors are needed elsewhere. */
  evictIdle(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.destroy();
  }

  /** Waits at most a second for requests in progress, then closes every connection. */
  async close(): Promise<void> {
    const { promise: tooLong, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, CLOSE_DEADLINE);
    await Promise.race([Promise.all(this.#inProgress), tooLong]);
    clearTimeout(deadline);
    for (const connection of this.#connections) connection.destroy();
  }

  #evictOldestIdle(): boolean {
    let oldest: HttpConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.isIdle && (oldest === undefined || connection.since < oldest.since)) oldest = connection;
    }
    if (oldest === undefined) return false;
    oldest.destroy();
    this.#leave(oldest);
    return true;
  }

  #leave(connection: HttpConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #checkDeadlines(): void {
    for (const connection of this.#connections) connection.check();
  }

  #requested(request: IncomingMessage, response: ServerResponse): void {
    const connection = request.socket as unknown as HttpConnection;
    const ended = this.#exchange(connection, request, response)
      .catch(() => void connection.destroy())
      .finally(() => this.#inProgress.delete(ended));
    this.#inProgress.add(ended);
  }

  async #exchange(connection: HttpConnection, request: IncomingMessage, to: ServerResponse): Promise<void> {
    const isWritten = new Promise((resolve) => to.once("close", resolve));
    // Also called for broken connections.
    to.on("error", () => {});
    request.on("error", () => {});
    const expired = connection.requested(request, to);
    const response = await this.#options.answer(requestOf(request, expired), connection.client);
    if (isStream(response)) connection.streams();
    await writeResponse(response, request, to);
    await isWritten;
  }
}

const BAD_REQUEST = written(new ApiError("bad_request", "This is not an HTTP/1.1 request"));
const HEAD_TOO_LARGE = written(
  new ApiError("head_too_large", `The head of the request has more than ${MAX_HEAD} bytes`),
);
const TOO_MANY_CONNECTIONS = written(
  new ApiError("too_many_connections", "All connections that admin.max_connections allows are in use"),
);

/** The response on a connection without a request to answer. */
function written({ code, message, status }: ApiError): string {
  const body = JSON.stringify({ error: { code, message } }) + "\n";
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}
