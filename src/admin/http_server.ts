/**
 * HTTP/1.1 on connections that others accept. The parser is that of node:http; Deno.serve accepts by itself, as many
 * connections as come, waits for their requests without end, and stops for good when descriptors run out.
 */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { ApiError } from "./api_error.ts";
import { isStream, writeAnswer } from "./answer.ts";
import { ConnectionCap } from "./connection_cap.ts";
import type { AdminConn } from "./conn_stream.ts";
import { HttpConnection } from "./http_connection.ts";
import { type AdminRequest, requestOf } from "./request.ts";

/** Bytes of a request's first line and headers. */
const MAX_HEAD = 16 * 1024;

export interface HttpServerOptions {
  /** Answers a request; `client` is for the log. Must not throw. */
  readonly answer: (request: AdminRequest, client: string) => Promise<Response>;
  /** Connections at the same time. */
  readonly maxConnections: number;
  /** Milliseconds of any clock that is not set back. */
  readonly now: () => number;
  /** How often deadlines are looked at, in milliseconds. */
  readonly lookEvery: number;
}

export class HttpServer {
  readonly #answer: HttpServerOptions["answer"];
  readonly #connections: ConnectionCap;
  readonly #now: () => number;
  readonly #server: Server;
  /** By its stream. */
  readonly #byStream = new WeakMap<object, HttpConnection>();
  readonly #underWay = new Set<Promise<void>>();

  constructor({ answer, maxConnections, now, lookEvery }: HttpServerOptions) {
    this.#answer = answer;
    this.#connections = new ConnectionCap(maxConnections, lookEvery);
    this.#now = now;
    this.#server = createServer(
      // Deadlines are kept here: node:http in Deno 2.9.6 has them only for sockets of its own.
      { maxHeaderSize: MAX_HEAD, requireHostHeader: false, keepAliveTimeout: 0 },
      (request, response) => this.#requested(request, response),
    );
    // Of a server that does not listen, node:http in Deno 2.9.6 (Node.js does not) closes connections after each answer.
    Object.defineProperty(this.#server, "listening", { value: true });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, stream) => {
      const isTooLarge = error.code === "HPE_HEADER_OVERFLOW";
      if (error.code?.startsWith("HPE_") && stream.writable) {
        stream.end(isTooLarge ? HEAD_TOO_LARGE : BAD_REQUEST);
      } else stream.destroy();
    });
  }

  /** Serves a connection; false when there is no place for it, and it is closed. */
  serve(conn: AdminConn, client: string): boolean {
    const connection = new HttpConnection(conn, client, this.#now);
    const { stream } = connection;
    // That a client breaks off is its own business.
    stream.on("error", () => {});
    if (!this.#connections.enter(connection)) {
      stream.end(NO_PLACE);
      return false;
    }
    this.#byStream.set(stream, connection);
    this.#server.emit("connection", stream);
    return true;
  }

  /** Closes connections without a request: something else needs their descriptors. */
  evictIdle(): void {
    this.#connections.evictIdle();
  }

  /** Resolves when the requests that are under way now are answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Breaks off every connection. */
  close(): void {
    this.#connections.close();
  }

  #requested(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#byStream.get(request.socket)!;
    const ended = this.#exchange(connection, request, response)
      .catch(() => void connection.stream.destroy())
      .finally(() => this.#underWay.delete(ended));
    this.#underWay.add(ended);
  }

  async #exchange(connection: HttpConnection, request: IncomingMessage, to: ServerResponse): Promise<void> {
    const isWritten = new Promise((resolve) => to.once("close", resolve));
    // A connection that breaks is told of here too.
    to.on("error", () => {});
    request.on("error", () => {});
    const expired = connection.requested(request, to);
    const response = await this.#answer(requestOf(request, expired), connection.client);
    if (isStream(response)) connection.streams();
    await writeAnswer(response, request, to);
    await isWritten;
  }
}

const BAD_REQUEST = written(new ApiError("bad_request", "This is no request of HTTP/1.1"));
const HEAD_TOO_LARGE = written(
  new ApiError("head_too_large", `The head of the request has more than ${MAX_HEAD} bytes`),
);
const NO_PLACE = written(
  new ApiError("too_many_connections", "All connections that admin.max_connections allows are in use"),
);

/** What a connection gets that has no request to answer. */
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
