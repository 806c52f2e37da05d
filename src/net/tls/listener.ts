/** Plain TLS termination on `Deno.listenTls`: one certificate, and the least CPU. */

import { isLostClient } from "../socket/accept.ts";
import { boundAddress, type TcpAddress } from "../address.ts";
import { type Conn, ConnWrapper } from "../socket/conn.ts";
import { addressOf, DenoConn } from "../socket/deno_socket.ts";
import { proxyErrorOf } from "../errors.ts";
import { canShare } from "../socket/reserve.ts";
import { BACKLOG, type Listener } from "../socket/listen.ts";
import { ListenError } from "../socket/listen_error.ts";
import type { TlsIdentity } from "./credentials.ts";
import { tlsErrorOf } from "./errors.ts";
import type { PendingHandshakes } from "./pending.ts";
import type { Terminated } from "./server.ts";

export interface TlsListenOptions {
  readonly credentials: TlsIdentity;
  /** Protocols offered (RFC 7301), the preferred ones first; a client that offers only others is refused. */
  readonly alpn: readonly string[];
}

/** A client's connection, TLS inside: reading or writing begins with the handshake. It has no TCP options. */
export class DenoTlsConn extends ConnWrapper {
  readonly #conn: Deno.TlsConn;

  constructor(conn: Deno.TlsConn) {
    // A TlsConn is a TcpConn without options, and DenoConn asks for each of those before it uses it.
    super(new DenoConn(conn as unknown as Deno.TcpConn));
    this.#conn = conn;
  }

  override get sendsCloseNotify(): boolean {
    return true;
  }

