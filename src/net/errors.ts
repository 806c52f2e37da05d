/** Errors as values: what happened (`code`), on which side (`side`), and whether another attempt could help. */

import { permissionFault, withRemedy } from "../files/permission_fault.ts";
import { faultAfterHandshake, isTlsError } from "./tls/faults.ts";

/** The two ends of a relayed connection. */
export type Peer = "client" | "upstream";

export type Side = Peer | "proxy";

interface CodeTraits {
  /** In words. Messages put the side of a peer in front: `upstream reset`. */
  readonly reason: string;
  /** The proxy refused the client; nothing failed. Either always, or only if `side` is the client. */
  readonly refusal?: "always" | "client";
  /** Connecting may succeed on another endpoint. */
  readonly retryable?: true;
  /** A peer reset the connection, rather than closing it. */
  readonly reset?: true;
  /** This machine lacks a resource: neither peer is at fault, whichever socket reported it. */
  readonly ownFault?: true;
  /** An operator or the configuration caused it: nothing failed, and no alert should fire. */
  readonly onPurpose?: true;
  /** Names of the errors that have this code: an errno, or a class of Deno for an error without an errno. */
  readonly errors?: readonly string[];
}

/** Every code with its properties. Metrics count by code, so docs/logs.md lists the same codes. */
const CODES = {
  access_denied: { reason: "access denied", refusal: "always" },
  acme_challenge: { reason: "ACME check answered", onPurpose: true },
  address_in_use: {
    reason: "address already in use",
    ownFault: true,
    errors: ["EADDRINUSE", "AddrInUse"],
  },
  address_not_available: {
    reason: "no local address or port available",
    retryable: true,
    ownFault: true,
    errors: ["EADDRNOTAVAIL", "AddrNotAvailable"],
  },
  address_not_allowed: { reason: "address of the server name not allowed", refusal: "always" },
  broken_pipe: { reason: "reset", retryable: true, reset: true, errors: ["EPIPE", "BrokenPipe"] },
  client_connect_rate: { reason: "client connects too often", refusal: "always" },
  client_connection_limit: { reason: "client has too many connections", refusal: "always" },
  client_left: { reason: "left before it was connected" },
  client_table_full: { reason: "too many clients to count", refusal: "always" },
  connect_rate: { reason: "too many connects a second", refusal: "always" },
  connect_timeout: { reason: "connect timeout", retryable: true },
  connection_aborted: {
    reason: "reset",
    retryable: true,
    reset: true,
    errors: ["ECONNABORTED", "ConnectionAborted"],
  },
  connection_limit: { reason: "connection limit", refusal: "always" },
  connection_loop: { reason: "would connect to itself", retryable: true },
  connection_refused: {
    reason: "connection refused",
    retryable: true,
    errors: ["ECONNREFUSED", "ConnectionRefused"],
  },
  connection_reset: {
    reason: "reset",
    retryable: true,
    reset: true,
    errors: ["ECONNRESET", "ConnectionReset"],
  },
  drain_idle: { reason: "idle while draining", onPurpose: true },
  endpoint_down: { reason: "endpoint down", retryable: true, onPurpose: true },
  endpoints_full: { reason: "every endpoint full" },
  failback: { reason: "a better tier is back", onPurpose: true },
  fault: { reason: "ended by a fault", onPurpose: true },
  filter_closed: { reason: "closed by a filter", onPurpose: true },
  filter_error: { reason: "error in a filter" },
  half_close_timeout: { reason: "half-close timeout" },
  host_unreachable: { reason: "host unreachable", retryable: true, errors: ["EHOSTUNREACH"] },
  idle_timeout: { reason: "idle timeout" },
  io_error: { reason: "failed", retryable: true },
  killed: { reason: "killed", onPurpose: true },
  lifetime: { reason: "lifetime over", onPurpose: true },
  name_not_allowed: { reason: "server name not allowed", refusal: "always" },
  name_not_resolved: { reason: "name not resolved", retryable: true, errors: ["EAI_AGAIN", "ENOTFOUND"] },
  network_unreachable: {
    reason: "network unreachable",
    retryable: true,
    errors: ["ENETUNREACH", "NetworkUnreachable"],
  },
  no_endpoint: { reason: "no endpoint to use" },
  no_route: { reason: "no route", refusal: "always" },
  no_such_socket: { reason: "no such socket", retryable: true, errors: ["ENOENT", "NotFound"] },
  permission_denied: {
    reason: "permission denied",
    retryable: true,
    ownFault: true,
    errors: ["EACCES", "EPERM", "NotCapable", "PermissionDenied"],
  },
  proxy_header_invalid: { reason: "no valid PROXY header", refusal: "always" },
  proxy_header_timeout: { reason: "PROXY header timeout", refusal: "always" },
  proxy_not_trusted: { reason: "may not send a PROXY header", refusal: "always" },
  rebalance: { reason: "too many at its endpoint", onPurpose: true },
  shutdown: { reason: "shutdown", onPurpose: true },
  timed_out: { reason: "timed out", retryable: true, errors: ["ETIMEDOUT", "TimedOut"] },
  tls_certificate_missing: { reason: "no TLS certificate yet", refusal: "always" },
  tls_certificate_rejected: { reason: "TLS certificate rejected", refusal: "client", retryable: true },
  tls_certificate_revoked: { reason: "TLS certificate revoked", refusal: "client" },
  tls_failed: { reason: "TLS failed" },
  tls_handshake_failed: { reason: "TLS handshake failed", refusal: "client", retryable: true },
  tls_handshake_timeout: { reason: "TLS handshake timeout", refusal: "client", retryable: true },
  tls_handshakes_full: { reason: "closed for newer TLS handshakes", refusal: "client" },
  tls_refused: { reason: "refused TLS", refusal: "client", retryable: true },
  // Only reads of TLS know that more bytes should have come.
  tls_truncated: { reason: "closed without close_notify", errors: ["UnexpectedEof"] },
  too_many_open_files: { reason: "too many open files", ownFault: true, errors: ["EMFILE", "ENFILE"] },
} as const satisfies Record<string, CodeTraits>;

