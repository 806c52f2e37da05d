/** The connection of one check: what is sent, and what has been received and not read yet. */

import { type Conn, writeAll } from "../../net/socket/conn.ts";

/** The most bytes of an answer that a check looks at. */
const MAX_ANSWER = 16 * 1024;

export class Exchange {
  /** The cause of a timeout at the current step. */
  late = "";
  /** `within 2s`, for causes. */
  readonly within: string;
  /** Where the connection goes, as a Host header has it. */
  readonly authority: string;
  readonly #conn: Conn;
  #sending = Promise.resolve();
  #buffer = new Uint8Array(0);
  #length = 0;

  constructor(conn: Conn, { timeout, authority }: { timeout: number; authority: string }) {
    this.#conn = conn;
    this.within = `within ${durationText(timeout)}`;
    this.authority = authority;
  }

  /** What the endpoint has sent since the last {@linkcode skip}. */
  get received(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  get isFull(): boolean {
    return this.#length === MAX_ANSWER;
  }

  /**
   * Sends these bytes after all earlier ones; {@linkcode sent} waits for that. If an answer is expected, reading
   * returns what the endpoint sent before it closed, so an error of a write is not the cause.
   */
  send(bytes: Uint8Array): void {
    this.late = `cannot send ${this.within}`;
    this.#sending = this.#sending.then(() => writeAll(this.#conn, bytes));
    this.#sending.catch(() => {});
  }

  /** @throws {ProxyError} */
  sent(): Promise<void> {
    return this.#sending;
  }

  /** Receives more, unless it is full; false once the endpoint has finished sending. */
  async more(): Promise<boolean> {
    if (this.#buffer.length === 0) this.#buffer = new Uint8Array(MAX_ANSWER);
    const count = await this.#conn.read(this.#buffer.subarray(this.#length));
    this.#length += count ?? 0;
    return count !== null;
  }

  /** The first bytes of {@linkcode received} are done with. */
  skip(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
  }
}

function durationText(milliseconds: number): string {
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}
