/** The first bytes of a connection: a PROXY header, which is consumed, and a TLS ClientHello, which is only peeked at. */

import { decodeProxyHeader, encodeProxyHeader } from "../../wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyHeader } from "../../wire/proxy_protocol/header.ts";
import { ProxyError, proxyErrorOf } from "../errors.ts";
import { type ClientHello, parseClientHello } from "../../wire/client_hello/client_hello.ts";
import { abortable } from "../timers/abortable.ts";
import type { ReadAheadConn } from "./read_ahead_conn.ts";

/**
 * Receives the header that a connection must begin with. The bytes after it are left to be read.
 *
 * @throws {ProxyError} of side `client` when there is no valid header, or the reason of `signal`.
 */
export async function receiveProxyHeader(conn: ReadAheadConn, signal: AbortSignal): Promise<ProxyHeader> {
  try {
    return await receive(conn, signal);
  } catch (cause) {
    throw proxyErrorOf(cause, "client");
  }
}

/**
 * The header of a connection that the proxy opens for itself, without a client: LOCAL, or UNKNOWN in version
 * 1.
 */
export function ownProxyHeader(version: "v1" | "v2"): Uint8Array {
  return encodeProxyHeader({ command: "local" }, version === "v1" ? 1 : 2);
}

async function receive(conn: ReadAheadConn, signal: AbortSignal): Promise<ProxyHeader> {
  for (;;) {
    const decoded = decodeProxyHeader(conn.received);
    switch (decoded.kind) {
      case "header":
        conn.skip(decoded.length);
        return decoded.header;
      case "invalid":
        throw new ProxyError("proxy_header_invalid", "client", { detail: decoded.reason });
      case "need_more":
        if (conn.isFull) throw new ProxyError("proxy_header_invalid", "client", { detail: "too long" });
        if (!(await abortable(conn.more(), signal))) {
          throw new ProxyError("proxy_header_invalid", "client", { detail: "closed before its end" });
        }
    }
  }
}

/**
 * What the ClientHello says that a connection begins with; or in words why there is none: another protocol, nothing
 * sent before `signal` aborted (as with protocols in which the server speaks first), more than is held.
 */
export async function peekClientHello(
  conn: ReadAheadConn,
  signal: AbortSignal,
): Promise<ClientHello | string> {
  for (;;) {
    const parsed = parseClientHello(conn.received);
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
