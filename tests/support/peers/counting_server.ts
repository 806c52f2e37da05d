/** An upstream that counts its open connections. */

import assert from "node:assert/strict";
import { roundTrip } from "../eventually.ts";
import { connect, echo, endOf, readText, type Upstream, upstream, writeText } from "./sockets.ts";

/** Echoes, and counts the connections that are open. */
export class CountingServer implements AsyncDisposable {
  readonly #server: Upstream;
  readonly #open = new Set<Deno.TcpConn>();
  /** The most open connections at the same time. */
  most = 0;

  /**
   * @param limit More than this many are one too many.
   * @param roundTrips How long it may take to notice that a connection has ended before another one began. One, where
   * the proxy is in this process. Threads elsewhere end and begin connections while this one is at something else: a
   * second one (0.3 ms) was needed 15 times in 48 runs, though at the system calls of the program, which strace has
   * shown, no more than `limit` were open. On a busy machine even that is too short, and the kernel is asked.
   */
  constructor(limit: number, roundTrips = 1) {
    this.#server = upstream(async (conn) => {
      this.#open.add(conn);
      let open = [...this.#open];
      // Connections that came meanwhile do not count: some may have ended before they were accepted.
      for (let trip = 0; trip < roundTrips && open.length > limit; trip++) {
        await roundTrip();
        open = open.filter((each) => this.#open.has(each));
      }
      const count = open.length > limit ? Math.min(open.length, establishedAt(this.address)) : open.length;
      this.most = Math.max(this.most, count);
      await echo(conn).finally(() => this.#open.delete(conn));
    });
  }

  get address(): string {
    return this.#server.address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** How many clients the kernel has at a port of 127.0.0.1 that have not ended. Only Linux tells. */
function establishedAt(address: string): number {
  if (Deno.build.os !== "linux") return Infinity;
  const port = Number(address.split(":")[1]).toString(16).toUpperCase().padStart(4, "0");
  const lines = Deno.readTextFileSync("/proc/net/tcp").split("\n");
  return lines.filter((line) => new RegExp(`^ *\\d+: \\w+:${port} \\w+:\\w+ 01 `).test(line)).length;
}

/** Makes one request; a polite client waits for the other side's end. */
export async function exchange(port: number, isPolite = true): Promise<void> {
  using client = await connect(port);
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  if (!isPolite) return;
  await client.closeWrite();
  assert.equal(await endOf(client), "fin");
}
