/** A server that terminates TLS and hands each connection to the test. */

import { DenoConn } from "../../../src/net/socket/deno_socket.ts";
import { type Conn, writeAll } from "../../../src/net/socket/conn.ts";
import { abortable } from "../../../src/net/timers/abortable.ts";
import { loadAuthorities, loadCredentials } from "../../../src/net/tls/credentials.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import { type Terminated, TlsServer, type TlsServerOptions } from "../../../src/net/tls/server.ts";
import type { CertificateAuthority, KeyPair } from "../../support/certificates.ts";

export type Handler = (terminated: Terminated) => Promise<void>;

/** Options of a {@linkcode TlsServer}, with certificates of this authority. */
export async function serverOptions(
  authority: CertificateAuthority,
  pairs: readonly KeyPair[],
  options: Partial<TlsServerOptions> = {},
): Promise<TlsServerOptions> {
  return {
    certificates: await Promise.all(pairs.map((pair) => loadCredentials(pair))),
    clientAuthorities: await loadAuthorities(authority.cert),
    clientAuth: "none",
    alpn: [],
    minVersion: "1.2",
    ...options,
  };
}

export class TerminatingServer implements AsyncDisposable {
  readonly server: TlsServer;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #outcomes: unknown[] = [];
  readonly #waiting: ((outcome: unknown) => void)[] = [];
  readonly #loop: Promise<void>;

  /** @param signalFor Makes the signal of each handshake; none by default. */
  constructor(
    options: TlsServerOptions,
    handle: Handler = echo,
    { pending = new PendingHandshakes(1000), signalFor = () => this.#ended.signal }: {
      pending?: PendingHandshakes;
      signalFor?: () => AbortSignal;
    } = {},
  ) {
    this.server = new TlsServer(options, pending);
    this.#loop = this.#accept(handle, signalFor);
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** The facts of the next handshake, or its error. */
  outcome(): Promise<unknown> {
    if (this.#outcomes.length > 0) return Promise.resolve(this.#outcomes.shift());
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#ended.abort(new Error("The test is over"));
    await this.#loop;
    await Promise.all(this.#running);
  }

  async #accept(handle: Handler, signalFor: () => AbortSignal): Promise<void> {
    for await (const conn of this.#listener) {
      const running = this.#serve(new DenoConn(conn), handle, signalFor()).finally(() => {
        this.#running.delete(running);
      });
      this.#running.add(running);
    }
  }

  async #serve(conn: Conn, handle: Handler, signal: AbortSignal): Promise<void> {
    try {
      const terminated = await this.server.terminate(conn, signal);
      this.#report(terminated.facts);
      try {
        await abortable(handle(terminated), this.#ended.signal);
      } finally {
        terminated.conn.close();
      }
    } catch (error) {
      this.#report(error);
    }
  }

  #report(outcome: unknown): void {
    const next = this.#waiting.shift();
    if (next) next(outcome);
    else this.#outcomes.push(outcome);
  }
}

/** Echoes everything, and finishes sending when the client has. */
export async function echo({ conn }: Terminated): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    await writeAll(conn, buffer.subarray(0, count));
  }
  await conn.closeWrite();
}
