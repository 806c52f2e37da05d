/** Deno's own sockets: {@linkcode Conn} over `Deno.TcpConn` and `Deno.UnixConn`, and their {@linkcode Listener}. */

import { type Address, unixAddress } from "../address.ts";
import type { Conn, SocketOptions } from "./conn.ts";
import type { Listener } from "./listen.ts";

/**
 * A first write of at most this many bytes needs no TCP_NODELAY. It is a single segment, as every path takes 536 bytes,
 * and leaves at once, as no earlier segment is unacknowledged (RFC 1122 section 4.2.3.4).
 */
const ONE_SEGMENT = 536;

export class DenoConn implements Conn {
  readonly #conn: Deno.TcpConn | Deno.UnixConn;
  readonly #local: Address | undefined;
  /** The next write may have this many bytes without TCP_NODELAY; a longer one sets it. */
  #undelayed = Infinity;
  #closed = false;

  /** @param local The local address, where Deno does not have it. */
  constructor(conn: Deno.TcpConn | Deno.UnixConn, local?: Address) {
    this.#conn = conn;
    this.#local = local;
  }

  get localAddress(): Address {
    return this.#local ?? addressOf(this.#conn.localAddr);
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

  /**
   * TCP_NODELAY is set when a write needs it, which spares connections of one request and one answer two system calls.
   */
  setOptions({ nodelay, keepalive }: SocketOptions): void {
    if (nodelay) this.#undelayed = ONE_SEGMENT;
    if (keepalive !== false && !this.#closed && "setKeepAlive" in this.#conn) this.#conn.setKeepAlive(true);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #prepareWrite(length: number): void {
    if (length <= this.#undelayed) this.#undelayed = 0;
    else {
      this.#undelayed = Infinity;
      try {
        if (!this.#closed && "setNoDelay" in this.#conn) this.#conn.setNoDelay(true);
      } catch {
        // On some systems, a broken socket rejects options. The write will report the cause.
      }
    }
  }
}

export class DenoListener implements Listener {
  readonly address: Address;
  readonly #listener: Deno.Listener;
  readonly #toConn: (conn: Deno.Conn) => Conn;
  #closed = false;

  /** @param local The local address of its connections, where Deno does not have it. */
  constructor(listener: Deno.Listener, address = addressOf(listener.addr), local?: Address) {
    this.#listener = listener;
    this.address = address;
    this.#toConn = local === undefined ? toConn : (conn) => new DenoConn(conn as Deno.UnixConn, local);
  }

  accept(): Promise<Conn> {
    return this.#listener.accept().then(this.#toConn);
  }

  close(): void {
    // A second Deno close() throws BadResource.
    if (!this.#closed) this.#listener.close();
    this.#closed = true;
  }
}

function toConn(conn: Deno.Conn): Conn {
  return new DenoConn(conn as Deno.TcpConn | Deno.UnixConn);
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
