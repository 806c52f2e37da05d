/** The one connection type the proxy works with; `deno_socket.ts` and `node_conn.ts` are its adapters. */

import type { Address } from "../address.ts";

export interface Conn extends Disposable {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /**
   * Reads at least one byte into `buffer`; `null` once the peer has finished sending (FIN). One read at a time.
   * Rejects when the connection breaks or is closed meanwhile.
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some or all of `bytes`; resolves with the number that the kernel took. One write at a time. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends sending (FIN) and leaves reading open: half-close. */
  closeWrite(): Promise<void>;
  /** Closes both ways and frees the descriptor. May be called twice; never throws. */
  close(): void;
  /**
   * Whether it sends a close_notify before the FIN, as TLS does. A slow reader may have no buffer space for it yet:
   * `closeWrite()` waits for that, and `close()` does for a second at most.
   */
  readonly sendsCloseNotify?: boolean;
  /** Closes with a RST where the adapter can send one, else as {@linkcode close}. Never throws. */
  reset(): void;
  /** To be called once. Does nothing on a unix socket. */
  setOptions(options: SocketOptions): void;
}

/** Options of a TCP socket. */
export interface SocketOptions {
  /** TCP_NODELAY. */
  readonly nodelay: boolean;
  /** SO_KEEPALIVE. `true`: with the kernel's own times; a number: milliseconds of silence before the first probe. */
  readonly keepalive: boolean | number;
}

/** Which API a TCP leg uses: `deno` (Deno.listen, Deno.connect) or `node` (node:net). */
export type Adapter = "deno" | "node";

/**
 * `node` for a leg that must send a RST or set a keepalive time, which Deno's own sockets cannot do; else `deno`, which
 * is faster (see tests/bench).
 */
export function adapterFor({ reset, keepalive, faultsReset }: AdapterNeeds): Adapter {
  return reset === "pass" || typeof keepalive === "number" || faultsReset ? "node" : "deno";
}

interface AdapterNeeds {
  readonly reset: "close" | "pass";
  readonly keepalive: boolean | number;
  readonly faultsReset: boolean;
}

/** Writes all of `bytes`, in as many writes as that takes. */
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

  setOptions(options: SocketOptions): void {
    this.inner.setOptions(options);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
