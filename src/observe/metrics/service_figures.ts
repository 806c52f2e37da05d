/** Figures of services, as the API and library users see them. */

import { ERROR_CODES, isOnPurpose } from "../../net/errors.ts";
import type { ServiceCounts } from "../counters/accounts.ts";
import { type Counts, totalOf } from "../counters/columns.ts";

/**
 * One service's figures at one moment, of all threads. Bytes include those of connections still open.
 *
 * @example Nothing has been accepted yet
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ServiceFigures, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * const [figures]: ServiceFigures[] = proxy.figures();
 * assert.equal(figures!.accepted, 0);
 * ```
 */
export interface ServiceFigures {
  /** The name of the service. */
  readonly name: string;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Connections open now. */
  readonly active: number;
  /** Connections that ended before they reached an upstream, without those ended on purpose. */
  readonly failed: number;
  /** By reason, such as `connection_refused`; includes those ended on purpose, such as `killed` or `shutdown`. */
  readonly failedBy: Counts;
  /** Connections refused by access rules or limits. */
  readonly refused: number;
  /** The same by reason, such as `access_denied`. */
  readonly refusedBy: Counts;
  /** Connections that were relayed and have ended, by reason: `client_closed`, `idle_timeout`, … */
  readonly closedBy: Counts;
  /** Bytes received from clients. */
  readonly bytesFromClient: number;
  /** Bytes received from upstreams. */
  readonly bytesFromUpstream: number;
}

export function serviceFigures(name: string, counted: ServiceCounts): ServiceFigures {
  const { accepted, ended, failed, refused, closed, bytesFromClient, bytesFromUpstream } = counted;
  return {
    name,
    accepted,
    active: accepted - ended,
    failed: totalOf(failed) - onPurpose(failed),
    failedBy: failed,
    refused: totalOf(refused),
    refusedBy: refused,
    closedBy: closed,
    bytesFromClient,
    bytesFromUpstream,
  };
}

function onPurpose(counts: Counts): number {
  return ERROR_CODES.filter(isOnPurpose).reduce((sum, code) => sum + (counts[code] ?? 0), 0);
}
