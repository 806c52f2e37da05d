/** The errors of a service. */

/** @import { ServiceView } from "../../views.ts" */

/** Ended by an operator or the configuration: `onPurpose` in net/errors.ts. A test compares them. */
const ON_PURPOSE = new Set([
  "acme_challenge",
  "drain_idle",
  "endpoint_down",
  "failback",
  "fault",
  "filter_closed",
  "killed",
  "lifetime",
  "rebalance",
  "shutdown",
]);

/** How a relayed connection ends when nothing went wrong: ORDERLY_REASONS in close_reason.ts. A test compares them. */
const ORDERLY = new Set([
  "client_closed",
  "upstream_closed",
  "client_truncated",
  "upstream_truncated",
  "client_reset_after_close",
  "upstream_reset_after_close",
]);

/** @typedef {"failed" | "refused" | "broken"} ErrorKind */

/**
 * Errors of one kind and reason since the start.
 * @typedef {object} ErrorCount
 * @property {ErrorKind} kind
 * @property {string} reason
 * @property {number} count
 */

/**
 * The errors of a service since the start, the most frequent first.
 * @param {ServiceView} service
 * @returns {ErrorCount[]}
 */
export function errorsOf({ connections, refused_by, closed_by }) {
  const endings = Object.entries(closed_by).filter(([reason]) => !isOrderly(reason));
  return [
    ...counts("failed", [["upstream_not_reached", connections.failed]]),
    ...counts("refused", Object.entries(refused_by)),
    ...counts("broken", endings),
  ].sort((a, b) => b.count - a.count);
}

/**
 * Whether this reason is not an error.
 * @param {string} reason
 */
export function isOrderly(reason) {
  return ORDERLY.has(reason) || ON_PURPOSE.has(reason);
}

/**
 * @param {ErrorKind} kind
 * @param {readonly (readonly [string, number])[]} entries
 * @returns {ErrorCount[]}
 */
function counts(kind, entries) {
  return entries.filter(([, count]) => count > 0).map(([reason, count]) => ({ kind, reason, count }));
}
