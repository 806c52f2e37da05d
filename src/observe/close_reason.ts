/** How a connection ended, put in one way for the log, the counters and the events. */

export type EndedBy = "client" | "upstream" | "proxy";

/** What went wrong, and whose doing it was: a code for programs, a reason and a message for people. */
export interface Failure {
  readonly code: string;
  readonly side: EndedBy;
  /** In a few words, the same ones for the same code and side. */
  readonly reason: string;
  /** In detail. */
  readonly message: string;
  /** Whether the client was not let in, as opposed to something that failed. */
  readonly isRefusal: boolean;
}

/**
 * How a relay ended: which side finished sending first and whether the other one then reset, or the error.
 */
export type RelayEnd =
  | { readonly kind: "closed"; readonly first: "client" | "upstream"; readonly thenReset?: true }
  | { readonly kind: "failed"; readonly error: Failure };

export interface CloseReason {
  /** It was relayed; it was not let in; it was let in and did not get as far as its upstream. */
  readonly kind: "closed" | "refused" | "failed";
  readonly endedBy: EndedBy;
  /**
   * What counters and events go by, one of few: of a relayed connection `client_closed`, `idle_timeout` or
   * `upstream_connection_reset`, else the code.
   */
  readonly key: string;
  /** In words. */
  readonly reason: string;
  /** Undefined when it ended in order. */
  readonly code: string | undefined;
  /** In detail, where that says more than the reason. */
  readonly detail: string | undefined;
}

/** A side that ends TLS without close_notify (RFC 8446, section 6.1): so many programs do that it is in order. */
const TRUNCATED = "tls_truncated";

/** The ending of a connection that was relayed. */
export function endOfRelay(end: RelayEnd): CloseReason {
  if (end.kind === "closed") {
    const { first, thenReset = false } = end;
    const other = first === "client" ? "upstream" : "client";
    return {
      kind: "closed",
      endedBy: first,
      key: thenReset ? `${other}_reset_after_close` : `${first}_closed`,
      reason: thenReset ? `${first} closed, then ${other} reset` : `${first} closed`,
      code: undefined,
      detail: undefined,
    };
  }
  const { code, side, reason } = end.error;
  const isTruncated = code === TRUNCATED;
  return {
    kind: "closed",
    endedBy: side,
    key: side === "proxy" ? code : isTruncated ? `${side}_truncated` : `${side}_${code}`,
    reason,
    code: isTruncated ? undefined : code,
    detail: isTruncated ? undefined : detailOf(end.error),
  };
}

/** The ending of a connection that never got as far as the relay. */
export function endBeforeRelay(failure: Failure): CloseReason {
  const { code, side, reason, isRefusal } = failure;
  return {
    kind: isRefusal ? "refused" : "failed",
    // Whoever gave the cause: it is the proxy that does not let a client in.
    endedBy: isRefusal ? "proxy" : side,
    key: code,
    reason,
    code,
    detail: detailOf(failure),
  };
}

function detailOf({ message, reason }: Failure): string | undefined {
  return reason.endsWith(message) ? undefined : message;
}
