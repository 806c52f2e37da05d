/** An upstream that counts who is in. */

import { roundTrip } from "./eventually.ts";
import { echo, type Upstream, upstream } from "./sockets.ts";

/** Echoes, and counts the connections that are open. */
export class CountingServer implements AsyncDisposable {
  readonly #server: Upstream;
  #open = 0;
  /** The most there were at the same time. */
  most = 0;

  /** @param limit More than so many are one too many. */
  constructor(limit: number) {
    this.#server = upstream(async (conn) => {
      this.#open += 1;
      // What has ended before this one began is noticed within a round trip.
      if (this.#open > limit) await roundTrip();
      this.most = Math.max(this.most, this.#open);
      await echo(conn).finally(() => this.#open -= 1);
    });
  }

  get address(): string {
    return this.#server.address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
