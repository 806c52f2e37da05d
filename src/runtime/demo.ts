/** The demo: two small servers, a proxy in front of each, and clients that keep it busy. */

import { decodeConfig } from "../config/decode.ts";
import { formatAddress, parseListenAddress } from "../net/address.ts";
import { acceptConnections } from "../net/socket/accept.ts";
import { type Conn, writeAll } from "../net/socket/conn.ts";
import { dial } from "../net/socket/dial.ts";
import { listen } from "../net/socket/listen.ts";
import { ListenError } from "../net/socket/listen_error.ts";
import { sleep } from "../net/timers/sleep.ts";
import type { ProgramLog } from "../observe/log/log.ts";
import { AdminListenError } from "./admin/listen_error.ts";
import { type Proxy, runProxy } from "./proxy.ts";

/** Free ports replace these when one is in use. */
const PREFERRED = { echo: 5000, clock: 5001, admin: 5002 };
/** Milliseconds between ticks of the clock, and between lines of the demo's client. */
const TICK = 1000;
const SEND_EVERY = 400;
/** Lines that the demo's client sends before it reconnects. */
const LINES_PER_CONNECTION = 5;

export interface DemoService {
  readonly name: "echo" | "clock";
  readonly does: string;
  readonly listen: string;
  readonly upstream: string;
}

export interface Demo extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly services: readonly DemoService[];
}

/**
 * Starts everything on 127.0.0.1.
 *
 * @throws {ListenError | AdminListenError} when not even a free port can be bound
 */
export async function startDemo(log: ProgramLog): Promise<Demo> {
  const ending = new AbortController();
  const echo = await serve(answerEcho, ending.signal);
  const clock = await serve(answerClock, ending.signal);
  const proxy = await runPreferring(log, echo, clock);
  const [echoAddress, clockAddress] = proxy.services.map(({ listen }) => listen[0]!) as [string, string];
  const clients = [
    keepConnecting(echoAddress, "hello from the demo\n", ending.signal),
    keepConnecting(clockAddress, "", ending.signal),
  ];
  return {
    proxy,
    services: [
      { name: "echo", does: "says back what you say", listen: echoAddress, upstream: echo },
      { name: "clock", does: "sends the time once a second", listen: clockAddress, upstream: clock },
    ],
    async [Symbol.asyncDispose]() {
      ending.abort();
      await Promise.all(clients);
      await proxy.stop({ drain: 0 });
    },
  };
}

async function runPreferring(log: ProgramLog, echo: string, clock: string): Promise<Proxy> {
  const run = (ports: typeof PREFERRED) => {
    const services = [
      { name: "echo", listen: ports.echo, upstream: echo },
      { name: "clock", listen: ports.clock, upstream: clock },
    ];
    return runProxy(decodeConfig({ services, admin: { listen: ports.admin } }), log);
  };
  try {
    return await run(PREFERRED);
  } catch (error) {
    if (!(error instanceof ListenError || error instanceof AdminListenError)) throw error;
    return await run({ echo: 0, clock: 0, admin: 0 });
  }
}

/** Listens on a free port and answers every connection until `signal` aborts. */
async function serve(
  answer: (conn: Conn, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<string> {
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, { adapter: "deno" });
  const serveOne = async (conn: Conn) => {
    using _conn = conn;
    await answer(conn, signal).catch(() => {/* the peer disconnected */});
  };
  const onConnection = (conn: Conn) => void serveOne(conn);
  acceptConnections(listener, { onConnection, onError: () => {}, signal });
  return formatAddress(listener.address);
}

async function answerEcho(conn: Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    await writeAll(conn, buffer.subarray(0, count));
  }
}

async function answerClock(conn: Conn, signal: AbortSignal): Promise<void> {
  const encoder = new TextEncoder();
  const closed = new AbortController();
  readToEnd(conn).then(() => closed.abort());
  const ending = AbortSignal.any([signal, closed.signal]);
  while (!ending.aborted) {
    await writeAll(conn, encoder.encode(`${new Date().toISOString()}\n`));
    await sleep(TICK, ending);
  }
}

/** The demo's client of one service: reads, sends `line` now and then, disconnects, connects again. */
async function keepConnecting(listen: string, line: string, signal: AbortSignal): Promise<void> {
  const address = parseListenAddress(listen);
  while (!signal.aborted) {
    try {
      using conn = await dial(address, { adapter: "deno", signal: AbortSignal.timeout(1000) });
      const reading = readToEnd(conn);
      for (let sent = 0; sent < LINES_PER_CONNECTION && !signal.aborted; sent++) {
        if (line !== "") await writeAll(conn, new TextEncoder().encode(line));
        await sleep(SEND_EVERY, signal);
      }
      conn.close();
      await reading;
    } catch {
      await sleep(SEND_EVERY, signal);
    }
  }
}

async function readToEnd(conn: Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // Reset or closed: the end either way.
  }
}
