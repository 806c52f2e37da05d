/** A connection that holds a permit of its endpoint while its socket is open. */

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
   * Deno closes a socket only after its pending reads and writes have ended, some time after `close()`. When the permit
   * was released at once, the next client was often connected before this connection had ended (half of 400 were).
   */
  async #leave(): Promise<void> {
    await Promise.allSettled([this.#reading, this.#writing]);
    this.#permit[Symbol.dispose]();
  }
}
