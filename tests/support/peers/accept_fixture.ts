/** An accept loop over a real listener, and clients that wait for its answer. */

import { acceptConnections } from "../../../src/net/socket/accept.ts";
import type { TcpAddress } from "../../../src/net/address.ts";
import { type Conn, writeAll } from "../../../src/net/socket/conn.ts";
import type { Listener } from "../../../src/net/socket/listen.ts";

export const ANYWHERE: TcpAddress = { transport: "tcp", hostname: "127.0.0.1", port: 0 };

/** The result of a client. */
export type Outcome = "answered" | "refused" | "lost";

/** Answers each connection with one byte. */
export class Accepting implements AsyncDisposable {
  readonly listener: Listener;
  readonly ended: Promise<void>;
  readonly errors: unknown[] = [];
  accepted = 0;
  readonly #stop = new AbortController();
  readonly #drain = new AbortController();
  readonly #answering: Promise<void>[] = [];

  /** @param admit Returns the promise that the loop waits for after a connection. */
  constructor(listener: Listener, admit: (conn: Conn) => Promise<void> | void = () => {}) {
    this.listener = listener;
    this.ended = acceptConnections(listener, {
      onConnection: (conn) => {
        this.accepted += 1;
        this.#answering.push(answer(conn));
        return admit(conn);
      },
      onError: (error) => void this.errors.push(error),
      signal: this.#stop.signal,
      draining: this.#drain.signal,
    });
  }

  get port(): number {
    return (this.listener.address as TcpAddress).port;
  }

  drain(): void {
    this.#drain.abort();
  }

  stop(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.ended;
    await Promise.all(this.#answering);
  }
}

/** Connects and waits for the answer, on the connection that `secure` returns. */
export async function ask(
  port: number,
  secure: (conn: Deno.TcpConn) => Promise<Deno.Conn> | Deno.Conn = (conn) => conn,
): Promise<Outcome> {
  let conn: Deno.TcpConn;
  try {
    conn = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch (error) {
    // Deno's connect also rejects when a connection that the kernel had made was reset at once.
    return error instanceof Deno.errors.ConnectionRefused ? "refused" : "lost";
  }
  using client = await secure(conn);
  return await client.read(new Uint8Array(1)).catch(() => null) === 1 ? "answered" : "lost";
}

async function answer(conn: Conn): Promise<void> {
  using client = conn;
  await writeAll(client, new Uint8Array(1)).catch(() => {/* the client is gone */});
  await client.closeWrite().catch(() => {});
  // Closing before the client has read would be a reset should it have sent something.
  await client.read(new Uint8Array(1)).catch(() => {});
}
