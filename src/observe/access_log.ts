/** One line for every connection: how it ended, who it was, how much it moved. */

import type { ConnectionRecord } from "./ledger.ts";
import type { Fields, Log } from "./log.ts";

/** What an access log needs of an error: a code for programs, a reason for people, a cause in detail. */
export interface Failure {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
}

/** Lines about refused connections, per service. */
const REFUSALS_A_SECOND = 10;

export class AccessLog {
  readonly #log: Log;
  #secondBegan = -Infinity;
  #refusals = 0;
  /** Refused without a line since the last one. */
  #unsaid = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A connection that was relayed ended. `code` is set when it did not end in order. */
  closed(record: ConnectionRecord, reason: string, code?: string): void {
    if (!this.#log.enabled("info")) return;
    this.#log.info(`${record.service}: closed, ${reason}`, {
      event: "connection_closed",
      ...fieldsOf(record),
      bytes_from_client: record.fromClient.bytes,
      bytes_from_upstream: record.fromUpstream.bytes,
      duration_ms: Math.round(record.age),
      reason,
      code,
    });
  }

  /** A connection was not let in. Whoever is refused can come as often as he likes, so not each has its line. */
  refused(record: ConnectionRecord, failure: Failure): void {
    if (!this.#log.enabled("warn")) return;
    const now = performance.now();
    if (now - this.#secondBegan >= 1000) {
      this.#secondBegan = now;
      this.#refusals = 0;
    }
    this.#refusals += 1;
    if (this.#refusals > REFUSALS_A_SECOND) {
      this.#unsaid += 1;
      return;
    }
    const unsaid = this.#unsaid || undefined;
    this.#unsaid = 0;
    this.#log.warn(`${record.service}: refused, ${failure.reason}`, {
      event: "connection_refused",
      ...fieldsOf(record),
      reason: failure.reason,
      code: failure.code,
      detail: detailOf(failure),
      not_logged: unsaid,
    });
  }

  /** A connection ended before it reached its upstream. */
  failed(record: ConnectionRecord, failure: Failure): void {
    if (!this.#log.enabled("warn")) return;
    this.#log.warn(`${record.service}: failed, ${failure.reason}`, {
      event: "connection_failed",
      ...fieldsOf(record),
      duration_ms: Math.round(record.age),
      reason: failure.reason,
      code: failure.code,
      detail: detailOf(failure),
    });
  }
}

function detailOf({ message, reason }: Failure): string | undefined {
  return message === reason ? undefined : message;
}

function fieldsOf(record: ConnectionRecord): Fields {
  return {
    service: record.service,
    client: record.client,
    peer: record.peer,
    sni: record.serverName,
    upstream: record.upstream || undefined,
    attempts: record.attempts > 1 ? record.attempts : undefined,
  };
}
