/** Binding a listener: TCP or unix socket, on Deno's own API or on node:net. */

import { type Address, boundAddress, type ListenAddress, type TcpAddress } from "../address.ts";
import type { Adapter, Conn } from "./conn.ts";
import { addressOf, DenoListener } from "./deno_socket.ts";
import { proxyErrorOf } from "../errors.ts";
import { ListenError } from "./listen_error.ts";
import { NodeListener } from "./node_listener.ts";
import { bindUnix } from "./unix_listener.ts";

export interface Listener<Bound extends ListenAddress = Address> {
  /** The address bound, with the real port. */
  readonly address: Bound;
  /**
   * The next connection. Rejects if a client disconnected before it was accepted (NotConnected) and while no
   * descriptor is free. Rejects always once the listener is closed and every connection accepted by then has
   * been returned.
   */
  accept(): Promise<Conn>;
  /** Its socket outlives it, and the connections in the queue wait for the next listener. */
  readonly keepsQueue?: boolean;
  /**
   * Accepts nothing more; the kernel resets the connections in its queue, unless {@linkcode keepsQueue}. May be called
   * twice.
   */
  close(): void;
  /** Resolves when the work that {@linkcode close} leaves running has ended; undefined if there is none. */
  readonly closing?: Promise<void> | undefined;
  /** Descriptors ran out: restarts a listener that does not recover by itself. */
  onShortage?(): void;
}

export interface ListenOptions {
  readonly adapter: Adapter;
  /** Mode bits for a unix socket file. */
  readonly unixMode?: number | undefined;
  /**
   * Bind a TCP address with SO_REUSEPORT, as each of several threads does; false unless given. Such a bind does
   * not fail if the address is in use: see `reserve.ts`.
   */
  readonly shared?: boolean | undefined;
  /** Replace the unix socket of a program that still listens; false unless given. */
  readonly replaces?: boolean | undefined;
}

/** Waiting connections that the kernel keeps: a burst should wait, not be refused. Capped by net.core.somaxconn. */
export const BACKLOG = 4096;

/**
 * Binds `address`.
 *
 * @throws {ListenError}
 */
export async function listen(address: Address, options: ListenOptions): Promise<Listener> {
  try {
    if (address.transport === "unix") return await bindUnix(address, options.unixMode, options.replaces);
    const { adapter, shared = false } = options;
    return adapter === "node"
      ? await NodeListener.bind(address, { backlog: BACKLOG, shared })
      : listenDeno(address, shared);
  } catch (cause) {
    if (cause instanceof ListenError) throw cause;
    throw ListenError.at(address, proxyErrorOf(cause, "proxy"));
  }
}

function listenDeno(asked: TcpAddress, shared: boolean): Listener {
  const { hostname, port } = asked;
  const listener = Deno.listen({ hostname, port, reusePort: shared, tcpBacklog: BACKLOG });
  return new DenoListener(listener, boundAddress(asked, addressOf(listener.addr) as TcpAddress));
}
