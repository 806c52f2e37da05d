/** Raw sockets for tests: upstreams on port 0, reading to the end, resets seen and sent. */

import { connect as connectNode, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "./line_reader.ts";

/** A folder for each port that `freePorts` has returned. */
const CLAIMS = join(tmpdir(), `sluice-ports-${Deno.uid() ?? ""}`);
/** How long a test may take to listen on its ports, in milliseconds. */
const CLAIM_LASTS = 120_000;

/** A TCP server on a free port of 127.0.0.1 that hands each connection to `handle`; errors there are collected. */
export function upstream(handle: (conn: Deno.TcpConn) => Promise<void> | void): Upstream {
  return new Upstream(Deno.listen({ hostname: "127.0.0.1", port: 0 }), handle);
}

export class Upstream implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>[] = [];
  readonly #loop: Promise<void>;
  #isListening = true;
  /** Connections so far. */
  accepted = 0;

  constructor(listener: Deno.TcpListener, handle: (conn: Deno.TcpConn) => Promise<void> | void) {
    this.#listener = listener;
    this.#loop = this.#accept(handle);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Refuses connections, and resolves when that is in effect; open ones stay. */
  async stopListening(): Promise<void> {
    await this.#close();
    await untilRefused(this.port);
  }

  async #close(): Promise<void> {
    if (this.#isListening) this.#listener.close();
    this.#isListening = false;
    // While an accept is pending, the kernel accepts clients.
    await this.#loop;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    for (const conn of this.#conns) tryClose(conn);
    await Promise.all(this.#running);
  }

  async #accept(handle: (conn: Deno.TcpConn) => Promise<void> | void): Promise<void> {
    for (let conn = await this.#next(); conn !== undefined; conn = await this.#next()) {
      const accepted = conn;
      this.accepted += 1;
      this.#conns.add(accepted);
      this.#running.push((async () => {
        try {
          await handle(accepted);
        } catch {
          // A test that ends early closes these; assertions are on the client's side.
        }
        tryClose(accepted);
        this.#conns.delete(accepted);
      })());
    }
  }

  /** Undefined once it listens no more. */
  async #next(): Promise<Deno.TcpConn | undefined> {
    for (;;) {
      try {
        return await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return undefined;
        }
        // It was reset before it was accepted.
        if (!(error instanceof Deno.errors.NotConnected)) throw error;
      }
    }
  }
}

/**
 * Resolves when a port where a listener was closed refuses clients: a program that another test starts has a copy of the
 * listener until it runs, and the kernel accepts clients. Uses no timers, which tests may replace.
 */
export async function untilRefused(port: number, hostname = "127.0.0.1"): Promise<void> {
  for (const deadline = performance.now() + PATIENCE;;) {
    try {
      (await Deno.connect({ hostname, port })).close();
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return;
      // The copy was closed while the kernel had made the connection.
      const isReset = error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.NotConnected;
      if (!isReset) throw error;
    }
    if (performance.now() > deadline) throw new Error(`Port ${port} of ${hostname} still accepts clients`);
  }
}

/** Listens where a listener was closed. */
export async function listenAgain(port: number, hostname = "127.0.0.1"): Promise<Deno.TcpListener> {
  await untilRefused(port, hostname);
  return Deno.listen({ hostname, port });
}

/** Echoes everything, and the FIN after it. */
export async function echo(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    await writeAll(conn, buffer.subarray(0, count));
  }
  await conn.closeWrite();
}

export function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) written += await conn.write(bytes.subarray(written));
}

export async function writeText(conn: Deno.Conn, text: string): Promise<void> {
  await writeAll(conn, new TextEncoder().encode(text));
}

/** Reads everything until the peer's FIN. */
export async function readAll(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    chunks.push(buffer.slice(0, count));
  }
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return all;
}

/** Reads exactly `count` bytes as text; throws when the peer ends before. */
export async function readText(conn: Deno.Conn, count: number): Promise<string> {
  const bytes = new Uint8Array(count);
  for (let filled = 0; filled < count;) {
    const read = await conn.read(bytes.subarray(filled));
    if (read === null) throw new Error(`Connection ended after ${filled} of ${count} bytes`);
    filled += read;
  }
  return new TextDecoder().decode(bytes);
}

/** How a connection ends, `fin` or the name of the error (`ConnectionReset`); discards the bytes before. */
export async function endOf(conn: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    while (await conn.read(buffer) !== null);
    return "fin";
  } catch (error) {
    return (error as Error).name;
  }
}

export function tryClose(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is already closed.
  }
}

/** A server whose connections can be reset, which Deno's own cannot. */
export async function resettableServer(): Promise<{
  readonly address: string;
  readonly accepted: () => Promise<Socket>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const sockets: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.resume();
    const next = waiting.shift();
    if (next) next(socket);
    else sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const all = new Set<Socket>();
  server.on("connection", (socket) => all.add(socket));
  return {
    address: `127.0.0.1:${port}`,
    accepted: () => {
      const socket = sockets.shift();
      return socket ? Promise.resolve(socket) : new Promise((resolve) => waiting.push(resolve));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of all) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Consecutive free ports, below the ephemeral range, so that no other socket takes one meanwhile. */
export function freePorts(count: number): number[] {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 20_000);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const listeners: Deno.Listener[] = [];
    try {
      for (const port of ports) listeners.push(Deno.listen({ hostname: "127.0.0.1", port }));
      if (ports.every(claim)) return ports;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    } finally {
      for (const listener of listeners) listener.close();
    }
  }
}

/** Whether no test of this machine has got the port lately, which may not listen on it yet. */
function claim(port: number): boolean {
  const path = join(CLAIMS, `${port}`);
  Deno.mkdirSync(CLAIMS, { recursive: true });
  try {
    Deno.mkdirSync(path);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const now = Date.now();
  if (now - Deno.statSync(path).mtime!.getTime() < CLAIM_LASTS) return false;
  Deno.utimeSync(path, now / 1000, now / 1000);
  return true;
}

/** An address that refuses connections for as long as it is held: the client's end of a connection has it. */
export async function refusingAddress(): Promise<AsyncDisposable & { readonly address: string }> {
  const server = upstream(echo);
  const holder = await connect(server.port);
  return {
    address: `127.0.0.1:${holder.localAddr.port}`,
    async [Symbol.asyncDispose]() {
      holder.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A listener that accepts nothing and whose backlog is full: the kernel drops further SYNs. */
export async function blackHole(): Promise<AsyncDisposable & { readonly address: string }> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const waiting: Deno.TcpConn[] = [];
  const knock = async () => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port, signal: AbortSignal.timeout(200) }).catch(
      () => null,
    );
    if (conn !== null) waiting.push(conn);
    return conn !== null;
  };
  // More than one at a time: on a busy machine a single one may be late without the backlog being full.
  while ((await Promise.all([knock(), knock(), knock()])).includes(true));
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const conn of waiting) conn.close();
      listener.close();
      await Promise.resolve();
    },
  };
}

/** Resolves once a client has connected and reset. */
export function connectAndReset(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectNode({ host: "127.0.0.1", port }, () => socket.resetAndDestroy());
    socket.on("error", reject);
    socket.on("close", () => resolve());
  });
}
