/** Clients with a local address, first bytes and an end of their choice. */

import { connect, type Socket } from "node:net";

export interface TestClientOptions {
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  readonly localAddress?: string;
  /** Their first bytes, such as a PROXY header. */
  readonly header?: Uint8Array | string;
}

/** A client that requests the name of a {@linkcode NamedServer}. */
export class TestClient implements Disposable {
  /** The server that answered; empty for a refused client. */
  readonly name: string;
  /** The local port. */
  readonly port: number;
  /** Resolves at the end of the connection, with `performance.now()`. */
  readonly ended: Promise<number>;
  readonly #socket: Socket;

  private constructor(name: string, port: number, ended: Promise<number>, socket: Socket) {
    this.name = name;
    this.port = port;
    this.ended = ended;
    this.#socket = socket;
  }

  /** Resolves with the answer, or without one when the connection is closed. */
  static async connect(port: number, { header = "", ...from }: TestClientOptions = {}): Promise<TestClient> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, ...from });
    const ended = Promise.withResolvers<number>();
    const failed = Promise.withResolvers<never>();
    const answered = Promise.withResolvers<string>();
    let localPort = 0;
    socket.on("connect", () => localPort = socket.localPort ?? 0);
    socket.on("data", (bytes) => answered.resolve(bytes.toString("latin1")));
    socket.on("end", () => socket.destroy());
    socket.on("error", (error: Error & { code?: string }) => {
      // It was closed before it read our request, or by ourselves.
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") failed.reject(error);
    });
    socket.on("close", () => {
      ended.resolve(performance.now());
      answered.resolve("");
    });
    if (header.length > 0) socket.write(header);
    socket.write("NAME");
    const name = await Promise.race([answered.promise, failed.promise]);
    return new TestClient(name, localPort, ended.promise, socket);
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** Connects, sends, and resets the connection, whether it was accepted or not. */
export async function sendAndReset(port: number, bytes: string): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port });
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.write(bytes, () => resolve());
  });
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.resetAndDestroy();
  await closed;
}

/** Many of them, all closed at the end. */
export class TestClients implements Disposable {
  readonly #all: TestClient[] = [];

  /** Connects one more, which stays. */
  async connect(port: number, options?: TestClientOptions): Promise<TestClient> {
    const client = await TestClient.connect(port, options);
    this.#all.push(client);
    return client;
  }

  /** Connects this many at the same time; returns their names. */
  async connectMany(port: number, count: number, options?: TestClientOptions): Promise<string[]> {
    const clients = await Promise.all(Array.from({ length: count }, () => this.connect(port, options)));
    return clients.map(({ name }) => name);
  }

  [Symbol.dispose](): void {
    for (const client of this.#all) client[Symbol.dispose]();
  }
}
