/** A connection that holds a permit of its endpoint for as long as its socket is open. */

import { type Conn, ConnWrapper } from "../../net/socket/conn.ts";
import type { Permit } from "./connection_semaphore.ts";

export class PermittedConn extends ConnWrapper {
  readonly #permit: Permit;
  #reading: Promise<unknown> | undefined;
  #writing: Promise<unknown> | undefined;

  constructor(conn: Conn, permit: Permit) {
    super(conn);
    this.#permit = permit;
  }

  override read(buffer: Uint8Array): Promise<number | null> {
    const reading = super.read(buffer);
    this.#reading = reading;
    return reading;
  }

  override write(bytes: Uint8Array): Promise<number> {
    const writing = super.write(bytes);
    this.#writing = writing;
    return writing;
  }

  override close(): void {
    super.close();
    this.#leave();
  }

  override reset(): void {
    super.reset();
    this.#leave();
  }

  /**
   * Deno closes a socket only when what is under way on it has been given up, which takes until after `close()`:
   * a client that got the permit at once was often connected before this connection had ended (half of 400 were).
   */
  async #leave(): Promise<void> {
    await Promise.allSettled([this.#reading, this.#writing]);
    this.#permit[Symbol.dispose]();
  }
}