  /**
   * Shakes hands with the client; closes the connection on failure. Deno 2.9.6 then drops its end, but the socket of an
   * aborted handshake stays open until the client closes it: there is no way to close a silent client here, as there is
   * with a TlsServer.
   *
   * @param signal Its reason is thrown when it aborts before the handshake is done.
   * @throws {ProxyError} of side `client`; see {@linkcode tlsErrorOf}.
   */
  async handshake(pending: PendingHandshakes, signal: AbortSignal): Promise<Terminated> {
    let reason: unknown;
    const end = (cause: unknown) => {
      reason = cause;
      this.close();
    };
    const onAbort = () => end(signal.reason);
    try {
      // Before it enters `pending`: a connection that has already ended must not evict another.
      signal.throwIfAborted();
      using _pending = pending.enter(end);
      signal.addEventListener("abort", onAbort);
      const { alpnProtocol } = await this.#conn.handshake();
      return { conn: this, facts: alpnProtocol === null ? {} : { alpn: alpnProtocol } };
    } catch (cause) {
      this.close();
      throw reason ?? (signal.aborted ? signal.reason : tlsErrorOf(cause, "client"));
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** One bound socket, with at most one pending accept. */
interface Bound {
  readonly listener: Deno.TlsListener;
  isAccepting: boolean;
  /** The timer of the next check of a retired listener. */
  look: ReturnType<typeof setTimeout> | undefined;
  /** How many checks in a row came too late to count. */
  lateLooks: number;
}

/**
 * A check counts only if it runs within this time, in milliseconds; later, the thread was busy and may have missed
 * clients.
 */
const LATE = 5;
/** After this many late checks, the retired listener closes anyway: until then, its clients get the old certificate. */
const MOST_LATE_LOOKS = 100;

/**
 * Accepts TLS clients before their handshakes. The certificate of a listener cannot change, so a new
 * certificate needs a new listener on the same port (SO_REUSEPORT); the old one is closed when its queue is
 * empty. A client that connects between the check and the close is reset. If addresses cannot be shared, the
 * old one is closed first, and clients that connect before the new one is bound are refused.
 */
export class TlsListener implements Listener {
  readonly address: TcpAddress;
  /** Clients that accept() has not returned yet, and the accept errors of those that disconnected. */
  readonly #accepted: (DenoTlsConn | Error)[] = [];
  readonly #canShare: boolean;
  /** Undefined while the previous listener is closing. */
  #current: Bound | undefined;
  /** The credentials to bind the next listener with. */
  #next: TlsListenOptions | undefined;
  readonly #retired = new Set<Bound>();
  /** Pending accepts of all listeners, closed ones included. */
  #accepts = 0;
  #waiting: PromiseWithResolvers<Conn> | undefined;
  #isClosed = false;

  private constructor(listener: Deno.TlsListener, asked: TcpAddress, canShare: boolean) {
    this.address = boundAddress(asked, addressOf(listener.addr) as TcpAddress);
    this.#canShare = canShare;
    this.#current = newlyBound(listener);
  }

  /**
   * Binds `address`, with SO_REUSEPORT if possible.
   *
   * @param sharing.shared Whether others, such as other threads, may also bind it; false by default.
   * @param sharing.reusePort Whether addresses can be shared; {@linkcode canShare} by default.
   * @throws {ListenError} unless `shared`, also when another program has bound it with SO_REUSEPORT.
   */
  static bind(
    address: TcpAddress,
    options: TlsListenOptions,
    { shared = false, reusePort = canShare() }: {
      readonly shared?: boolean;
      readonly reusePort?: boolean;
    } = {},
  ): TlsListener {
    try {
      // With SO_REUSEPORT a port that others share looks free.
      const { hostname, port } = address;
      if (!shared && port !== 0) Deno.listen({ hostname, port }).close();
      return new TlsListener(bind(address, options, reusePort), address, reusePort);
    } catch (cause) {
      throw ListenError.at(address, proxyErrorOf(cause, "proxy"));
    }
  }

  /** New clients get these credentials. Throws, and changes nothing, when they cannot be used. */
  replace(options: TlsListenOptions): void {
    if (this.#isClosed) return;
    if (!this.#canShare) return this.#replaceAlone(options);
    const listener = bind(this.address, options, true);
    this.#retired.add(this.#current!);
    this.#current = newlyBound(listener);
    if (this.#waiting !== undefined) this.#acceptFromAll();
  }

  accept(): Promise<Conn> {
    const conn = this.#accepted.shift();
    if (conn instanceof Error) return Promise.reject(conn);
    if (conn !== undefined) return Promise.resolve(conn);
    if (this.#isClosed && this.#accepts === 0) {
      return Promise.reject(new Deno.errors.BadResource("Listener has been closed"));
    }
    const { promise } = this.#waiting = Promise.withResolvers<Conn>();
    if (this.#next !== undefined) this.#bindNext();
    else if (!this.#isClosed) this.#acceptFromAll();
    return promise;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const bound of this.#all) closeBound(bound);
    this.#retired.clear();
  }

  get #all(): Bound[] {
    return [...this.#retired, ...this.#current === undefined ? [] : [this.#current]];
  }

  #replaceAlone(options: TlsListenOptions): void {
    // Unusable credentials must fail while the old listener is still bound.
    bind({ ...this.address, port: 0 }, options, false).close();
    this.#next = options;
    if (this.#current !== undefined) closeBound(this.#current);
    this.#current = undefined;
    this.#bindNext();
  }

  /** Binds once the old listener's last accept has ended. If it fails, the next accept tries again. */
  #bindNext(): void {
    if (this.#next === undefined || this.#isClosed || this.#accepts > 0) return;
    try {
      this.#current = newlyBound(bind(this.address, this.#next, false));
    } catch (cause) {
      return this.#fail(cause);
    }
    this.#next = undefined;
    if (this.#waiting !== undefined) this.#acceptFromAll();
  }

  #acceptFromAll(): void {
    for (const bound of this.#all) this.#acceptFrom(bound);
  }

  #acceptFrom(bound: Bound): void {
    if (this.#retired.has(bound) && !(bound.isAccepting && bound.look !== undefined)) this.#lookAt(bound);
    if (bound.isAccepting) return;
    bound.isAccepting = true;
    this.#accepts += 1;
    // In Deno 2.9.6, an accept can resolve after its listener was closed.
    bound.listener.accept().then((conn) => {
      this.#ended(bound);
      this.#deliver(new DenoTlsConn(conn));
      this.#bindNext();
    }, (cause) => {
      this.#ended(bound);
      if (isLostClient(cause)) this.#deliver(cause);
      else if (this.#isClosed ? this.#accepts === 0 : bound === this.#current) this.#fail(cause);
      this.#bindNext();
    });
  }

  #ended(bound: Bound): void {
    bound.isAccepting = false;
    this.#accepts -= 1;
  }

  /** A pending accept means that the queue is empty. */
  #lookAt(bound: Bound): void {
    clearTimeout(bound.look);
    const began = performance.now();
    bound.look = setTimeout(() => {
      bound.look = undefined;
      if (!bound.isAccepting) {
        if (this.#waiting !== undefined) this.#acceptFrom(bound);
      } else if (performance.now() - began > LATE && bound.lateLooks < MOST_LATE_LOOKS) {
        // There may be clients that the busy thread has not accepted yet.
        bound.lateLooks += 1;
        this.#lookAt(bound);
      } else {
        // The timer may fire before clients of the same turn are accepted.
        setImmediate(() => this.#retire(bound));
      }
    }, 0);
  }

  #retire(bound: Bound): void {
    if (bound.isAccepting) {
      if (this.#retired.delete(bound)) closeBound(bound);
    } else if (this.#waiting !== undefined && this.#retired.has(bound)) this.#acceptFrom(bound);
  }

  #deliver(conn: DenoTlsConn | Error): void {
    if (this.#waiting === undefined) return void this.#accepted.push(conn);
    if (conn instanceof Error) return this.#fail(conn);
    this.#waiting.resolve(conn);
    this.#waiting = undefined;
  }

  #fail(cause: unknown): void {
    this.#waiting?.reject(cause);
    this.#waiting = undefined;
  }
}

function newlyBound(listener: Deno.TlsListener): Bound {
  return { listener, isAccepting: false, look: undefined, lateLooks: 0 };
}

function closeBound({ listener, look }: Bound): void {
  clearTimeout(look);
  listener.close();
}

function bind(
  { hostname, port }: TcpAddress,
  { credentials, alpn }: TlsListenOptions,
  reusePort: boolean,
): Deno.TlsListener {
  const { cert, key } = credentials;
  return Deno.listenTls({
    hostname,
    port,
    cert,
    key,
    reusePort,
    tcpBacklog: BACKLOG,
    ...alpn.length === 0 ? {} : { alpnProtocols: [...alpn] },
  });
}
