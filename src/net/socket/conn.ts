/** The one connection type the proxy works with; `deno_conn.ts` and `node_conn.ts` are its adapters. */

import type { Address } from "../address.ts";

export interface Conn extends Disposable {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /**
   * Reads at least one byte into `buffer`; `null` once the peer has finished sending (FIN). One read at a time.
   * Rejects when the connection breaks or is closed meanwhile.
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some or all of `bytes` and resolves with how many the kernel took. One write at a time. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends sending (FIN) and leaves reading open: half-close. */
  closeWrite(): Promise<void>;
  /** Closes both ways and frees the descriptor. May be called twice; never throws. */
  close(): void;
  /**
   * Whether the end is a close_notify before the FIN, as inside TLS. A slow reader may have no buffer space for it
   * yet: `closeWrite()` waits for that, `close()` for a second at most.
   */
  readonly sendsCloseNotify?: boolean;
  /** Closes with a RST where the adapter can send one, else as {@linkcode close}. Never throws. */
  reset(): void;
  /** TCP_NODELAY. Does nothing on a unix socket. */
  setNoDelay(on: boolean): void;
  /** SO_KEEPALIVE; a number also sets the idle time before the first probe, in milliseconds. */
  setKeepAlive(after: true | number): void;
}

/** Which API a TCP leg uses: `deno` (Deno.listen, Deno.connect) or `node` (node:net). */
export type Adapter = "deno" | "node";

/**
 * `node` for a leg that must send a RST or set a keepalive time, which Deno's own sockets cannot; else `deno`,
 * which is the faster (see tests/bench).
 */
export function adapterFor(options: { reset: "close" | "pass"; keepalive: boolean | number }): Adapter {
  return options.reset === "pass" || typeof options.keepalive === "number" ? "node" : "deno";
}

/** Socket options of a leg. */
export interface SocketOptions {
  readonly nodelay: boolean;
  /** `true`: the kernel's own times; a number: milliseconds of silence before the first probe. */
  readonly keepalive: boolean | number;
}

export function applySocketOptions(conn: Conn, { nodelay, keepalive }: SocketOptions): void {
  if (nodelay) conn.setNoDelay(true);
  if (keepalive !== false) conn.setKeepAlive(keepalive);
}

/** Writes all of `bytes`, however many writes that takes. */
export async function writeAll(conn: Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    written += await conn.write(written === 0 ? bytes : bytes.subarray(written));
  }
}

export abstract class ConnWrapper implements Conn {
  protected inner: Conn;

  constructor(inner: Conn) {
    this.inner = inner;
  }

  get localAddress(): Address {
    return this.inner.localAddress;
  }

  get remoteAddress(): Address {
    return this.inner.remoteAddress;
  }

  get sendsCloseNotify(): boolean {
    return this.inner.sendsCloseNotify === true;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.inner.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.inner.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.inner.closeWrite();
  }

  close(): void {
    this.inner.close();
  }

  reset(): void {
    this.inner.reset();
  }

  setNoDelay(on: boolean): void {
    this.inner.setNoDelay(on);
  }

  setKeepAlive(after: true | number): void {
    this.inner.setKeepAlive(after);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
