/** Protocols that begin in plain text and ask for TLS inside (STARTTLS), on both sides. */

import { startTlsOf, type StartTlsProtocol } from "../../wire/starttls/registry.ts";
import type { AcceptOptions, Dialogue, Step } from "../../wire/starttls/starttls.ts";
import { hostOf } from "../address.ts";
import { type ErrorCode, type Peer, ProxyError, proxyErrorOf } from "../errors.ts";
import { type Conn, writeAll } from "../socket/conn.ts";
import { ReadAheadConn } from "../socket/read_ahead_conn.ts";
import { abortable } from "../timers/abortable.ts";

/** The most that a peer may send before TLS, in bytes. */
export const MAX_BEFORE_TLS = 16 * 1024;

/** How the part before TLS has ended: with an answer to a request for TLS, with TLS at once, or in plain text. */
export type Asked = "asked" | "direct" | "plain";

/**
 * Plays the server until the client begins TLS, or goes on in plain text. Later reads return what it has sent.
 *
 * @throws {ProxyError} of side `client`, or the reason of `signal`.
 */
export async function acceptTls(
  conn: ReadAheadConn,
  protocol: StartTlsProtocol,
  options: AcceptOptions,
  signal: AbortSignal,
): Promise<Asked> {
  const { kind, bytes } = await hold(conn, startTlsOf(protocol).accept(options), "client", signal);
  if (kind === "plain") return kind;
  return bytes === undefined ? "direct" : "asked";
}

/**
 * Answers "no" to a client that asks for TLS. Later reads return what it sends after that.
 *
 * @throws {ProxyError} of side `client`, or the reason of `signal`.
 */
export async function declineTls(conn: Conn, protocol: StartTlsProtocol, signal: AbortSignal): Promise<Conn> {
  const dialogue = startTlsOf(protocol).decline?.();
  if (dialogue === undefined) return conn;
  const begun = new ReadAheadConn(conn, MAX_BEFORE_TLS);
  await orClose(begun, hold(begun, dialogue, "client", signal));
  return begun;
}

/**
 * Asks the upstream for TLS, then begins it with `shake`, which owns the connection that it gets. Reads of the result
 * return the greeting of the server first. Owns the connection: closes it on failure.
 *
 * @throws {ProxyError} of side `upstream`, or the reason of `signal`.
 */
export async function requestTls(
  conn: Conn,
  protocol: StartTlsProtocol,
  shake: (conn: Conn) => Promise<Conn>,
  signal: AbortSignal,
): Promise<Conn> {
  const begun = new ReadAheadConn(conn, MAX_BEFORE_TLS);
  const request = startTlsOf(protocol).request(literalOf(conn));
  await orClose(begun, hold(begun, request, "upstream", signal));
  const secured = await shake(begun);
  const { greeting } = request;
  return greeting === undefined ? secured : new ReadAheadConn(secured, greeting.length, greeting);
}

/**
 * Removes the greeting of an upstream whose client was greeted already. Owns the connection: closes it on failure.
 *
 * @throws {ProxyError} of side `upstream`, or the reason of `signal`.
 */
export async function skipGreeting(
  conn: Conn,
  protocol: StartTlsProtocol,
  signal: AbortSignal,
): Promise<Conn> {
  const dialogue = startTlsOf(protocol).skipGreeting?.();
  if (dialogue === undefined) return conn;
  const begun = new ReadAheadConn(conn, MAX_BEFORE_TLS);
  await orClose(begun, hold(begun, dialogue, "upstream", signal));
  return begun;
}

/** Speaks the protocol until TLS begins. */
async function hold(
  conn: ReadAheadConn,
  dialogue: Dialogue,
  side: Peer,
  signal: AbortSignal,
): Promise<Extract<Step, { kind: "tls" | "plain" }>> {
  const fail = (code: ErrorCode, reason: string) =>
    new ProxyError(code, side, { detail: `The ${side} ${reason}` });
  const send = (bytes: Uint8Array) => abortable(writeAll(conn, bytes), signal);
  try {
    signal.throwIfAborted();
    if (dialogue.opening !== undefined) await send(dialogue.opening);
    for (;;) {
      const step = dialogue.next(conn.received);
      if (step.kind === "need_more") {
        if (conn.isFull) throw fail("tls_handshake_failed", "sent too much before TLS");
        if (await abortable(conn.more(), signal)) continue;
        if (dialogue.mayEnd === true) return { kind: "plain", length: 0 };
        throw fail("tls_handshake_failed", "closed before TLS");
      }
      if (step.bytes !== undefined) await send(step.bytes);
      if ("reason" in step) {
        throw fail(step.kind === "refused" ? "tls_refused" : "tls_handshake_failed", step.reason);
      }
      conn.skip(step.length);
      if (step.kind !== "send") return step;
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    const error = proxyErrorOf(cause, side);
    // A write may report a reset before a read does.
    error.sentNothing = side === "client" && !conn.hasReceived && (error.isReset || conn.broughtNothing);
    throw error;
  }
}

async function orClose(conn: Conn, step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (cause) {
    conn.close();
    throw cause;
  }
}

/** This end of a connection as SMTP names a client without a domain name (RFC 5321 section 4.1.3). */
function literalOf(conn: Conn): string {
  const { localAddress } = conn;
  if (localAddress.transport === "unix") return "localhost";
  const host = hostOf(localAddress);
  return host.includes(":") ? `[IPv6:${host}]` : `[${host}]`;
}
