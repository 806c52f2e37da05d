/** An upstream connection opened ahead of its client. */

import { setImmediate } from "node:timers";
import type { Conn } from "../../net/socket/conn.ts";
import { ReadAheadConn } from "../../net/socket/read_ahead_conn.ts";
import type { Idle } from "./idle_conn_list.ts";

/** The longest greeting that it holds, in bytes. Beyond that, it does not notice when the upstream closes. */
const GREETING = 64 * 1024;

/**
 * While it is idle, a read is always pending, so that it notices at once when the upstream closes, and keeps a greeting
 * (MySQL, SMTP, FTP). After it is handed out, its first reads return the bytes received so far, then the result of the
 * pending read.
 */
export class WarmConn extends ReadAheadConn implements Idle {
  readonly idleSince = performance.now();
  #isWaiting = true;
  #isLost = false;

  /** @param onLost Called if the connection ends while it is idle. */
  constructor(conn: Conn, onLost: () => void) {
    super(conn, GREETING);
    this.#watch().catch(() => false).then((isOpen) => {
      if (isOpen || !this.#isWaiting) return;
      this.#isLost = true;
      onLost();
    });
  }

  /**
   * Gives the connection to its one client; undefined when it has ended. After a client was greeted, the connection
   * cannot be replaced by another, so a connection with a greeting is checked for its end once more.
   */
  async handOut(): Promise<Conn | undefined> {
    if (this.received.length > 0) await allProcessed();
    if (this.#isLost) return undefined;
    this.#isWaiting = false;
    return this;
  }

  override close(): void {
    this.#isWaiting = false;
    super.close();
  }

  /** Whether it was still open when it was handed out, or when there was no room for more of its greeting. */
  async #watch(): Promise<boolean> {
    while (this.#isWaiting && !this.isFull) if (!(await this.more())) return false;
    return true;
  }
}

/** Resolves when everything that the kernel has received so far was processed. */
async function allProcessed(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
