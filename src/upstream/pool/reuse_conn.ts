/** An upstream connection that serves one client after another. */

import { type Conn, ConnWrapper } from "../../net/socket/conn.ts";
import { ProxyError } from "../../net/errors.ts";
import type { Idle } from "./idle_conn_list.ts";

/** The size of a read, in bytes. It has a buffer of its own, so that it can outlive the client for which it began. */
const READ_AHEAD = 32 * 1024;

export interface ReuseOptions {
  /** The upstream must be silent for this many milliseconds after its last byte. */
  readonly quiet: number;
  readonly maxUses: number;
  /** The client has ended and the upstream is silent: the connection is free for the next. */
  readonly onFree: (conn: ReuseConn) => void;
  /** It ended while it was free, or the upstream sent something. */
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

  /** The connection for its next client. */
  use(): Conn {
    this.#uses += 1;
    return this.#user = new Use(this.#conn, this, this.#uses === 1);
  }

  /** The client has finished with it. The pending read continues, and notices when the upstream closes. */
  free(): void {
    this.#user = undefined;
    this.idleSince = performance.now();
    this.#options.onFree(this);
  }

  close(): void {
    this.#conn.close();
  }

  /**
   * Copies the bytes that have arrived to `buffer`; returns their number, `null` at the end, or undefined if nothing
   * has arrived.
   */
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

/** The use of a connection by one client. Closing it ends the connection, unless it was returned before. */
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
   * The client has finished. If the upstream sent last and stays silent, the connection goes back to the pool without a
   * FIN; else the client keeps it until the end.
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
   * Passes received bytes, or the end, to the reader. If bytes arrive before a later client has sent anything, they
   * were meant for its predecessor, and the client cannot use the connection.
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

  /** Whether the upstream sent last, all its bytes were passed on, and it sends nothing more for a while. */
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
