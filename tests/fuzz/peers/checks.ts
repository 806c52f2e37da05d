/** Answers the health checks of a service, for both of its endpoints, well or not. */

import { tryClose } from "../../support/peers/sockets.ts";

const HOST = "127.0.0.4";

export type CheckKind = "script" | "http";

export class CheckServer {
  readonly #listener = Deno.listen({ hostname: HOST, port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  /** Whether the endpoints are up, by its answers. */
  isWell = true;

  static listen(): CheckServer {
    const server = new CheckServer();
    void server.#accept();
    return server;
  }

  /** The check of a configuration. @param index Which of two, that ask differently at another pace. */
  textFor(kind: CheckKind, index: number): string {
    const where = `address: ${HOST}, port: ${this.#listener.addr.port}`;
    const pace = `interval: ${index === 0 ? "100ms" : "150ms"}, timeout: 15s, rise: 1, fall: ${1 + index}`;
    const answer = index === 0 ? "+PONG" : "+PO";
    const question = kind === "http"
      ? `http: { path: /${index}, status: 200 }`
      : `script: [{ send: "PING\\r\\n" }, { expect: "${answer}" }]`;
    return `health_check: { ${where}, ${pace}, ${question} }`;
  }

  stop(): void {
    this.#listener.close();
    for (const conn of this.#conns) tryClose(conn);
  }

  async #accept(): Promise<void> {
    try {
      for (;;) void this.#answer(await this.#listener.accept());
    } catch {
      // It has stopped.
    }
  }

  async #answer(conn: Deno.Conn): Promise<void> {
    this.#conns.add(conn);
    const buffer = new Uint8Array(4096);
    try {
      const count = await conn.read(buffer) ?? 0;
      const isHttp = new TextDecoder().decode(buffer.subarray(0, count)).startsWith("GET ");
      const answer = isHttp
        ? `HTTP/1.1 ${this.isWell ? "200 OK" : "503 Sick"}\r\nContent-Length: 0\r\n\r\n`
        : this.isWell
        ? "+PONG\r\n"
        : "-SICK\r\n";
      await conn.write(new TextEncoder().encode(answer));
      while (await conn.read(buffer) !== null);
    } catch {
      // A check that has ended before.
    }
    this.#conns.delete(conn);
    tryClose(conn);
  }
}
