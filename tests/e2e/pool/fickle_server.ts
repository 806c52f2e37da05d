/** A server whose unused connections the test ends. */

import { createServer, type Server, type Socket } from "node:net";

/** Whether it ends them in order. */
export type End = "fin" | "reset";

export interface FickleServerOptions {
  /** The greeting of every connection. */
  readonly greeting?: string;
}

/** It sends back what it gets, a FIN too. */
export class FickleServer implements AsyncDisposable {
  readonly greeting: string;
  readonly #all = new Set<Socket>();
  readonly #waiting = new Set<Socket>();
  #listening: Server | undefined;
  #port = 0;
  /** Connections so far. */
  accepted = 0;

  private constructor({ greeting = "" }: FickleServerOptions) {
    this.greeting = greeting;
  }

  static async start(options: FickleServerOptions = {}): Promise<FickleServer> {
    const server = new FickleServer(options);
    await server.#listen();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Connections that are open and over which nothing came. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Ends all unused connections; returns their number. */
  endWaiting(how: End): number {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const socket of waiting) {
      if (how === "reset") socket.resetAndDestroy();
      else socket.destroy();
    }
    return waiting.length;
  }

  /**
   * Ends everything and listens again at the same address, as after a crash; returns the number of unused connections.
   */
  async restart(how: End): Promise<number> {
    const closed = this.#stopListening();
    const ended = this.endWaiting(how);
    for (const socket of this.#all) socket.destroy();
    await closed;
    await this.#listen();
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#stopListening();
    for (const socket of this.#all) socket.destroy();
    await closed;
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#listening = server;
    this.#port = (server.address() as { port: number }).port;
  }

  /** Resolves once all its connections have ended too. */
  #stopListening(): Promise<void> {
    return new Promise((resolve) => void this.#listening!.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.accepted += 1;
    this.#all.add(socket);
    this.#waiting.add(socket);
    if (this.greeting !== "") socket.write(this.greeting);
    socket.on("data", (bytes) => {
      this.#waiting.delete(socket);
      socket.write(bytes);
    });
    socket.on("end", () => socket.end());
    socket.on("error", () => {}); // Assertions are on the client's side.
    socket.on("close", () => {
      this.#all.delete(socket);
      this.#waiting.delete(socket);
    });
  }
}
