/** One connection to the admin interface: its phase, and the deadline of the phase. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { type AdminConn, ConnStream } from "./conn_stream.ts";
import { BodyTimeout } from "./request.ts";

/** How long a request head may take from its first byte, or from the accept of a new connection. Milliseconds. */
export const HEAD_DEADLINE = 10_000;
/** How long the body may take after that. */
export const BODY_DEADLINE = 10_000;
/** How long a connection may be idle between two requests. */
export const IDLE_DEADLINE = 60_000;
/** How long a client may read nothing of a response; event streams have no such limit. */
export const STUCK_DEADLINE = 30_000;

/** How long a client may take to read the response 408. */
const CLOSE_DEADLINE = 1000;

/**
 * `idle`: no byte of the next request has arrived. `head` and `body`: it is being received. `answer`: the response is
 * being made or sent. `stream`: the response is an event stream. `closing`: the response 408 is being sent.
 */
type Phase = "idle" | "head" | "body" | "answer" | "stream" | "closing";

const NO_HEAD = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

export class HttpConnection {
  readonly stream: ConnStream;
  /** For the log. */
  readonly client: string;
  readonly #now: () => number;
  #phase: Phase = "idle";
  #since: number;
  /** Requests in progress: a client may send the next one before it has the response (pipelining). */
  #inProgress = 0;
  #expireBody: ((reason: Error) => void) | undefined;
  /** Until the first request, the deadline is that of a head: a new client should send one at once. */
  #isNew = true;

  constructor(conn: AdminConn, client: string, now: () => number) {
    this.stream = new ConnStream(conn, now, () => this.#onRead());
    this.client = client;
    this.#now = now;
    this.#since = now();
  }

  /** When the current phase began. */
  get since(): number {
    return this.#since;
  }

  /** Whether no complete request is in progress, so that closing it aborts nothing. */
  get isIdle(): boolean {
    return this.#inProgress === 0;
  }

  /** A request head is complete. Returns a promise that rejects when the body takes too long. */
  requested(request: IncomingMessage, response: ServerResponse): Promise<never> {
    this.#isNew = false;
    this.#inProgress += 1;
    const { promise, reject } = Promise.withResolvers<never>();
    // Prevents an unhandled rejection if the handler never reads the body.
    promise.catch(() => {});
    this.#expireBody = reject;
    this.#enter(request.complete ? "answer" : "body");
    request.once("end", () => this.#phase === "body" && this.#enter("answer"));
    response.once("close", () => {
      this.#inProgress -= 1;
      this.#enter(this.#inProgress === 0 ? "idle" : "answer");
    });
    return promise;
  }

  /** The response is a stream that lasts until the client closes it. */
  streams(): void {
    this.#enter("stream");
  }

  /** Ends a phase that has passed its deadline. */
  check(): void {
    const lasted = this.#now() - this.#since;
    if (this.#phase === "body" && lasted >= BODY_DEADLINE) {
      // The handler that reads the body responds, and the response has its own deadline.
      this.#enter("answer");
      this.#expireBody!(new BodyTimeout());
    } else if (this.#phase === "head" && lasted >= HEAD_DEADLINE) {
      this.#enter("closing");
      this.stream.end(NO_HEAD);
    } else if (this.#phase === "closing" && lasted >= CLOSE_DEADLINE) {
      this.stream.destroy();
    } else if (this.#phase === "idle" && lasted >= (this.#isNew ? HEAD_DEADLINE : IDLE_DEADLINE)) {
      this.stream.destroy();
    } else if (this.#phase === "answer" && this.stream.stuckFor >= STUCK_DEADLINE) {
      this.stream.destroy();
    }
  }

  #onRead(): void {
    if (this.#phase !== "idle") return;
    // The first byte does not give a new client more time.
    if (this.#isNew) this.#phase = "head";
    else this.#enter("head");
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#since = this.#now();
  }
}