export type ErrorCode = keyof typeof CODES;

export const ERROR_CODES = Object.keys(CODES) as readonly ErrorCode[];

const TRAITS: Readonly<Record<ErrorCode, CodeTraits>> = CODES;

/** The only error of the data path. `message` is for people; logs and metrics use `code` and `side`. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code: ErrorCode;
  readonly side: Side;
  /** The client sent no byte at all before it closed or reset its connection, as port scans and health checks do. */
  sentNothing = false;

  constructor(code: ErrorCode, side: Side, options: { cause?: unknown; detail?: string } = {}) {
    super(options.detail ?? CODES[code].reason, { cause: options.cause });
    this.code = code;
    this.side = side;
  }

  /** The reason a connection ended, as logs show it: `upstream reset`, `idle timeout`. */
  get reason(): string {
    const { reason, refusal } = TRAITS[this.code];
    return this.side === "proxy" || refusal === "always" ? reason : `${this.side} ${reason}`;
  }

  /** Whether the proxy refused the client; else something failed. */
  get isRefusal(): boolean {
    const { refusal } = TRAITS[this.code];
    return refusal === "always" || refusal === this.side;
  }

  /** Whether connecting may succeed on another endpoint. */
  get retryable(): boolean {
    return TRAITS[this.code].retryable === true;
  }

  /** Whether the peer on `side` reset the connection, rather than closing it. */
  get isReset(): boolean {
    return isReset(this.code);
  }
}

/** Whether the connections that end with this code were reset by a peer. */
export function isReset(code: ErrorCode): boolean {
  return TRAITS[code].reset === true;
}

/** Whether an operator or the configuration ended the connections that end with this code. */
export function isOnPurpose(code: ErrorCode): boolean {
  return TRAITS[code].onPurpose === true;
}

const BY_ERROR: ReadonlyMap<unknown, ErrorCode> = new Map(
  ERROR_CODES.flatMap((code) => (TRAITS[code].errors ?? []).map((name) => [name, code] as const)),
);

/** Turns any error of a socket call into a {@linkcode ProxyError}, of `side` unless the proxy itself is at fault. */
export function proxyErrorOf(cause: unknown, side: Side): ProxyError {
  if (cause instanceof ProxyError) return cause;
  if (!(cause instanceof Error)) return new ProxyError("io_error", side, { cause, detail: String(cause) });
  // Handshake errors have already been translated where the handshake was done.
  if (isTlsError(cause)) {
    const { code, detail } = faultAfterHandshake(cause.message, side);
    return new ProxyError(code, side, { cause, detail });
  }
  const code = codeOf(cause);
  const refused = permissionFault(cause);
  const detail = refused === undefined ? cause.message : withRemedy(refused);
  return new ProxyError(code, TRAITS[code].ownFault ? "proxy" : side, { cause, detail });
}

function codeOf(error: Error): ErrorCode {
  const code = BY_ERROR.get((error as { code?: unknown }).code) ?? BY_ERROR.get(error.name);
  if (code !== undefined) return code;
  // getaddrinfo failures are plain errors in Deno, distinguished by their text alone (DNS errors have no errno).
  if (error.message.startsWith("failed to lookup address")) return "name_not_resolved";
  return "io_error";
}
