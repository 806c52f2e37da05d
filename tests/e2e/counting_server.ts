/** An upstream that counts who is in. */

import { roundTrip } from "./eventually.ts";
import { echo, type Upstream, upstream } from "./sockets.ts";

/** Echoes, and counts the connections that are open. */
export class CountingServer implements AsyncDisposable {
  readonly #server: Upstream;
  readonly #open = new Set<Deno.TcpConn>();
  /** The most there were at the same time. */
  most = 0;

  /** @param limit More than so many are one too many. */
  constructor(limit: number) {
    this.#server = upstream(async (conn) => {
      this.#open.add(conn);
      let open = [...this.#open];
      if (open.length > limit) {
        // What has ended before this one began is noticed within a round trip. Who came meanwhile does not count: some of
        // them may have ended before they were accepted.
        await roundTrip();
        open = open.filter((each) => this.#open.has(each));
      }
      this.most = Math.max(this.most, open.length);
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
