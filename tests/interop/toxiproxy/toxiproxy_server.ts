/** Starts `sluice toxiproxy` before an upstream that echoes, and measures what a client of a proxy sees. */

import { Sluice, type StartOptions } from "../../support/program/program.ts";
import { connect, echo, readAll, type Upstream, upstream, writeText } from "../../support/peers/sockets.ts";

export interface ToxiproxyServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** An upstream that echoes. */
  readonly echo: Upstream;
  readonly sluice: Sluice;
}

/** Starts both; the stack ends them. */
export async function toxiproxyServer(
  stack: AsyncDisposableStack,
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<ToxiproxyServer> {
  const server = stack.use(upstream(echo));
  // With one dash, as toxiproxy-server takes them.
  const sluice = stack.use(
    await Sluice.start(["toxiproxy", "-host", "127.0.0.1", "-port", "0", ...args], options),
  );
  const [host, port] = sluice.ready.toxiproxy!.split(":");
  return { url: `http://${host}:${port}`, host: host!, port: Number(port), echo: server, sluice };
}

export function portOf(listen: string): number {
  return Number(listen.slice(listen.lastIndexOf(":") + 1));
}

/** Sends text, half-closes and reads to the end. Returns what it received, and how many milliseconds that took. */
export async function echoed(
  listen: string,
  text: string,
): Promise<{ readonly text: string; readonly took: number }> {
  const began = performance.now();
  using conn = await connect(portOf(listen));
  await writeText(conn, text);
  await conn.closeWrite();
  const answer = new TextDecoder().decode(await readAll(conn));
  return { text: answer, took: performance.now() - began };
}
