/** The mirror of a service: it checks what it gets, or never reads it. */

import { Copied } from "./copied.ts";
import { tryClose } from "../../support/peers/sockets.ts";

/** Answers, which no client must get. */
const ANSWER = new TextEncoder().encode("from a mirror");

export class MirrorServer {
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.Conn>();
  /** The bytes that its connections have brought, while they were as clients send them. */
  received = 0;
  /** Bytes that no client has sent. */
  wrong: string | undefined;

  private constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
  }

  static listen(kind: "reading" | "stuck", isFramed: boolean): MirrorServer {
    const server = new MirrorServer(Deno.listen({ hostname: "127.0.0.2", port: 0 }));
    void server.#accept(kind, isFramed);
    return server;
  }

  get address(): string {
    return `127.0.0.2:${this.#listener.addr.port}`;
  }

  stop(): void {
    this.#listener.close();
    for (const conn of this.#conns) tryClose(conn);
  }

  async #accept(kind: "reading" | "stuck", isFramed: boolean): Promise<void> {
    try {
      for (;;) {
        const conn = await this.#listener.accept();
        this.#conns.add(conn);
        if (kind === "reading") void this.#read(conn, new Copied(isFramed));
      }
    } catch {
      // It has stopped.
    }
  }

  async #read(conn: Deno.Conn, copied: Copied): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      await conn.write(ANSWER);
      for (let count; (count = await conn.read(buffer)) !== null;) {
        const wrong = copied.push(buffer.subarray(0, count));
        if (wrong === undefined) this.received += count;
        else this.wrong ??= wrong;
      }
    } catch {
      // It was given up.
    }
    this.#conns.delete(conn);
    tryClose(conn);
  }
}
