/** What kube-proxy does for a Service: each new connection goes to one of the pods that it has, without a second try. */

import { connect, tryClose, Upstream, upstream, writeAll } from "../../../support/peers/sockets.ts";

export class PodBalancer implements AsyncDisposable {
  readonly #server: Upstream;
  readonly #ports: number[] = [];
  #next = 0;
  /** Connections that the pod refused. */
  refused = 0;

  constructor() {
    this.#server = upstream((conn) => this.#forward(conn));
  }

  get port(): number {
    return this.#server.port;
  }

  add(port: number): void {
    this.#ports.push(port);
  }

  /** Open connections stay. */
  remove(port: number): void {
    this.#ports.splice(this.#ports.indexOf(port), 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #forward(client: Deno.TcpConn): Promise<void> {
    const port = this.#ports[this.#next++ % this.#ports.length]!;
    let pod: Deno.TcpConn;
    try {
      pod = await connect(port);
    } catch {
      this.refused += 1;
      return;
    }
    try {
      await Promise.all([copy(client, pod), copy(pod, client)]);
    } finally {
      tryClose(pod);
    }
  }
}

/** Copies to the end of `from`, which it passes on. */
async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      await writeAll(to, buffer.subarray(0, count));
    }
    await to.closeWrite();
  } catch (error) {
    // The other direction ends too.
    tryClose(from);
    tryClose(to);
    throw error;
  }
}
