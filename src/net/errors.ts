/** Errors as values: what happened (`code`), whose side it was (`side`), and whether another try could help. */

import { faultAfterHandshake, isTlsError } from "./tls/faults.ts";

/** The two ends of a relayed connection. */
export type Peer = "client" | "upstream";

export type Side = Peer | "proxy";

export type ErrorCode =
  | "access_denied"
  | "address_in_use"
  | "address_not_available"
  | "broken_pipe"
  | "client_connect_rate"
  | "client_connection_limit"
  | "client_table_full"
  | "connect_rate"
  | "connect_timeout"
  | "connection_aborted"
  | "connection_limit"
  | "connection_refused"
  | "connection_reset"
  | "endpoint_down"
  | "endpoints_full"
  | "half_close_timeout"
  | "host_unreachable"
  | "idle_timeout"
  | "io_error"
  | "killed"
  | "lifetime"
  | "name_not_resolved"
  | "network_unreachable"
  | "no_endpoint"
  | "no_route"
  | "no_such_socket"
  | "permission_denied"
  | "proxy_header_invalid"
  | "proxy_header_timeout"
  | "proxy_not_trusted"
  | "shutdown"
  | "timed_out"
  | "tls_certificate_rejected"
  | "tls_failed"
  | "tls_handshake_failed"
  | "tls_handshake_timeout"
  | "tls_handshakes_full"
  | "tls_refused"
  | "tls_truncated"
  | "too_many_open_files";

/** The one error of the data path. `message` is for people; logs and metrics go by `code` and `side`. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code: ErrorCode;
  readonly side: Side;
  /** Whether connecting may succeed on another endpoint. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, side: Side, options: { cause?: unknown; detail?: string } = {}) {
    super(options.detail ?? DESCRIPTIONS[code], { cause: options.cause });
    this.code = code;
    this.side = side;
    this.retryable = RETRYABLE.has(code);
  }

  /** The reason a connection ended, as logs show it: `upstream reset`, `idle timeout`. */
  get reason(): string {
    const what = DESCRIPTIONS[this.code];
    return this.side === "proxy" || REFUSALS.has(this.code) ? what : `${this.side} ${what}`;
  }

  /** Whether the client was not let in, as opposed to something that failed. */
  get isRefusal(): boolean {
    return REFUSALS.has(this.code) || this.side === "client" && TLS_FAULTS.has(this.code);
  }

  /** Whether the peer on `side` broke the connection, as opposed to ending it in order. */
  get isReset(): boolean {
    return this.code === "connection_reset" || this.code === "broken_pipe" ||
      this.code === "connection_aborted";
  }
}

const DESCRIPTIONS: Record<ErrorCode, string> = {
  access_denied: "access denied",
  address_in_use: "address already in use",
  address_not_available: "no local address or port available",
  broken_pipe: "reset",
  client_connect_rate: "client connects too often",
  client_connection_limit: "client has too many connections",
  client_table_full: "too many clients to count",
  connect_rate: "too many connects a second",
  connect_timeout: "connect timeout",
  connection_aborted: "reset",
  connection_limit: "connection limit",
  connection_refused: "connection refused",
  connection_reset: "reset",
  endpoint_down: "endpoint down",
  endpoints_full: "every endpoint full",
  half_close_timeout: "half-close timeout",
  host_unreachable: "host unreachable",
  idle_timeout: "idle timeout",
  io_error: "failed",
  killed: "killed",
  lifetime: "lifetime over",
  name_not_resolved: "name not resolved",
  network_unreachable: "network unreachable",
  no_endpoint: "no endpoint to use",
  no_route: "no route",
  no_such_socket: "no such socket",
  permission_denied: "permission denied",
  proxy_header_invalid: "no valid PROXY header",
  proxy_header_timeout: "PROXY header timeout",
  proxy_not_trusted: "may not send a PROXY header",
  shutdown: "shutdown",
  timed_out: "timed out",
  tls_certificate_rejected: "TLS certificate rejected",
  tls_failed: "TLS failed",
  tls_handshake_failed: "TLS handshake failed",
  tls_handshake_timeout: "TLS handshake timeout",
  tls_handshakes_full: "closed for newer TLS handshakes",
  tls_refused: "refused TLS",
  tls_truncated: "closed without close_notify",
  too_many_open_files: "too many open files",
};

