/** A {@linkcode Listener} over a `node:net` server, whose connections can be reset. */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type ActivatedAddress, boundAddress, hostKey, type TcpAddress } from "../address.ts";
import type { Conn } from "./conn.ts";
import { ProxyError } from "../errors.ts";
import { requireNetPermission } from "../net_permission.ts";
import type { Listener } from "./listen.ts";
import { NodeConn } from "./node_conn.ts";

/** The pause after a shortage of descriptors before the server is bound again, in milliseconds. */
const REBIND_AFTER = 1000;

export interface NodeListenOptions {
  /** Waiting connections that the kernel keeps. */
  readonly backlog: number;
  /** Bind with SO_REUSEPORT. */
  readonly shared: boolean;
}

/**
 * How to take over a socket that another process has bound: returns a new descriptor of it, negative if none is left.
 */
export type Duplicate = () => Promise<number>;

/** @typeParam Bound A TCP address, or that of a socket that another process has bound. */
export class NodeListener<Bound extends TcpAddress | ActivatedAddress = TcpAddress>
  implements Listener<Bound> {
  readonly #options: NodeListenOptions;
  /** Of a socket that another process has bound. */
  readonly #duplicate: Duplicate | undefined;
  /** Connections that were accepted but not yet returned; null is a client that disconnected. */
  readonly #waiting: (Socket | null)[] = [];
  #address: Bound;
  #server: Server | undefined;
  #accepting: PromiseWithResolvers<Conn> | undefined;
  #rebinding: ReturnType<typeof setTimeout> | undefined;
  /** Pending while it takes over a socket that another process has bound. */
  #taking: Promise<void> | undefined;
  /** Whether `accept()` was ever called. */
  #isUsed = false;
  #closed = false;

  private constructor(
    address: Bound,
    options: NodeListenOptions,
    duplicate?: Duplicate,
  ) {
    this.#address = address;
    this.#options = options;
    this.#duplicate = duplicate;
  }

  /** Binds `address`. Rejects with the error of node:net when it cannot. */
  static async bind(address: TcpAddress, options: NodeListenOptions): Promise<NodeListener> {
    const listener = new NodeListener(address, options);
    await listener.#listen();
    return listener;
  }

  /**
   * A socket of a service manager, which is taken over with the first {@linkcode accept}: node:net accepts as soon as
   * it listens, and clients that it has accepted are lost if the start of the program or a reload fails after that.
   */
  static adopt(
    address: ActivatedAddress,
    { backlog }: Pick<NodeListenOptions, "backlog">,
    duplicate: Duplicate,
  ): NodeListener<ActivatedAddress> {
    return new NodeListener(address, { backlog, shared: false }, duplicate);
  }

  get keepsQueue(): boolean {
    return this.#duplicate !== undefined;
  }

  get address(): Bound {
    return this.#address;
  }

  accept(): Promise<Conn> {
    this.#isUsed = true;
    const socket = this.#waiting.shift();
    if (socket) return Promise.resolve(this.#connOf(socket));
    if (socket === null) return Promise.reject(gone());
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("Listener has been closed"));
    this.#accepting = Promise.withResolvers<Conn>();
    if (this.#server === undefined && this.#rebinding === undefined) this.#taking ??= this.#take();
    return this.#accepting.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#rebinding);
    this.#server?.close();
    // node:net accepts connections before accept() asks for them.
    const abandoned = this.#isUsed ? [] : this.#waiting.splice(0);
    for (const socket of abandoned) socket?.destroy();
    this.#fail(new Deno.errors.Interrupted("Listener has been closed"));
  }

  /**
   * In Deno 2.9.6 a node:net server whose accept failed for want of descriptors never accepts again and reports no
   * error; a new server on the same address does. Clients that waited in its backlog are lost with it.
   */
  onShortage(): void {
    // A socket that was not taken over yet has nothing to bind again, and must not be taken over before accept().
    if (this.#closed || (this.keepsQueue && !this.#isUsed)) return;
    this.#rebinding ??= setTimeout(() => this.#rebind(), REBIND_AFTER);
  }

  /** Listens for the first time, on a socket that another process has bound. */
  async #take(): Promise<void> {
    await this.#listen().catch((error) => this.#fail(error));
    this.#taking = undefined;
  }

  async #rebind(): Promise<void> {
    await this.#taking;
    this.#server?.close();
    this.#server = undefined;
    try {
      await this.#listen();
    } catch (error) {
      this.#fail(error);
    }
    this.#rebinding = undefined;
    if (this.#server === undefined) this.onShortage();
  }

  async #listen(): Promise<void> {
    const where = await this.#where(this.#address);
    const { backlog, shared: reusePort } = this.#options;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, this.#onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ ...where, backlog, reusePort }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", (error) => this.#fail(error));
    const asked: TcpAddress | ActivatedAddress = this.#address;
    if (asked.transport === "tcp") {
      const bound = server.address() as AddressInfo;
      const actual: TcpAddress = { transport: "tcp", hostname: bound.address, port: bound.port };
      this.#address = boundAddress(asked, actual) as Bound;
    }
    // It was closed while it was being bound.
    if (this.#closed) server.close();
    this.#server = server;
  }

  readonly #onConnection = (socket: Socket): void => {
    // A client that reset before it was accepted has no address. Reading the address also makes other sockets cache
    // theirs.
    if (socket.remoteAddress === undefined && !this.#isUnix) {
      socket.on("error", () => {}).destroy();
      if (this.#accepting === undefined) this.#waiting.push(null);
      else this.#fail(gone());
    } else if (this.#accepting === undefined) {
      this.#waiting.push(socket);
    } else {
      this.#accepting.resolve(this.#connOf(socket));
      this.#accepting = undefined;
    }
  };

  /** Clients of unix sockets have no address. */
  get #isUnix(): boolean {
    const address: TcpAddress | ActivatedAddress = this.#address;
    return address.transport === "systemd" && address.bound === undefined;
  }

  #connOf(socket: Socket): NodeConn {
    return new NodeConn(socket, this.#isUnix ? "unix" : "tcp");
  }

  /** What to listen on, as node:net has it. */
  async #where(
    address: TcpAddress | ActivatedAddress,
  ): Promise<{ fd: number } | { host: string; port: number }> {
    if (address.transport === "tcp") {
      // Deno 2.9.6 emits no event without it: the error ends the program or, where that is prevented, nothing follows.
      for (const hostname of new Set([address.hostname, hostKey(address.hostname)])) {
        requireNetPermission({ hostname, port: address.port });
      }
      return { host: address.hostname, port: address.port };
    }
    const fd = await this.#duplicate!();
    if (fd < 0) throw new ProxyError("too_many_open_files", "proxy");
    return { fd };
  }

  #fail(error: unknown): void {
    this.#accepting?.reject(error);
    this.#accepting = undefined;
  }
}

function gone(): Error {
  return new Deno.errors.NotConnected("The client has gone");
}
