/** The upstream of a service: two endpoints, and the connections that they accept. */

import type { ServiceRow } from "../services.ts";
import type { Changes } from "./changes.ts";
import type { End } from "./end.ts";
import { FrameReader } from "./frames.ts";
import { readProxyHeader } from "./header.ts";
import { freePorts, tryClose } from "../../support/peers/sockets.ts";
import { SSL_REQUEST } from "../wire/samples.ts";
import { shuttle } from "./shuttle.ts";

export interface ArrivalsOptions {
  readonly row: ServiceRow;
  /** For endpoints that are unix sockets. */
  readonly directory: string;
  readonly name: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly changes: Changes;
}

/** A connection that an endpoint has accepted, after its header and TLS. */
export interface Arrival {
  readonly conn: Deno.Conn;
  /** The index of the endpoint. */
  readonly endpoint: number;
  /** The client that the PROXY header named. */
  readonly client: string | undefined;
}

interface Endpoint {
  readonly address: string;
  listener: Deno.Listener | undefined;
  /** While an accept is pending, the kernel accepts clients. */
  accepting: Promise<void>;
}

/** The time limit for a connection to ourselves, in milliseconds. */
const FLUSH_PATIENCE = 10_000;

/** The number of endpoints of a service. */
export const ENDPOINTS = 2;

