/** The demo's moving parts: two small servers, a proxy before each, and clients that keep it busy. */

import { parseQuickForm } from "../config/input/quick.ts";
import { type Address, formatAddress, parseListenAddress } from "../net/address.ts";
import { acceptConnections } from "../net/socket/accept.ts";
import { type Conn, writeAll } from "../net/socket/conn.ts";
import { dial } from "../net/socket/dial.ts";
import { listen } from "../net/socket/listen.ts";
import { ListenError } from "../net/socket/listen_error.ts";
import { sleep } from "../net/timers/sleep.ts";
import type { ProgramLog } from "../observe/log/log.ts";
import { AdminListenError, type RunningProxy, runProxy } from "./proxy.ts";

/** Ports people remember; a free one is taken where they are in use. */
const PREFERRED = { echo: 5000, clock: 5001, admin: 5002 };
/** How often the clock ticks and the demo's own client speaks, in milliseconds. */
const TICK = 1000;
const SPEAK_EVERY = 400;
/** Lines the demo's client says before it hangs up and calls again. */
const LINES_PER_CALL = 5;

export interface DemoService {
  readonly name: "echo" | "clock";
  readonly does: string;
  readonly listen: string;
  readonly upstream: string;
}

export interface Demo extends AsyncDisposable {
  readonly proxy: RunningProxy;
  readonly services: readonly DemoService[];
}

/**
 * Starts everything on 127.0.0.1.
 *
 * @throws {ListenError | AdminListenError} when not even a free port can be had
 */
export async function startDemo(log: ProgramLog): Promise<Demo> {
  const ending = new AbortController();
  const echo = await serve(answerEcho, ending.signal);
  const clock = await serve(answerClock, ending.signal);
  const proxy = await runPreferring(log, { echo, clock });
  const clients = [
    keepCalling(proxy.services[0]!.listen[0]!, "hello from the demo\n", ending.signal),
    keepCalling(proxy.services[1]!.listen[0]!, "", ending.signal),
  ];
  const does = { echo: "says back what you say", clock: "tells the time once a second" };
  return {
    proxy,
    services: (["echo", "clock"] as const).map((name, index) => ({
      name,
      does: does[name],
      listen: proxy.services[index]!.listen[0]!,
      upstream: formatAddress(name === "echo" ? echo : clock),
    })),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await Promise.all(clients);
      await proxy.stop({ drain: 0 });
    },
  };
}

async function runPreferring(
  log: ProgramLog,
  upstreams: { echo: Address; clock: Address },
): Promise<RunningProxy> {
  const run = (ports: typeof PREFERRED) => {
    const config = parseQuickForm([
      `${ports.echo}=${formatAddress(upstreams.echo)}`,
      `${ports.clock}=${formatAddress(upstreams.clock)}`,
    ]);
    const [echo, clock] = config.services;
    const admin: Address = { transport: "tcp", hostname: "127.0.0.1", port: ports.admin };
    return runProxy({
      ...config,
      services: [{ ...echo!, name: "echo" }, { ...clock!, name: "clock" }],
      admin: { listen: admin, token: undefined, hosts: [], maxConnections: 64, unixMode: undefined },
    }, log);
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
): Promise<Address> {
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, { adapter: "deno" });
  const serveOne = async (conn: Conn) => {
    using _conn = conn;
    await answer(conn, signal).catch(() => {/* the demo's peer went away */});
  };
  const onConnection = (conn: Conn) => void serveOne(conn);
  acceptConnections(listener, { onConnection, onError: () => {}, signal });
  return listener.address;
}

async function answerEcho(conn: Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    await writeAll(conn, buffer.subarray(0, count));
  }
}

async function answerClock(conn: Conn, signal: AbortSignal): Promise<void> {
  const encoder = new TextEncoder();
  const hungUp = new AbortController();
  readToEnd(conn).then(() => hungUp.abort());
  const ending = AbortSignal.any([signal, hungUp.signal]);
  while (!ending.aborted) {
    await writeAll(conn, encoder.encode(`${new Date().toISOString()}\n`));
    await sleep(TICK, ending);
  }
}

/** The demo's own client of one service: listens, says `line` now and then, hangs up, calls again. */
async function keepCalling(listen: string, line: string, signal: AbortSignal): Promise<void> {
  const address = parseListenAddress(listen);
  while (!signal.aborted) {
    try {
      using conn = await dial(address, { adapter: "deno", signal: AbortSignal.timeout(1000) });
      const heard = readToEnd(conn);
      for (let said = 0; said < LINES_PER_CALL && !signal.aborted; said++) {
        if (line !== "") await writeAll(conn, new TextEncoder().encode(line));
        await sleep(SPEAK_EVERY, signal);
      }
      conn.close();
      await heard;
    } catch {
      await sleep(SPEAK_EVERY, signal);
    }
  }
}

async function readToEnd(conn: Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // Broken or hung up: the end either way.
  }
}
