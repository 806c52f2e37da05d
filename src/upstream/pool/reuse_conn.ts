/** An upstream connection that serves one client after another. */

import { type Conn, ConnWrapper } from "../../net/socket/conn.ts";
import { ProxyError } from "../../net/errors.ts";
import type { Idle } from "./idle_conn_list.ts";

/** Bytes read ahead of the client; they are copied, so that a read can outlive the client it was started for. */
const READ_AHEAD = 32 * 1024;

export interface ReuseOptions {
  /** Milliseconds the upstream must be silent after its last byte. */
  readonly quiet: number;
  readonly maxUses: number;
  /** The client has ended and the upstream is silent: the connection is free for the next. */
  readonly onFree: (conn: ReuseConn) => void;
  /** It ended, or the upstream sent something, while it was free. */
  readonly onLost: (conn: ReuseConn) => void;
}

/** The connection itself. Each client gets a {@linkcode Use} of it. */
export class ReuseConn implements Idle {
  readonly #conn: Conn;
  readonly #options: ReuseOptions;
  readonly #buffer = new Uint8Array(READ_AHEAD);
  #arrived = new Uint8Array(0);
  #end: { readonly error?: unknown } | undefined;
  #isReading = false;
  #user: Use | undefined;
  #uses = 0;
  idleSince = 0;

  constructor(conn: Conn, options: ReuseOptions) {
    this.#conn = conn;
    this.#options = options;
  }

  get quiet(): number {
    return this.#options.quiet;
  }

  get mayBeUsedAgain(): boolean {
    return this.#uses < this.#options.maxUses;
  }

  /** The connection as its next client sees it. */
  use(): Conn {
    this.#uses += 1;
    return this.#user = new Use(this.#conn, this, this.#uses === 1);
  }

  /** The client does not use it any more. The pending read continues: it notices when the upstream closes. */
  free(): void {
    this.#user = undefined;
    this.idleSince = performance.now();
    this.#options.onFree(this);
  }

  close(): void {
    this.#conn.close();
  }

  /** What has arrived, if anything has: a count of bytes put into `buffer`, or `null` at the end. */
  takeArrived(buffer: Uint8Array): number | null | undefined {
    if (this.#arrived.length > 0) {
      const bytes = this.#arrived.subarray(0, buffer.length);
      buffer.set(bytes);
      this.#arrived = this.#arrived.subarray(bytes.length);
      return bytes.length;
    }
    if (this.#end === undefined) return undefined;
    if ("error" in this.#end) throw this.#end.error;
    return null;
  }

  /** Reads ahead, if no read is pending, and notifies the current user. */
  readAhead(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#conn.read(this.#buffer).then(
      (count) => {
        if (count === null) this.#end = {};
        else this.#arrived = this.#buffer.subarray(0, count);
        this.#onArrival();
      },
      (error) => {
        this.#end = { error };
        this.#onArrival();
      },
    );
  }

  #onArrival(): void {
    this.#isReading = false;
    if (this.#user === undefined) this.#options.onLost(this);
    else this.#user.onArrival();
  }
}

/** One client's use of a connection. Closing it ends the connection, unless it was returned before. */
class Use extends ConnWrapper {
  readonly #shared: ReuseConn;
  readonly #isFirst: boolean;
  #reader:
    | { buffer: Uint8Array; resolve(count: number | null): void; reject(cause: unknown): void }
    | undefined;
  #lastMove: "none" | "from upstream" | "to upstream" = "none";
  #quiet: { timer: ReturnType<typeof setTimeout>; resolve(isQuiet: boolean): void } | undefined;
  #isOver = false;

  constructor(conn: Conn, shared: ReuseConn, isFirst: boolean) {
    super(conn);
    this.#shared = shared;
    this.#isFirst = isFirst;
  }

  override read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reader = { buffer, resolve, reject };
      this.onArrival();
      if (this.#reader !== undefined) this.#shared.readAhead();
    });
  }

  override write(bytes: Uint8Array): Promise<number> {
    this.#lastMove = "to upstream";
    return super.write(bytes);
  }

  /**
   * The client has finished. If the upstream sent last and stays silent, the connection is returned without a FIN; else
   * the client keeps it to its end.
   */
  override async closeWrite(): Promise<void> {
    if (await this.#isQuiet()) {
      this.#isOver = true;
      this.#shared.free();
      // For the relay of this client, this is the end of the upstream.
      this.#reader?.resolve(null);
    } else await super.closeWrite();
  }

  override close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endQuiet(false);
    super.close();
  }

  override reset(): void {
    if (!this.#isOver) super.reset();
    this.close();
  }

  /**
   * Passes received bytes, or the end, to the reader. Bytes that arrive before a later client has sent anything were for
   * the client before, so this client cannot use the connection.
   */
  onArrival(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    try {
      const count = this.#shared.takeArrived(reader.buffer);
      if (count === undefined) return;
      if (!this.#isFirst && this.#lastMove === "none") throw new ProxyError("connection_reset", "upstream");
      this.#lastMove = "from upstream";
      this.#reader = undefined;
      this.#endQuiet(false);
      reader.resolve(count);
    } catch (cause) {
      this.#reader = undefined;
      this.#endQuiet(false);
      reader.reject(cause);
    }
  }

  /** The upstream sent last, all of it was passed on, and nothing follows for a while. */
  #isQuiet(): Promise<boolean> {
    const { quiet, mayBeUsedAgain } = this.#shared;
    if (this.#isOver || !mayBeUsedAgain || this.#reader === undefined) return Promise.resolve(false);
    if (this.#lastMove !== "from upstream") return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#quiet = { timer: setTimeout(() => this.#endQuiet(true), quiet), resolve };
    });
  }

  #endQuiet(isQuiet: boolean): void {
    const waiting = this.#quiet;
    if (waiting === undefined) return;
    this.#quiet = undefined;
    clearTimeout(waiting.timer);
    waiting.resolve(isQuiet);
  }
}