export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #endpoints: Endpoint[] = [];
  readonly #conns = new Set<Deno.Conn>();
  readonly #waiting: Arrival[] = [];
  readonly #ends = new Map<number, (arrival: Arrival) => End>();
  /** The addresses that connections came from since {@linkcode flush} began. */
  #ports: Set<number> | undefined;
  #inner: Deno.TlsListener | undefined;
  /** One after the other, because two could not be distinguished. */
  #securing: Promise<unknown> = Promise.resolve();
  /** Unexpected connections and bytes. */
  wrong: string | undefined;

  private constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  static async listen(options: ArrivalsOptions): Promise<Arrivals> {
    const arrivals = new Arrivals(options);
    const ports = options.row.listen === "range" ? freePorts(ENDPOINTS) : [];
    for (let index = 0; index < ENDPOINTS; index++) {
      const path = `${options.directory}/${options.name}-${index}.sock`;
      const listener = options.row.upstream === "unix"
        ? Deno.listen({ transport: "unix", path })
        : Deno.listen({ hostname: "127.0.0.2", port: ports[index] ?? 0 });
      const address = listener.addr.transport === "unix"
        ? `unix:${path}`
        : `127.0.0.2:${(listener.addr as Deno.NetAddr).port}`;
      arrivals.#endpoints.push({ address, listener, accepting: arrivals.#accept(listener, index) });
    }
    await Promise.resolve();
    return arrivals;
  }

  /** As a configuration has them: a range is one. */
  get addresses(): string[] {
    const all = this.#endpoints.map(({ address }) => address);
    return this.#options.row.listen === "range" ? [`${all[0]}-${all.at(-1)!.split(":")[1]}`] : all;
  }

  /** The next accepted connection, without a pool: the order determines its client. */
  take(): Arrival | undefined {
    return this.#waiting.shift();
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** With a pool: `make` makes the end of this connection when its first frame arrives. */
  expect(id: number, make: (arrival: Arrival) => End): void {
    this.#ends.set(id, make);
  }

  /** Closes all accepted connections that no client uses, including those in the kernel's queue: TCP only. */
  async flush(): Promise<void> {
    for (const { address, listener } of this.#endpoints) {
      if (listener === undefined) continue;
      const ports = this.#ports = new Set();
      // Connections that were queued before it are accepted before it.
      const mark = await Deno.connect({ hostname: "127.0.0.2", port: Number(address.split(":")[1]) });
      const { port } = mark.localAddr;
      await this.#options.changes.until(() => ports.has(port), FLUSH_PATIENCE);
      this.#ports = undefined;
      mark.close();
    }
    for (const { conn } of this.#waiting.splice(0)) tryClose(conn);
  }

  /** Refuses connections, and resolves when that is in effect; open ones continue. */
  async stopListening(index: number): Promise<void> {
    const endpoint = this.#endpoints[index]!;
    endpoint.listener?.close();
    endpoint.listener = undefined;
    await endpoint.accepting;
  }

  listenAgain(index: number): void {
    const endpoint = this.#endpoints[index]!;
    if (endpoint.listener !== undefined) return;
    const { address } = endpoint;
    endpoint.listener = address.startsWith("unix:")
      ? Deno.listen({ transport: "unix", path: address.slice("unix:".length) })
      : Deno.listen({ hostname: "127.0.0.2", port: Number(address.split(":")[1]) });
    endpoint.accepting = this.#accept(endpoint.listener, index);
  }

  stop(): void {
    for (const { listener } of this.#endpoints) listener?.close();
    this.#inner?.close();
    for (const conn of this.#conns) tryClose(conn);
  }

  async #accept(listener: Deno.Listener, index: number): Promise<void> {
    try {
      for (;;) {
        const conn = await listener.accept();
        if (conn.remoteAddr.transport === "tcp") this.#ports?.add(conn.remoteAddr.port);
        void this.#receive(conn, index);
        this.#options.changes.notify();
      }
    } catch {
      // The listener is closed.
    }
  }

  /** Pending until its kind is known; a warm one may wait for long. */
  async #receive(raw: Deno.Conn, endpoint: number): Promise<void> {
    const { row, changes } = this.#options;
    this.#conns.add(raw);
    try {
      const client = row.proxyOut === "none" ? undefined : await readProxyHeader(raw);
      if (row.tlsOut === "starttls") await consentToTls(raw);
      const conn = row.tlsOut === "none" ? raw : await this.#secure(raw);
      if (conn !== raw) this.#conns.add(conn);
      const arrival = { conn, endpoint, client };
      if (row.pool === "none") {
        this.#waiting.push(arrival);
        changes.notify();
      } else {
        await this.#readFrames(arrival);
      }
    } catch (error) {
      tryClose(raw);
      if (error instanceof SyntaxError) {
        this.wrong ??= error.message;
        changes.notify();
      }
    } finally {
      if (row.pool !== "none") this.#conns.delete(raw);
    }
  }

  /** Deno speaks TLS only on connections that it has accepted itself, so the bytes are carried to one. */
  async #secure(raw: Deno.Conn): Promise<Deno.TlsConn> {
    const { cert, key } = this.#options.certificate;
    this.#inner ??= Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: await Deno.readTextFile(cert),
      key: await Deno.readTextFile(key),
    });
    const inner = this.#inner;
    const pair = this.#securing.then(() =>
      Promise.all([
        Deno.connect({ hostname: "127.0.0.1", port: (inner.addr as Deno.NetAddr).port }),
        inner.accept(),
      ])
    );
    this.#securing = pair.catch(() => {});
    const [far, conn] = await pair;
    void shuttle(raw, far);
    await conn.handshake();
    return conn;
  }

  /** Passes each client's bytes to its end; with `reuse`, one client after the other. */
  async #readFrames(arrival: Arrival): Promise<void> {
    const { row, changes } = this.#options;
    const frames = new FrameReader();
    const buffer = new Uint8Array(65_536);
    const known = new Map<number, End>();
    let last: End | undefined;
    try {
      for (;;) {
        await last?.mayRead();
        const count = await arrival.conn.read(buffer);
        if (count === null) break;
        frames.push(buffer.subarray(0, count), (id, payload, header) => {
          last = known.get(id);
          if (last === undefined) {
            const make = this.#ends.get(id);
            if (make === undefined) throw new SyntaxError(`a frame of connection ${id}, which is not there`);
            this.#ends.delete(id);
            known.set(id, last = make(arrival));
          }
          last.take(payload, header);
        });
      }
      last?.end("eof");
    } catch (error) {
      if (last?.isClosed) return;
      last?.end((error as Error).name);
      if (error instanceof Deno.errors.Interrupted || !(error as Error).message.includes("frame")) return;
      this.wrong ??= `${row.pool}: ${(error as Error).message}`;
      changes.notify();
    }
  }
}

/** In the way of PostgreSQL. */
async function consentToTls(raw: Deno.Conn): Promise<void> {
  const request = new Uint8Array(SSL_REQUEST.length);
  for (let at = 0; at < request.length;) {
    const count = await raw.read(request.subarray(at));
    if (count === null) throw new Error("closed before its request for TLS");
    at += count;
  }
  if (request.some((byte, at) => byte !== SSL_REQUEST[at])) {
    throw new SyntaxError(`asked for TLS with ${request.toHex()}`);
  }
  await raw.write(Uint8Array.of("S".charCodeAt(0)));
}
