/** Lines about connections on their way, at the level debug: a line at the end is all that other levels have. */

import { type ConnectionFacts, tenths } from "./access_line.ts";
import type { Log } from "./log.ts";

export class DebugLines {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A client is there, and nothing is decided about it. */
  accepted({ service, id, client, listener }: ConnectionFacts): void {
    if (!this.#log.enabled("debug")) return;
    this.#log.debug(`${service}: accepted`, {
      event: "connection_accepted",
      service,
      client,
      id,
      listener: listener || undefined,
    });
  }

  /** Its upstream is connected, and the relay begins. */
  connected(connection: ConnectionFacts): void {
    if (!this.#log.enabled("debug")) return;
    const { service, id, client, upstream, endpoint, attempts, connectTime } = connection;
    this.#log.debug(`${service}: connected`, {
      event: "connection_connected",
      service,
      client,
      id,
      upstream,
      endpoint,
      attempts,
      connect_ms: tenths(connectTime),
    });
  }
}
