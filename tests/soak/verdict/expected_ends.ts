/** The ends of connections that are expected in a soak. */

import type { AccessLine } from "../../support/program/access_line.ts";
import { LIMIT_CODES } from "./incidents.ts";

/** Expected at any service. */
const ANYWHERE = ["killed", "connection_reset", "broken_pipe", "connection_aborted"];
/** Caused by clients that send no TLS, or become silent in the handshake. */
const TLS = ["tls_handshake_failed", "tls_handshake_timeout", "tls_truncated", "tls_refused"];

const AT: Readonly<Record<string, readonly string[]>> = {
  trio: ["connection_refused", "endpoint_down"],
  limited: [...LIMIT_CODES],
  brief: ["idle_timeout"],
  tls: TLS,
  native: TLS,
};

/** Why the end of a connection is unexpected; undefined when it is expected. */
export function strangenessOf({ service, code, event }: AccessLine): string | undefined {
  if (code !== undefined && !ANYWHERE.includes(code) && !(AT[service] ?? []).includes(code)) {
    return "Nothing here ends a connection like this";
  }
  const isExpected = ["connection_closed", "connection_refused", "connection_failed"].includes(event);
  return isExpected ? undefined : "Not the line of a connection";
}
