/** One connection to the admin interface: a Node.js stream for node:http, with the deadlines of HTTP. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { BodyTimeout } from "./request.ts";

/** The part of a connection that the admin interface uses. */
export interface AdminConn {
  /** Reads at least one byte; `null` once the peer has finished sending. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Resolves with how many bytes the kernel accepted. */
  write(bytes: Uint8Array): Promise<number>;
  /** May be called twice; never throws. */
  close(): void;
}

/** Bytes per read: a request head is rarely larger. */
const READ_SIZE = 4096;

/**
 * The time limit for a request head, from its first byte or from the accept of a new connection. In milliseconds, like
 * those below.
 */
export const HEAD_DEADLINE = 10_000;
/** The time limit for the body after that. */
export const BODY_DEADLINE = 10_000;
/** The time limit for an idle connection between two requests. */
export const IDLE_DEADLINE = 60_000;
/** A client that reads nothing of a response for this time is disconnected; event streams have no such limit. */
export const STUCK_DEADLINE = 30_000;

/** The time limit for a client to read the response 408. */
const CLOSE_DEADLINE = 1000;

/**
 * `idle`: no byte of the next request has arrived. `head` and `body`: it is being received. `answer`: the response is
 * being made or sent. `stream`: the response is an event stream. `closing`: the response 408 is being sent.
 */
type Phase = "idle" | "head" | "body" | "answer" | "stream" | "closing";

const NO_HEAD = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

export class HttpConnection extends Duplex {
  readonly #conn: AdminConn;
  /** The client's name for the log. */
  readonly client: string;
  readonly #now: () => number;
  /** The time at which the kernel last accepted bytes of the current write; undefined without a write. */
  #writingSince: number | undefined;
  #phase: Phase = "idle";
  #since: number;
  /** Requests in progress: a client may send the next one before it has the response (pipelining). */
  #inProgress = 0;
  #expireBody: ((reason: Error) => void) | undefined;
  /** Until the first request, the deadline is that of a head: a new client should send one at once. */
  #isNew = true;

  constructor(conn: AdminConn, client: string, now: () => number) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
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

  /** For how long the current write has made no progress, in milliseconds; 0 without a write. */
  get #stuckFor(): number {
    return this.#writingSince === undefined ? 0 : this.#now() - this.#writingSince;
  }

  /** A request head is complete. Returns a promise that rejects when the body takes too long. */
  requested(request: IncomingMessage, response: ServerResponse): Promise<never> {
    this.#isNew = false;
    this.#inProgress += 1;
    const { promise, reject } = Promise.withResolvers<never>();
    // Avoids an unhandled rejection if the handler never reads the body.
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
      this.end(NO_HEAD);
    } else if (
      this.#phase === "closing" && lasted >= CLOSE_DEADLINE ||
      this.#phase === "idle" && lasted >= (this.#isNew ? HEAD_DEADLINE : IDLE_DEADLINE) ||
      this.#phase === "answer" && this.#stuckFor >= STUCK_DEADLINE
    ) this.destroy();
  }

  #onRead(): void {
    if (this.#phase !== "idle") return;
    // The first byte of a new client does not extend its deadline.
    if (this.#isNew) this.#phase = "head";
    else this.#enter("head");
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#since = this.#now();
  }

  override async _read(): Promise<void> {
    const buffer = new Uint8Array(READ_SIZE);
    try {
      const count = await this.#conn.read(buffer);
      if (this.destroyed) return;
      if (count !== null) this.#onRead();
      this.push(count === null ? null : buffer.subarray(0, count));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override async _write(
    bytes: Uint8Array,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): Promise<void> {
    try {
      for (let written = 0; written < bytes.byteLength;) {
        this.#writingSince = this.#now();
        written += await this.#conn.write(bytes.subarray(written));
      }
    } catch (error) {
      return callback(error as Error);
    } finally {
      this.#writingSince = undefined;
    }
    callback();
  }

  /** The response is complete: whatever the client still sends is ignored. */
  override _final(callback: (error?: Error | null) => void): void {
    callback();
    this.destroy();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#conn.close();
    callback(error);
  }
}
