/** What a check has found. */

import { type ErrorCode, type ProxyError, proxyErrorOf } from "../../net/errors.ts";

export interface Verdict {
  /** `skipped`: the proxy had no port or descriptor for the check, so the state of the endpoint is unknown. */
  readonly outcome: "good" | "bad" | "skipped";
  /** For people: `connection refused`, `answered "-ERR" instead of "+PONG"`. */
  readonly cause: string;
}

/** Error codes for which the proxy itself is the cause. */
const OWN_SHORTAGE: ReadonlySet<ErrorCode> = new Set(["address_not_available", "too_many_open_files"]);

export function good(cause: string): Verdict {
  return { outcome: "good", cause };
}

export function bad(cause: string): Verdict {
  return { outcome: "bad", cause };
}

/** What follows from an error of the connection. */
export function verdictOn(failure: unknown): Verdict {
  const error = proxyErrorOf(failure, "upstream");
  return { outcome: OWN_SHORTAGE.has(error.code) ? "skipped" : "bad", cause: causeOf(error) };
}

function causeOf(error: ProxyError): string {
  if (error.code === "io_error") return error.message;
  if (error.isReset) return "connection reset";
  return error.reason.replace(/^upstream /, "");
}
