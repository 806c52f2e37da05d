/** A {@linkcode Listener} over a `node:net` server, whose connections can be reset. */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { boundAddress, type TcpAddress } from "../address.ts";
import type { Conn } from "./conn.ts";
import type { Listener } from "./listen.ts";
import { NodeConn } from "./node_conn.ts";

/** How long after a shortage of descriptors the server is bound again, in milliseconds: some should be free by then. */
const REBIND_AFTER = 1000;

export interface NodeListenOptions {
  /** Waiting connections that the kernel keeps. */
  readonly backlog: number;
  /** Bind with SO_REUSEPORT. */
  readonly shared: boolean;
}

export class NodeListener implements Listener {
  readonly #options: NodeListenOptions;
  /** Connections that were accepted and not yet taken; null is a client that disconnected. */
  readonly #waiting: (Socket | null)[] = [];
  #address: TcpAddress;
  #server: Server | undefined;
  #accepting: PromiseWithResolvers<Conn> | undefined;
  #rebinding: ReturnType<typeof setTimeout> | undefined;
  /** Whether `accept()` was ever called. */
  #isUsed = false;
  #closed = false;

  private constructor(address: TcpAddress, options: NodeListenOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** Binds `address`. Rejects with the error of node:net when it cannot. */
  static async bind(address: TcpAddress, options: NodeListenOptions): Promise<NodeListener> {
    const listener = new NodeListener(address, options);
    await listener.#listen();
    return listener;
  }

  get address(): TcpAddress {
    return this.#address;
  }

  accept(): Promise<Conn> {
    this.#isUsed = true;
    const socket = this.#waiting.shift();
    if (socket) return Promise.resolve(new NodeConn(socket));
    if (socket === null) return Promise.reject(gone());
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("Listener has been closed"));
    this.#accepting = Promise.withResolvers<Conn>();
    return this.#accepting.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#rebinding);
    this.#server?.close();
    // node:net accepts connections that accept() has not taken.
    const abandoned = this.#isUsed ? [] : this.#waiting.splice(0);
    for (const socket of abandoned) socket?.destroy();
    this.#fail(new Deno.errors.Interrupted("Listener has been closed"));
  }

  /**
   * In Deno 2.9.6 a node:net server whose accept failed for want of descriptors never accepts again and reports no
   * error; a new server on the same address does. Clients that waited in its backlog are lost with it.
   */
  onShortage(): void {
    if (this.#closed) return;
    this.#rebinding ??= setTimeout(() => this.#rebind(), REBIND_AFTER);
  }

  async #rebind(): Promise<void> {
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
    const { hostname: host, port } = this.#address;
    const { backlog, shared: reusePort } = this.#options;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, this.#onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog, reusePort }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", (error) => this.#fail(error));
    const bound = server.address() as AddressInfo;
    const actual: TcpAddress = { transport: "tcp", hostname: bound.address, port: bound.port };
    this.#address = boundAddress(this.#address, actual);
    // Closed while it was being bound.
    if (this.#closed) server.close();
    this.#server = server;
  }

  readonly #onConnection = (socket: Socket): void => {
    // Reset before it was accepted: its address is lost. Reading it makes other sockets cache theirs.
    if (socket.remoteAddress === undefined) {
      socket.on("error", () => {}).destroy();
      if (this.#accepting === undefined) this.#waiting.push(null);
      else this.#fail(gone());
    } else if (this.#accepting === undefined) {
      this.#waiting.push(socket);
    } else {
      this.#accepting.resolve(new NodeConn(socket));
      this.#accepting = undefined;
    }
  };

  #fail(error: unknown): void {
    this.#accepting?.reject(error);
    this.#accepting = undefined;
  }
}

function gone(): Error {
  return new Deno.errors.NotConnected("The client has gone");
}