const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "access_denied",
  "client_connect_rate",
  "client_connection_limit",
  "client_table_full",
  "connect_rate",
  "connection_limit",
  "no_route",
  "proxy_header_invalid",
  "proxy_header_timeout",
  "proxy_not_trusted",
]);

/** Of a client, one that is not let in; of an upstream, one that cannot be reached. */
const TLS_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "tls_certificate_rejected",
  "tls_handshake_failed",
  "tls_handshake_timeout",
  "tls_handshakes_full",
  "tls_refused",
]);

const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "address_not_available",
  "broken_pipe",
  "connect_timeout",
  "connection_aborted",
  "connection_refused",
  "connection_reset",
  "endpoint_down",
  "host_unreachable",
  "io_error",
  "name_not_resolved",
  "network_unreachable",
  "no_such_socket",
  "permission_denied",
  "timed_out",
  "tls_certificate_rejected",
  "tls_handshake_failed",
  "tls_handshake_timeout",
  "tls_refused",
]);

/** errno names, as `code` of Node.js errors and of those Deno errors that have no class of their own. */
const BY_ERRNO: Record<string, ErrorCode> = {
  EACCES: "permission_denied",
  EADDRINUSE: "address_in_use",
  EADDRNOTAVAIL: "address_not_available",
  EAI_AGAIN: "name_not_resolved",
  ECONNABORTED: "connection_aborted",
  ECONNREFUSED: "connection_refused",
  ECONNRESET: "connection_reset",
  EHOSTUNREACH: "host_unreachable",
  EMFILE: "too_many_open_files",
  ENETUNREACH: "network_unreachable",
  ENFILE: "too_many_open_files",
  ENOENT: "no_such_socket",
  ENOTFOUND: "name_not_resolved",
  EPERM: "permission_denied",
  EPIPE: "broken_pipe",
  ETIMEDOUT: "timed_out",
};

/** Deno's error classes by name, for errors that carry no errno. */
const BY_CLASS: Record<string, ErrorCode> = {
  AddrInUse: "address_in_use",
  AddrNotAvailable: "address_not_available",
  BrokenPipe: "broken_pipe",
  ConnectionAborted: "connection_aborted",
  ConnectionRefused: "connection_refused",
  ConnectionReset: "connection_reset",
  NetworkUnreachable: "network_unreachable",
  NotCapable: "permission_denied",
  NotFound: "no_such_socket",
  PermissionDenied: "permission_denied",
  TimedOut: "timed_out",
  // TLS is the only reader here that is told how many bytes must still come.
  UnexpectedEof: "tls_truncated",
};

/** What this machine lacks: neither peer is to blame, whichever socket it was noticed on. */
const OWN_FAULT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "address_in_use",
  "address_not_available",
  "permission_denied",
  "too_many_open_files",
]);

/** Turns whatever a socket call threw into a {@linkcode ProxyError}, of `side` unless the fault is our own. */
export function proxyErrorOf(cause: unknown, side: Side): ProxyError {
  if (cause instanceof ProxyError) return cause;
  if (!(cause instanceof Error)) return new ProxyError("io_error", side, { cause, detail: String(cause) });
  // Handshake errors have already been translated where the handshake was done.
  if (isTlsError(cause)) {
    const { code, detail } = faultAfterHandshake(cause.message, side);
    return new ProxyError(code, side, { cause, detail });
  }
  const code = codeOf(cause);
  return new ProxyError(code, OWN_FAULT.has(code) ? "proxy" : side, { cause, detail: cause.message });
}

function codeOf(error: Error): ErrorCode {
  const errno = (error as { code?: unknown }).code;
  const code = (typeof errno === "string" ? BY_ERRNO[errno] : undefined) ?? BY_CLASS[error.name];
  if (code !== undefined) return code;
  // getaddrinfo failures are plain errors in Deno, told apart by their text alone (DNS errors have no errno).
  if (error.message.startsWith("failed to lookup address")) return "name_not_resolved";
  return "io_error";
}
