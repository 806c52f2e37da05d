/**
 * HTTP/1.1 on connections that the caller accepts, parsed by node:http. Deno.serve accepts connections itself and without
 * a limit, waits for requests without a timeout, and stops permanently when descriptors run out.
 */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { ApiError } from "../api_error.ts";
import { ConnectionCap } from "./connection_cap.ts";
import type { AdminConn } from "./conn_stream.ts";
import { HttpConnection } from "./http_connection.ts";
import { type AdminRequest, requestOf } from "./request.ts";
import { isStream, writeResponse } from "./responses.ts";

/** Bytes of a request's first line and headers. */
const MAX_HEAD = 16 * 1024;

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
  readonly #answer: HttpServerOptions["answer"];
  readonly #connections: ConnectionCap;
  readonly #now: () => number;
  readonly #server: Server;
  /** By its stream. */
  readonly #byStream = new WeakMap<object, HttpConnection>();
  readonly #inProgress = new Set<Promise<void>>();

  constructor({ answer, maxConnections, now, lookEvery }: HttpServerOptions) {
    this.#answer = answer;
    this.#connections = new ConnectionCap(maxConnections, lookEvery);
    this.#now = now;
    this.#server = createServer(
      // Deadlines are kept here: node:http in Deno 2.9.6 has them only for sockets of its own.
      { maxHeaderSize: MAX_HEAD, requireHostHeader: false, keepAliveTimeout: 0 },
      (request, response) => this.#requested(request, response),
    );
    // If a server does not listen, node:http in Deno 2.9.6 closes connections after each response; Node.js does not.
    Object.defineProperty(this.#server, "listening", { value: true });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, stream) => {
      const isTooLarge = error.code === "HPE_HEADER_OVERFLOW";
      if (error.code?.startsWith("HPE_") && stream.writable) {
        stream.end(isTooLarge ? HEAD_TOO_LARGE : BAD_REQUEST);
      } else stream.destroy();
    });
  }

  /** Serves a connection. Closes it and returns false when the limit is reached. */
  serve(conn: AdminConn, client: string): boolean {
    const connection = new HttpConnection(conn, client, this.#now);
    const { stream } = connection;
    // Ignore clients that abort.
    stream.on("error", () => {});
    if (!this.#connections.enter(connection)) {
      stream.end(TOO_MANY_CONNECTIONS);
      return false;
    }
    this.#byStream.set(stream, connection);
    this.#server.emit("connection", stream);
    return true;
  }

  /** Closes connections without a request, because their descriptors are needed elsewhere. */
  evictIdle(): void {
    this.#connections.evictIdle();
  }

  /** Resolves when the requests now in progress are answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#inProgress);
  }

  /** Aborts every connection. */
  close(): void {
    this.#connections.close();
  }

  #requested(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#byStream.get(request.socket)!;
    const ended = this.#exchange(connection, request, response)
      .catch(() => void connection.stream.destroy())
      .finally(() => this.#inProgress.delete(ended));
    this.#inProgress.add(ended);
  }

  async #exchange(connection: HttpConnection, request: IncomingMessage, to: ServerResponse): Promise<void> {
    const isWritten = new Promise((resolve) => to.once("close", resolve));
    // Broken connections are reported here too.
    to.on("error", () => {});
    request.on("error", () => {});
    const expired = connection.requested(request, to);
    const response = await this.#answer(requestOf(request, expired), connection.client);
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
