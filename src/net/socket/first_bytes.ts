/** The first bytes of a connection: a PROXY header, which is consumed, and those only peeked at, as a ClientHello. */

import { decodeProxyHeader, encodeProxyHeader } from "../../wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyHeader } from "../../wire/proxy_protocol/header.ts";
import { ProxyError, proxyErrorOf } from "../errors.ts";
import { type ClientHello, parseClientHello } from "../../wire/client_hello/client_hello.ts";
import { abortable } from "../timers/abortable.ts";
import type { ReadAheadConn } from "./read_ahead_conn.ts";

/**
 * Receives the header that a connection must begin with. Later reads return the bytes after it.
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

/** What a connection begins with. */
export interface FirstBytes {
  readonly bytes: Uint8Array;
  /**
   * Why no more is looked at: the client has finished sending, time is up, or it is as much as may be looked at.
   * Undefined while more may come.
   */
  readonly end: "closed" | "late" | "full" | undefined;
}

export const NO_BYTES_YET: FirstBytes = { bytes: new Uint8Array(0), end: undefined };

/** How much is looked at; after `signal` has aborted, no more. */
export interface PeekLimits {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Looks at the first bytes of a connection until `look` has seen enough and returns something. Later reads return the
 * bytes. Once there is an `end`, `look` must return something.
 *
 * @throws {ProxyError} of side `client` when the connection breaks, or what `look` throws.
 */
export async function peek<Found>(
  conn: ReadAheadConn,
  { maxBytes, signal }: PeekLimits,
  look: (first: FirstBytes) => Found | undefined,
): Promise<Found> {
  for (let end: FirstBytes["end"];;) {
    const { received } = conn;
    if (conn.isFull || received.length >= maxBytes) end ??= "full";
    const found = look({
      bytes: received.length > maxBytes ? received.subarray(0, maxBytes) : received,
      end,
    });
    if (found !== undefined) return found;
    if (end !== undefined) throw new TypeError("Nothing was decided at the end of the first bytes");
    try {
      if (!(await abortable(conn.more(), signal))) end = "closed";
    } catch (cause) {
      if (!signal.aborted) throw proxyErrorOf(cause, "client");
      end = "late";
    }
  }
}

/** Why a ClientHello can no longer arrive. */
const NO_HELLO = {
  closed: "closed before its ClientHello",
  late: "no ClientHello in time",
  full: "ClientHello longer than max_bytes",
} as const;

/**
 * The content of the ClientHello that a connection begins with, or the reason in words why there is none: the client
 * speaks another protocol, it sent nothing in time (as in protocols in which the server speaks first), or it is too
 * long. Undefined while it may still arrive.
 */
export function clientHelloIn({ bytes, end }: FirstBytes): ClientHello | string | undefined {
  const parsed = parseClientHello(bytes);
  switch (parsed.kind) {
    case "hello":
      return parsed;
    case "not_tls":
      return "not TLS";
    case "invalid":
      return `invalid ClientHello: ${parsed.reason}`;
    case "need_more":
      return end && NO_HELLO[end];
  }
}
