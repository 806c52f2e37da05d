/** Translates TLS errors of rustls, which both Deno.listenTls and node:tls use, into messages for users. */

import type { ErrorCode } from "../errors.ts";

/** The meaning of alerts that end a handshake (RFC 8446 section 6.2), by their names in rustls. */
export const ALERTS: Readonly<Record<string, string>> = {
  AccessDenied: "denies access",
  BadCertificate: "did not accept our certificate",
  BadCertificateStatusResponse: "did not accept our certificate",
  CertificateExpired: "says that our certificate has expired",
  CertificateRequired: "wants a certificate and got none",
  CertificateRevoked: "says that our certificate was revoked",
  CertificateUnknown: "did not accept our certificate",
  HandshakeFailure: "refused the handshake: no cipher in common, or it wants a certificate",
  InsufficientSecurity: "refused the handshake as too weak",
  NoApplicationProtocol: "has no protocol (ALPN) in common with us",
  ProtocolVersion: "has no TLS version in common with us",
  UnknownCA: "does not trust the issuer of our certificate",
  UnrecognisedName: "does not know the server name",
  UnsupportedCertificate: "did not accept our certificate",
};

/** Alerts that mean the same after the handshake: some peers check our certificate only then. */
const OF_CERTIFICATE = /Certificate|UnknownCA|AccessDenied/;

/** TLS failures after the handshake. */
const FAULTS: [RegExp, string][] = [
  [/TooManyKeyUpdateRequests/, "asked for new keys too often"],
  [/TooManyRenegotiationRequests/, "tried to renegotiate"],
  // Peers that require renegotiation send this when they get our no_renegotiation.
  [/alert: (HandshakeFailure|NoRenegotiation)/, "ended TLS as after an attempt to renegotiate"],
  [/InvalidContentType|corrupt message/, "sent something that is not TLS"],
  [/cannot decrypt/, "sent what cannot be decrypted"],
];

/** Whether TLS failed, and not the connection below it. */
export function isTlsError(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const { code } = cause as { code?: unknown };
  return cause.name === "InvalidData" || typeof code === "string" && code.startsWith("ERR_SSL_");
}

/** The rustls name of the alert that a peer sent. */
export function alertIn(message: string): string | undefined {
  return /received fatal alert: (\w+)/.exec(message)?.[1];
}

/** Why TLS failed after its handshake, as a code and a message. An unknown message of rustls is shown unchanged. */
export function faultAfterHandshake(message: string, side: string): { code: ErrorCode; detail: string } {
  const alert = alertIn(message);
  if (alert !== undefined && OF_CERTIFICATE.test(alert)) {
    return { code: "tls_refused", detail: `The ${side} ${ALERTS[alert] ?? "refused TLS"} (alert ${alert})` };
  }
  const fault = FAULTS.find(([pattern]) => pattern.test(message))?.[1] ??
    (alert === undefined ? undefined : "ended TLS");
  const named = alert === undefined ? "" : ` (alert ${alert})`;
  return {
    code: "tls_failed",
    detail: fault === undefined ? `TLS failed: ${message}` : `The ${side} ${fault}${named}`,
  };
}
