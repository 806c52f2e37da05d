/** Translates the TLS errors that Deno and node:tls throw. Both use rustls, and share its wording. */

import { type Peer, ProxyError, proxyErrorOf } from "../errors.ts";
import { alertIn, ALERTS, isTlsError } from "./faults.ts";

/** Why a certificate was rejected, from the messages of rustls. The name check has a message of its own. */
const CERTIFICATE_FAULTS: [RegExp, string][] = [
  [/certificate expired|: Expired\b/, "it has expired"],
  [/not valid yet|: NotValidYet\b/, "it is not valid yet"],
  [/UnknownIssuer/, "its issuer is not trusted"],
  [/CaUsedAsEndEntity/, "it is an authority's own certificate"],
  [/extended key usage|InvalidPurpose/, "its key usage does not fit"],
];

/** Reasons why this side ends a handshake. */
const FAILURES: [RegExp, string][] = [
  [/InvalidContentType|corrupt message/, "sent something that is not TLS"],
  [/doesn't support any known protocol/, "has no protocol (ALPN) in common with us"],
  [/sent no certificates/, "sent no certificate"],
  [
    /(SupportedVersions|SignatureAlgorithms)ExtensionRequired|Tls1[23]NotOffered/,
    "has no TLS version in common with us",
  ],
  [
    /socket hang up|disconnected before secure|unexpected end of file|without sending/,
    "closed during the handshake",
  ],
];

/**
 * The code of node:tls when a handshake fails because a certificate cannot be used to verify its owner's
 * signature. The issuer is checked after the handshake.
 */
const UNREADABLE = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";

/**
 * The error of a TLS handshake with the peer on `side`.
 *
 * @param cause Undefined when the peer has disconnected.
 * @returns `tls_refused` when the peer sent an alert, `tls_certificate_rejected` when its certificate failed a check
 * (the message says which), `tls_handshake_failed` for any other fault of TLS, or the code of an error of the
 * connection below it.
 */
export function tlsErrorOf(cause: unknown, side: Peer): ProxyError {
  if (cause === undefined) return tlsErrorOf(new Deno.errors.UnexpectedEof("unexpected end of file"), side);
  if (cause instanceof ProxyError || !(cause instanceof Error)) return proxyErrorOf(cause, side);
  const { message } = cause;
  const alert = alertIn(message);
  if (alert !== undefined) {
    return new ProxyError("tls_refused", side, {
      cause,
      detail: `The ${side} ${ALERTS[alert] ?? "refused TLS"} (alert ${alert})`,
    });
  }
  if ((cause as { code?: unknown }).code === UNREADABLE) {
    return certificateRejected(
      side,
      "it cannot be read, or has a critical extension that is not understood",
      cause,
    );
  }
  if (message.startsWith("invalid peer certificate")) {
    const fault = CERTIFICATE_FAULTS.find(([pattern]) => pattern.test(message))?.[1] ?? message;
    return certificateRejected(side, fault, cause);
  }
  const failure = FAILURES.find(([pattern]) => pattern.test(message))?.[1];
  if (failure !== undefined || isTlsError(cause)) {
    const detail = failure === undefined ? `TLS failed: ${message}` : `The ${side} ${failure}`;
    return new ProxyError("tls_handshake_failed", side, { cause, detail });
  }
  return proxyErrorOf(cause, side);
}

/** The peer's certificate fails a check: `fault`, such as "it has expired". */
export function certificateRejected(side: Peer, fault: string, cause?: unknown): ProxyError {
  const detail = `The certificate of the ${side} is not accepted: ${fault}`;
  return new ProxyError("tls_certificate_rejected", side, { cause, detail });
}
