/** How a connection ended, in the form that the log, the counters and the events share. */

import { ERROR_CODES, type ErrorCode, type Peer, type ProxyError, type Side } from "../net/errors.ts";

/** How a relay ended: which side finished sending first and whether the other one then reset, or the error. */
export type RelayEnd =
  | { readonly kind: "closed"; readonly first: Peer; readonly thenReset?: true }
  | { readonly kind: "failed"; readonly error: ProxyError };

export interface CloseReason {
  /** It was relayed; refused admission; or admitted, but failed before its upstream was connected. */
  readonly kind: "closed" | "refused" | "failed";
  readonly endedBy: Side;
  /** The key for counters and events: one of {@linkcode CLOSE_REASONS} for a relayed connection, else the code. */
  readonly key: string;
  /** In words. */
  readonly reason: string;
  /** Undefined after an orderly close. */
  readonly code: ErrorCode | undefined;
  /** Details, if there is more to say than the reason. */
  readonly detail: string | undefined;
  /** It was not relayed: the client ended it before it had sent a byte. */
  readonly sentNothing: boolean;
}

/** The keys of relayed connections that ended well. The page has them too, in `service_errors.js`. */
export const ORDERLY_REASONS: readonly string[] = [
  "client_closed",
  "upstream_closed",
  "client_truncated",
  "upstream_truncated",
  "client_reset_after_close",
  "upstream_reset_after_close",
];

/** The keys of relayed connections: few and fixed, because each becomes a series of metrics. */
export const CLOSE_REASONS: readonly string[] = [
  ...ORDERLY_REASONS,
  ...new Set(ERROR_CODES.flatMap((code) => [code, `client_${code}`, `upstream_${code}`])),
];

/** Most connections end like this, so these objects are made once. */
const CLOSED = {
  client: inOrder("client", "client_closed", "client closed"),
  upstream: inOrder("upstream", "upstream_closed", "upstream closed"),
};
const RESET_AFTER_CLOSE = {
  client: inOrder("client", "upstream_reset_after_close", "client closed, then upstream reset"),
  upstream: inOrder("upstream", "client_reset_after_close", "upstream closed, then client reset"),
};

function inOrder(endedBy: Peer, key: string, reason: string): CloseReason {
  return { kind: "closed", endedBy, key, reason, code: undefined, detail: undefined, sentNothing: false };
}

/** How a relayed connection ended. */
export function endOfRelay(end: RelayEnd): CloseReason {
  if (end.kind === "failed") return failureOfRelay(end.error);
  return (end.thenReset === true ? RESET_AFTER_CLOSE : CLOSED)[end.first];
}

function failureOfRelay(error: ProxyError): CloseReason {
  const { code, side, reason } = error;
  // Many programs end TLS without close_notify (RFC 8446, section 6.1), so this does not count as an error.
  const isTruncated = code === "tls_truncated";
  return {
    kind: "closed",
    endedBy: side,
    key: side === "proxy" ? code : isTruncated ? `${side}_truncated` : `${side}_${code}`,
    reason,
    code: isTruncated ? undefined : code,
    detail: isTruncated ? undefined : detailOf(error),
    sentNothing: false,
  };
}

/** How a connection ended that was never relayed. */
export function endBeforeRelay(error: ProxyError): CloseReason {
  const { code, side, reason, isRefusal, sentNothing } = error;
  // A check has got what it came for.
  const isServed = code === "acme_challenge";
  return {
    kind: isServed ? "closed" : isRefusal ? "refused" : "failed",
    // The proxy refuses the client, whichever side is the cause.
    endedBy: isRefusal ? "proxy" : side,
    key: code,
    reason,
    code,
    detail: detailOf(error),
    sentNothing,
  };
}

function detailOf({ message, reason }: ProxyError): string | undefined {
  return reason.endsWith(message) ? undefined : message;
}
