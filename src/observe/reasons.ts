/** The reasons that connections are counted by: few and fixed, as each becomes a series of metrics. */

/** Why a connection was not let in, failed, or was ended: every code of `net/errors.ts`. */
export const FAILURE_CODES: readonly string[] = [
  "access_denied",
  "address_in_use",
  "address_not_available",
  "broken_pipe",
  "client_connect_rate",
  "client_connection_limit",
  "client_table_full",
  "connect_rate",
  "connect_timeout",
  "connection_aborted",
  "connection_limit",
  "connection_refused",
  "connection_reset",
  "endpoint_down",
  "endpoints_full",
  "half_close_timeout",
  "host_unreachable",
  "idle_timeout",
  "io_error",
  "killed",
  "lifetime",
  "name_not_resolved",
  "network_unreachable",
  "no_endpoint",
  "no_route",
  "no_such_socket",
  "permission_denied",
  "proxy_header_invalid",
  "proxy_header_timeout",
  "proxy_not_trusted",
  "shutdown",
  "timed_out",
  "tls_certificate_rejected",
  "tls_failed",
  "tls_handshake_failed",
  "tls_handshake_timeout",
  "tls_handshakes_full",
  "tls_refused",
  "tls_truncated",
  "too_many_open_files",
];

/** Reasons caused by an operator or the configuration: nothing failed, and no alert should fire. */
const ON_PURPOSE: ReadonlySet<string> = new Set(["endpoint_down", "killed", "lifetime", "shutdown"]);

/** Whether connections ended by this code were ended on purpose. */
export function isOnPurpose(code: string): boolean {
  return ON_PURPOSE.has(code);
}

/**
 * How a relay ends normally: a side finishes sending, ends TLS without close_notify, or resets after the
 * other one has finished and no data is left.
 */
const ORDERLY_ENDS = [
  "client_closed",
  "upstream_closed",
  "client_truncated",
  "upstream_truncated",
  "client_reset_after_close",
  "upstream_reset_after_close",
];

/** How a relay ends: in order, or by a failure of the proxy itself or of the side in front of the code. */
export const CLOSE_REASONS: readonly string[] = [
  ...ORDERLY_ENDS,
  ...new Set(FAILURE_CODES.flatMap((code) => [code, `client_${code}`, `upstream_${code}`])),
];
