/** Binding a listener: TCP or unix socket, on Deno's own API or on node:net. */

import { createServer, type Server, type Socket } from "node:net";
import { type Address, formatAddress } from "./address.ts";
import type { Adapter, Conn } from "./conn.ts";
import { addressOf, DenoConn } from "./deno_conn.ts";
import { type ErrorCode, ProxyError, proxyErrorOf } from "./errors.ts";
import { NodeConn } from "./node_conn.ts";

export interface Listener {
  /** The address bound, with the real port. */
  readonly address: Address;
  /** The next connection. Rejects while descriptors are short, and for good once closed. */
  accept(): Promise<Conn>;
  close(): void;
}

export interface ListenOptions {
  readonly adapter: Adapter;
  /** Mode bits for a unix socket file. */
  readonly unixMode?: number | undefined;
}

/** A listener could not be bound. The message names the address, the cause and the remedy. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: ErrorCode;

  constructor(address: Address, error: ProxyError) {
    // Of a unix socket the file system's own words say more.
    const remedy = address.transport === "tcp" ? REMEDIES[error.code] : undefined;
    super(`Cannot listen on ${formatAddress(address)}: ${remedy ?? error.message}`, { cause: error });
    this.code = error.code;
  }
}

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  address_in_use: "address already in use (another program listens there; stop it or choose another port)",
  address_not_available:
    'no such local address (listen on one that this machine has, or on all with ":port")',
  name_not_resolved: "the name cannot be resolved (use an IP address)",
  permission_denied: "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)",
};

/** Waiting connections that the kernel keeps: a burst should wait, not be refused. Capped by net.core.somaxconn. */
const BACKLOG = 4096;

/**
 * Binds `address`.
 *
 * @throws {ListenError}
 */
export async function listen(address: Address, options: ListenOptions): Promise<Listener> {
  try {
    if (address.transport === "unix") return await listenUnix(address.path, options.unixMode);
    return options.adapter === "node"
      ? await listenNode(address.hostname, address.port)
      : listenDeno(address.hostname, address.port);
  } catch (cause) {
    if (cause instanceof ListenError) throw cause;
    throw new ListenError(address, proxyErrorOf(cause, "proxy"));
  }
}

function listenDeno(hostname: string, port: number): Listener {
  return denoListener(Deno.listen({ hostname, port, tcpBacklog: BACKLOG }));
}

function denoListener(listener: Deno.Listener): Listener {
  return {
    address: addressOf(listener.addr),
    accept: async () => new DenoConn(await listener.accept() as Deno.TcpConn | Deno.UnixConn),
    close: () => listener.close(),
  };
}

async function listenUnix(path: string, mode: number | undefined): Promise<Listener> {
  await removeStaleSocket(path);
  const listener = denoListener(Deno.listen({ transport: "unix", path }) as unknown as Deno.Listener);
  try {
    if (mode !== undefined) await Deno.chmod(path, mode);
  } catch (cause) {
    listener.close();
    throw cause;
  }
  return listener;
}

/** A socket file that nobody answers is left over from a program that died; anything else is not ours to remove. */
async function removeStaleSocket(path: string): Promise<void> {
  const address: Address = { transport: "unix", path };
  const info = await Deno.lstat(path).catch((cause) => {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  });
  if (info === undefined) return;
  if (info.isSocket !== true) {
    const detail = "the path exists and is not a socket (remove it or choose another path)";
    throw new ListenError(address, new ProxyError("address_not_available", "proxy", { detail }));
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) return await Deno.remove(path);
    throw cause;
  }
  throw new ListenError(address, new ProxyError("address_in_use", "proxy"));
}

async function listenNode(host: string, port: number): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const listener = new NodeListener(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  listener.bound();
  return listener;
}

/** Turns the events of a node:net server into `accept()`. */
class NodeListener implements Listener {
  readonly #server: Server;
  readonly #waiting: Socket[] = [];
  #accepting: PromiseWithResolvers<Conn> | undefined;
  #closed = false;
  address: Address = { transport: "tcp", hostname: "", port: 0 };

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      if (this.#accepting === undefined) {
        this.#waiting.push(socket);
      } else {
        this.#accepting.resolve(new NodeConn(socket));
        this.#accepting = undefined;
      }
    });
  }

  /** Reads the address and from now on hands errors to whoever accepts. */
  bound(): void {
    const { address, port } = this.#server.address() as { address: string; port: number };
    this.address = { transport: "tcp", hostname: address, port };
    this.#server.on("error", (error) => this.#fail(error));
  }

  accept(): Promise<Conn> {
    const socket = this.#waiting.shift();
    if (socket !== undefined) return Promise.resolve(new NodeConn(socket));
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("Listener has been closed"));
    this.#accepting = Promise.withResolvers<Conn>();
    return this.#accepting.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#fail(new Deno.errors.Interrupted("Listener has been closed"));
  }

  #fail(error: Error): void {
    this.#accepting?.reject(error);
    this.#accepting = undefined;
  }
}
