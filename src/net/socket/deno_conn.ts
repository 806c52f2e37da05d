/** {@linkcode Conn} over `Deno.TcpConn` and `Deno.UnixConn`. */

import { type Address, unixAddress } from "../address.ts";
import type { Conn } from "./conn.ts";

/**
 * A first write of so many bytes or fewer needs no TCP_NODELAY: it is one segment, which leaves at once as nothing is
 * under way that could be waited for (RFC 1122 section 4.2.3.4; 536 bytes is what every path takes).
 */
const ONE_SEGMENT = 536;

export class DenoConn implements Conn {
  readonly #conn: Deno.TcpConn | Deno.UnixConn;
  /** How many bytes the next write may have before TCP_NODELAY has to be set. */
  #undelayed = Infinity;
  #closed = false;

  constructor(conn: Deno.TcpConn | Deno.UnixConn) {
    this.#conn = conn;
  }

  get localAddress(): Address {
    return addressOf(this.#conn.localAddr);
  }

  get remoteAddress(): Address {
    return addressOf(this.#conn.remoteAddr);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#conn.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#undelayed < Infinity) this.#prepareWrite(bytes.byteLength);
    return this.#conn.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    // A second Deno close() throws BadResource.
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  /** Deno has no SO_LINGER: the peer sees a FIN, and a RST only if it goes on sending. */
  reset(): void {
    this.close();
  }

  /** Turned on when a write needs it, which spares connections of one request and one answer two system calls. */
  setNoDelay(on: boolean): void {
    if (on) this.#undelayed = ONE_SEGMENT;
    else {
      this.#undelayed = Infinity;
      this.#setNoDelay(false);
    }
  }

  setKeepAlive(_after: true | number): void {
    if (!this.#closed && "setKeepAlive" in this.#conn) this.#conn.setKeepAlive(true);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #prepareWrite(length: number): void {
    if (length <= this.#undelayed) this.#undelayed = 0;
    else {
      this.#undelayed = Infinity;
      try {
        this.#setNoDelay(true);
      } catch {
        // On some systems, a broken socket rejects options. The write will report the cause.
      }
    }
  }

  #setNoDelay(on: boolean): void {
    if (!this.#closed && "setNoDelay" in this.#conn) this.#conn.setNoDelay(on);
  }
}

/** The address of a Deno socket; a unix client has none, so its path is empty. */
export function addressOf(address: Deno.Addr): Address {
  switch (address.transport) {
    case "tcp":
    case "udp":
      return { transport: "tcp", hostname: unmapped(address.hostname), port: address.port };
    case "unix":
    case "unixpacket":
      return unixAddress(address.path ?? "");
    default:
      throw new TypeError(`Cannot use a socket of transport "${(address as Deno.Addr).transport}"`);
  }
}

/** A dual-stack listener shows IPv4 clients as `::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2). */
export function unmapped(hostname: string): string {
  return hostname.startsWith("::ffff:") && hostname.includes(".")
    ? hostname.slice("::ffff:".length)
    : hostname;
}
