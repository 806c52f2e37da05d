/** Log lines about open connections, at level debug: other levels only log the end of a connection. */

import { type ConnectionFacts, tenths } from "./access_line.ts";
import type { Log } from "./log.ts";

export class DebugLines {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A client has connected, and nothing is decided yet. */
  accepted(connection: ConnectionFacts): void {
    if (!this.#log.enabled("debug")) return;
    const { service, id, client, listener } = connection;
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
