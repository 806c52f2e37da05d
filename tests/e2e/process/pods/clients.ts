/** Clients of an echo server that come and go all the time, and notice everything that is lost. */

import { setTimeout as pause } from "node:timers/promises";
import { connect, readAll, readText, writeText } from "../../../support/peers/sockets.ts";

const SHORT = 6;
const LONG = 8;
/** How long a long connection lasts, and the time between two of its messages, in milliseconds. */
const LASTS = 1000;
const MESSAGE_EVERY = 25;

export class Clients {
  /** Connections that ended as they should. */
  served = 0;
  /** What went wrong with the others. */
  readonly lost: string[] = [];
  readonly #port: number;
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(port: number) {
    this.#port = port;
    const short = Array.from({ length: SHORT }, () => this.#repeat(exchangeAndEnd));
    const long = Array.from({ length: LONG }, () => this.#repeat(exchangeFor));
    this.#running = Promise.all([...short, ...long]).then(() => {});
  }

  /** Resolves when the last connections have ended. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #repeat(use: (conn: Deno.TcpConn) => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      using conn = await connect(this.#port);
      try {
        await use(conn);
        this.served += 1;
      } catch (error) {
        this.lost.push(`${use.name}: ${error}`);
      }
    }
  }
}

async function exchangeAndEnd(conn: Deno.TcpConn): Promise<void> {
  const text = "x".repeat(1 + Math.floor(Math.random() * 30_000));
  await writeText(conn, text);
  await conn.closeWrite();
  const { byteLength } = await readAll(conn);
  if (byteLength !== text.length) throw new Error(`${byteLength} of ${text.length} bytes came back`);
}

async function exchangeFor(conn: Deno.TcpConn): Promise<void> {
  for (const end = performance.now() + LASTS; performance.now() < end;) {
    await writeText(conn, "ping");
    await readText(conn, 4);
    await pause(MESSAGE_EVERY);
  }
  await conn.closeWrite();
  await readAll(conn);
}
