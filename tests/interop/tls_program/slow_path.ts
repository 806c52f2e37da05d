/** A relay to a server that passes a client's bytes on in pieces, or stops for a while. */

import { type Upstream, upstream, writeAll } from "../../support/peers/sockets.ts";

export interface PathOptions {
  /** Sent before the client's bytes. */
  readonly preface?: Uint8Array;
  /** How many of the first bytes, the preface included, are sent one by one. */
  readonly singly?: number;
  /** After this many bytes, the preface included, the relay passes nothing on until {@linkcode Path.open}. */
  readonly stopAfter?: number;
}

export class Path implements AsyncDisposable {
  readonly #server: Upstream;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();

  /** @param port The server's port on this machine. */
  constructor(port: number, options: PathOptions) {
    this.#server = upstream((client) => this.#forward(client, port, options));
  }

  get port(): number {
    return this.#server.port;
  }

  /** Resolves when the relay has sent all bytes before the stop. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  open(): void {
    this.#opened.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open();
    await this.#server[Symbol.asyncDispose]();
  }

  async #forward(client: Deno.TcpConn, port: number, options: PathOptions): Promise<void> {
    using server = await Deno.connect({ hostname: "127.0.0.1", port });
    for (const conn of [client, server]) conn.setNoDelay(true);
    await Promise.all([this.#upload(client, server, options), pass(server, client)]);
  }

  async #upload(client: Deno.TcpConn, server: Deno.TcpConn, options: PathOptions): Promise<void> {
    const { preface = new Uint8Array(0), singly = 0, stopAfter = Infinity } = options;
    let sent = 0;
    const send = async (bytes: Uint8Array) => {
      for (let start = 0, end = 0; start < bytes.length; start = end) {
        end = sent < singly
          ? start + 1
          : Math.min(bytes.length, start + (sent < stopAfter ? stopAfter - sent : Infinity));
        await writeAll(server, bytes.subarray(start, end));
        sent += end - start;
        if (sent !== stopAfter) continue;
        this.#stopped.resolve();
        await this.#opened.promise;
      }
    };
    await send(preface);
    const buffer = new Uint8Array(64 * 1024);
    for (let count = await client.read(buffer); count !== null; count = await client.read(buffer)) {
      await send(buffer.subarray(0, count));
    }
    await server.closeWrite();
  }
}

async function pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    await writeAll(to, buffer.subarray(0, count));
  }
  await to.closeWrite();
}
