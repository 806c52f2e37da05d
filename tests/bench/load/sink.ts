/** An upstream inside the bench that reads everything and counts it. */

/** Large enough that a fast sender takes few reads. */
const BUFFER_BYTES = 256 * 1024;

export class Sink implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #closed = false;
  /** Bytes, of all connections ever. */
  received = 0;
  /** Connections it has now. */
  open = 0;

  constructor() {
    void this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        void this.#drain(await this.#listener.accept());
      } catch {
        // The listener was closed; or a client closed before it was accepted (NotConnected), which does not end the
        // loop.
      }
    }
  }

  async #drain(client: Deno.TcpConn): Promise<void> {
    using conn = client;
    this.open++;
    try {
      const buffer = new Uint8Array(BUFFER_BYTES);
      for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) this.received += n;
    } catch {
      // When a sender is stopped in the middle, its end may arrive as a reset.
    } finally {
      this.open--;
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#listener.close();
  }
}
