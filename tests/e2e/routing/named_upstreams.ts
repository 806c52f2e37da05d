/** Upstreams that report which of them a connection reached, and its bytes. */

import { Sluice } from "../../support/program/program.ts";
import { readAll, upstream, writeAll, writeText } from "../../support/peers/sockets.ts";

/** No test waits for it, in milliseconds. */
export const PEEK_TIMEOUT = 20_000;

/** Upstreams that send back their name, a letter, and all received bytes. */
export class Servers implements AsyncDisposable {
  readonly #all = new Map<string, ReturnType<typeof upstream>>();

  constructor(names: string) {
    for (const name of names) this.#all.set(name, upstream((conn) => answer(conn, name)));
  }

  address(name: string): string {
    return this.#all.get(name)!.address;
  }

  /** Starts a service with these keys in lines, "a" being the default. */
  before(keys: string): Promise<Sluice> {
    return Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 0
    peek: { timeout: ${PEEK_TIMEOUT}ms }
    upstream: "${this.address("a")}"${keys}
`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#all.values()) await server[Symbol.asyncDispose]();
  }
}

async function answer(conn: Deno.Conn, name: string): Promise<void> {
  const bytes = await readAll(conn);
  await writeText(conn, name);
  await writeAll(conn, bytes);
  await conn.closeWrite();
}
