/** A connection that holds a place at its endpoint for as long as its socket is open. */

import type { Conn } from "../../net/socket/conn.ts";
import { ConnWrapper } from "../../net/socket/conn_wrapper.ts";
import type { Permit } from "./connection_semaphore.ts";

export class PermittedConn extends ConnWrapper {
  readonly #place: Permit;
  #reading: Promise<unknown> | undefined;
  #writing: Promise<unknown> | undefined;

  constructor(conn: Conn, place: Permit) {
    super(conn);
    this.#place = place;
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
   * whoever got the place at once would often be connected before this connection has ended (half of 400 were).
   */
  async #leave(): Promise<void> {
    await Promise.allSettled([this.#reading, this.#writing]);
    this.#place[Symbol.dispose]();
  }
}
