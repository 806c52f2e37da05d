/** {@linkcode Conn} inside TLS, on node:tls over another `Conn`. */

import type { TLSSocket } from "node:tls";
import type { Conn } from "./conn.ts";
import { ConnWrapper } from "./conn_wrapper.ts";
import type { Peer } from "./errors.ts";
import { NodeConn } from "./node_conn.ts";
import type { ConnDuplex } from "./tls_duplex.ts";
import { isTlsError, tlsErrorOf } from "./tls_errors.ts";

/** How long `close()` tries to send close_notify to a peer that does not read, in milliseconds. */
const LAST_WORDS = 1000;

export interface TlsConnOptions {
  /** What TLS runs over. */
  readonly inner: Conn;
  readonly duplex: ConnDuplex;
  /** Made with `allowHalfOpen`. */
  readonly socket: TLSSocket;
  readonly side: Peer;
}

/**
 * Half-closes inside TLS: `closeWrite()` sends close_notify and a FIN, and reading goes on (RFC 8446 section 6.1).
 * A FIN without close_notify reads as the end: node:tls does not tell.
 */
export class TlsConn extends ConnWrapper {
  readonly #socket: TLSSocket;
  readonly #duplex: ConnDuplex;
  readonly #stream: NodeConn;
  readonly #side: Peer;
  #end: Promise<void> | undefined;
  #isWriting = false;
  #isEnded = false;
  #isClosed = false;

  /** Takes the socket over as soon as its handshake is done, before it can emit anything more. */
  constructor({ inner, duplex, socket, side }: TlsConnOptions) {
    super(inner);
    this.#socket = socket;
    this.#duplex = duplex;
    this.#stream = new NodeConn(socket);
    this.#side = side;
    duplex.hold();
  }

  override get hasLastWords(): boolean {
    return true;
  }

  override async read(buffer: Uint8Array): Promise<number | null> {
    // What it holds decrypted comes first, so no more than a record or two waits here.
    if (this.#socket.readableLength === 0) this.#duplex.release();
    try {
      return await this.#stream.read(buffer);
    } catch (cause) {
      // A TLS 1.3 server refuses a client's certificate when the client's handshake is long done.
      throw isTlsError(cause) ? tlsErrorOf(cause, this.#side) : cause;
    } finally {
      this.#duplex.hold();
    }
  }

  override async write(bytes: Uint8Array): Promise<number> {
    this.#isWriting = true;
    const count = await this.#stream.write(bytes);
    this.#isWriting = false;
    return count;
  }

  override closeWrite(): Promise<void> {
    return this.#end ??= this.#sendEnd();
  }

  /** Sends close_notify first where that takes no waiting for writes under way; a peer would miss it as truncation. */
  override close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isWriting || this.#isEnded || this.#socket.destroyed) return this.#destroy();
    const timer = setTimeout(() => this.#destroy(), LAST_WORDS);
    this.closeWrite().catch(() => {}).finally(() => {
      clearTimeout(timer);
      this.#destroy();
    });
  }

  override reset(): void {
    this.#isClosed = true;
    this.inner.reset();
    this.#destroy();
  }

  async #sendEnd(): Promise<void> {
    await this.#stream.closeWrite();
    // node:tls calls back just before it hands close_notify to the duplex.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    await this.#duplex.flushed();
    this.#isEnded = true;
    if (!this.#duplex.destroyed) await this.inner.closeWrite();
  }

  #destroy(): void {
    this.#socket.destroy();
    this.#duplex.destroy();
    this.inner.close();
  }
}
