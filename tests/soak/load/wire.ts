/** One end of a connection of any kind: a TCP or unix socket, or TLS. */

import type { Socket } from "node:net";

export interface Wire {
  /** The next bytes; null once the other side has finished. Rejects when the connection breaks. */
  read(): Promise<Uint8Array | null>;
  /** Resolves when more may be written. Rejects when the connection breaks. */
  write(bytes: Uint8Array): Promise<void>;
  /** Finishes sending; the other side may continue. */
  end(): Promise<void>;
  /** Breaks the connection, with a reset if it can send one. */
  reset(): void;
  /** Closes the connection; in order if everything was sent and read. */
  close(): void;
}

/** The most that is read ahead, in bytes: a side that does not read makes the other wait. */
const READ_AHEAD = 65_536;

/** A socket of Node.js. */
export class SocketWire implements Wire {
  readonly #socket: Socket;
  readonly #chunks: Uint8Array[] = [];
  #held = 0;
  #hasEnded = false;
  #broken: Error | undefined;
  #changed = Promise.withResolvers<void>();

  /** @param socket Made with `allowHalfOpen`. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#held += chunk.byteLength;
      if (this.#held >= READ_AHEAD) socket.pause();
      this.#wake();
    });
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#wake();
    });
    socket.on("error", (error) => this.#break(error));
    socket.on("drain", () => this.#wake());
    socket.on("close", () => this.#break(new Error("closed")));
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#held -= chunk.byteLength;
        if (this.#held < READ_AHEAD) this.#socket.resume();
        return chunk;
      }
      if (this.#hasEnded) return null;
      if (this.#broken !== undefined) throw this.#broken;
      await this.#changed.promise;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#socket.write(bytes)) return;
    while (this.#broken === undefined && this.#socket.writableNeedDrain) await this.#changed.promise;
    if (this.#broken !== undefined) throw this.#broken;
  }

  end(): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    this.#socket.end();
    return Promise.resolve();
  }

  reset(): void {
    this.#break(new Error("reset by this side"));
    this.#socket.resetAndDestroy();
  }

  close(): void {
    this.#break(new Error("closed by this side"));
    this.#socket.destroy();
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** A connection of Deno, for TLS. */
export class ConnWire implements Wire {
  readonly #conn: Deno.Conn;
  readonly #buffer = new Uint8Array(READ_AHEAD);

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  async read(): Promise<Uint8Array | null> {
    const count = await this.#conn.read(this.#buffer);
    return count === null ? null : this.#buffer.slice(0, count);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.byteLength;) {
      written += await this.#conn.write(bytes.subarray(written));
    }
  }

  end(): Promise<void> {
    return this.#conn.closeWrite();
  }

  reset(): void {
    this.close();
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // It is already closed.
    }
  }
}
