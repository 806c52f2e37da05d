/** Looking at a TLS ClientHello without taking it. */

import { type ClientHello, parseClientHello } from "../../wire/client_hello/client_hello.ts";
import { proxyErrorOf } from "../errors.ts";
import { abortable } from "../timers/abortable.ts";
import type { ReadAheadConn } from "./read_ahead_conn.ts";

/**
 * What the ClientHello says that a connection begins with; or in words why there is none: another protocol, nothing
 * sent before `signal` aborted (as with protocols in which the server speaks first), more than is held.
 */
export async function peekClientHello(
  conn: ReadAheadConn,
  signal: AbortSignal,
): Promise<ClientHello | string> {
  for (;;) {
    const parsed = parseClientHello(conn.arrived);
    switch (parsed.kind) {
      case "hello":
        return parsed;
      case "not_tls":
        return "not TLS";
      case "invalid":
        return `invalid ClientHello: ${parsed.reason}`;
      case "need_more":
        if (conn.isFull) return "ClientHello longer than max_bytes";
        try {
          if (!(await abortable(conn.more(), signal))) return "closed before its ClientHello";
        } catch (cause) {
          if (signal.aborted) return "no ClientHello in time";
          throw proxyErrorOf(cause, "client");
        }
    }
  }
}
