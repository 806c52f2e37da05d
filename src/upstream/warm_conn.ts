/** An upstream connection opened ahead of its client. */

import type { Conn } from "../net/conn.ts";
import { ConnWrapper } from "../net/conn_wrapper.ts";
import type { Idle } from "./idle_shelf.ts";

/** Room for a greeting, in bytes: the rest of a longer one waits in the kernel. */
const GREETING = 4096;

/**
 * While it waits, a read is always pending: an upstream that hangs up is noticed at once, and a greeting (MySQL,
 * SMTP, FTP) is kept. Once handed out it is the client's connection like any other; its first reads bring what came
 * meanwhile, then what the pending read brings.
 */
export class WarmConn extends ConnWrapper implements Idle {
  readonly idleSince = performance.now();
  readonly #onLost: () => void;
  #greeting: Uint8Array | undefined = new Uint8Array(GREETING);
  /** Bytes of the greeting that came, and that were passed on. */
  #filled = 0;
  #passed = 0;
  /** The read under way: whether it brought bytes into the greeting, or the end. */
  #pending: Promise<boolean> | undefined;
  #isWaiting = true;

  /** @param onLost Called when the connection ends while it waits. */
  constructor(conn: Conn, onLost: () => void) {
    super(conn);
    this.#onLost = onLost;
    this.#readAhead();
  }

  /** Gives the connection to its one client. */
  handOut(): Conn {
    this.#isWaiting = false;
    return this;
  }

  override async read(buffer: Uint8Array): Promise<number | null> {
    const greeting = this.#greeting;
    if (greeting === undefined) return await this.inner.read(buffer);
    if (this.#passed === this.#filled && this.#pending !== undefined && !(await this.#pending)) return null;
    if (this.#passed < this.#filled) {
      const bytes = greeting.subarray(this.#passed, Math.min(this.#filled, this.#passed + buffer.length));
      buffer.set(bytes);
      this.#passed += bytes.length;
      return bytes.length;
    }
    this.#greeting = undefined;
    return await this.inner.read(buffer);
  }

  override close(): void {
    this.#isWaiting = false;
    super.close();
  }

  #readAhead(): void {
    const room = this.#greeting!.subarray(this.#filled);
    if (room.length === 0) return;
    this.#pending = this.inner.read(room).then((count) => {
      if (count === null) {
        this.#lost();
        return false;
      }
      this.#pending = undefined;
      this.#filled += count;
      if (this.#isWaiting) this.#readAhead();
      return true;
    });
    // The reader it is handed out to gets the error; while it waits, nobody reads.
    this.#pending.catch(() => this.#lost());
  }

  #lost(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#onLost();
  }
}
