/** An upstream connection opened ahead of its client. */

import { setImmediate } from "node:timers";
import type { Conn } from "../../net/socket/conn.ts";
import { ReadAheadConn } from "../../net/socket/read_ahead_conn.ts";
import type { Idle } from "./idle_conn_list.ts";

/** The longest greeting that is held, in bytes. After more than that, nobody sees the upstream hang up. */
const GREETING = 64 * 1024;

/**
 * While it waits, a read is always pending: an upstream that hangs up is noticed at once, and a greeting (MySQL,
 * SMTP, FTP) is kept. Once handed out it is the client's connection like any other; its first reads bring what came
 * meanwhile, then what the pending read brings.
 */
export class WarmConn extends ReadAheadConn implements Idle {
  readonly idleSince = performance.now();
  #isWaiting = true;
  #isLost = false;

  /** @param onLost Called when the connection ends while it waits. */
  constructor(conn: Conn, onLost: () => void) {
    super(conn, GREETING);
    this.#watch().catch(() => false).then((isOpen) => {
      if (isOpen || !this.#isWaiting) return;
      this.#isLost = true;
      onLost();
    });
  }

  /**
   * Gives the connection to its one client; undefined when it has ended. Once a client was greeted, the connection
   * cannot be exchanged for another any more, so a greeting is not given away before one more look for the end.
   */
  async handOut(): Promise<Conn | undefined> {
    if (this.arrived.length > 0) await lookAround();
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

/** Resolves when whatever the kernel already has for any connection was taken notice of. */
async function lookAround(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
