/** Binding a listener: TCP or unix socket, on Deno's own API or on node:net. */

import { type Address, boundAddress, type TcpAddress, type UnixAddress } from "../address.ts";
import type { Adapter, Conn } from "./conn.ts";
import { addressOf, DenoConn } from "./deno_conn.ts";
import { proxyErrorOf } from "../errors.ts";
import { ListenError } from "./listen_error.ts";
import { NodeListener } from "./node_listener.ts";
import { bindUnix } from "./unix_listener.ts";

export interface Listener {
  /** The address bound, with the real port. */
  readonly address: Address;
  /**
   * The next connection. Rejects if a client disconnected before it was accepted (NotConnected) and while no
   * descriptor is free. Rejects always once the listener is closed and every connection accepted by then has
   * been returned.
   */
  accept(): Promise<Conn>;
  /** Accepts nothing more; what waits in the kernel's queue is reset. May be called twice. */
  close(): void;
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
    if (address.transport === "unix") return await listenUnix(address, options.unixMode);
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
  return denoListener(listener, boundAddress(asked, addressOf(listener.addr) as TcpAddress));
}

function denoListener(listener: Deno.Listener, address: Address): Listener {
  let isClosed = false;
  return {
    address,
    accept: () => listener.accept().then(toConn),
    close: () => {
      // A second Deno close() throws BadResource.
      if (!isClosed) listener.close();
      isClosed = true;
    },
  };
}

function toConn(conn: Deno.Conn): Conn {
  return new DenoConn(conn as Deno.TcpConn | Deno.UnixConn);
}

async function listenUnix(asked: UnixAddress, mode: number | undefined): Promise<Listener> {
  const listener = await bindUnix(asked, mode);
  return denoListener(listener, addressOf(listener.addr));
}
