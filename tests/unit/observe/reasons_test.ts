import assert from "node:assert/strict";
import { type ErrorCode, ProxyError } from "../../../src/net/errors.ts";
import type { AbortCode } from "../../../src/observe/counters/connection_record.ts";
import { type CloseReason, endBeforeRelay, endOfRelay } from "../../../src/observe/close_reason.ts";
import { CLOSE_REASONS, FAILURE_CODES } from "../../../src/observe/reasons.ts";
import { ledgerAlone, openIn } from "./counters/ledger_alone.ts";

/** Every code that there is: the compiler holds it to that. */
const CODES = Object.keys(
  {
    access_denied: true,
    address_in_use: true,
    address_not_available: true,
    broken_pipe: true,
    client_connect_rate: true,
    client_connection_limit: true,
    client_table_full: true,
    connect_rate: true,
    connect_timeout: true,
    connection_aborted: true,
    connection_limit: true,
    connection_refused: true,
    connection_reset: true,
    endpoint_down: true,
    endpoints_full: true,
    half_close_timeout: true,
    host_unreachable: true,
    idle_timeout: true,
    io_error: true,
    killed: true,
    lifetime: true,
    name_not_resolved: true,
    network_unreachable: true,
    no_endpoint: true,
    no_route: true,
    no_such_socket: true,
    permission_denied: true,
    proxy_header_invalid: true,
    proxy_header_timeout: true,
    proxy_not_trusted: true,
    shutdown: true,
    timed_out: true,
    tls_certificate_rejected: true,
    tls_failed: true,
    tls_handshake_failed: true,
    tls_handshake_timeout: true,
    tls_handshakes_full: true,
    tls_refused: true,
    tls_truncated: true,
    too_many_open_files: true,
  } satisfies Record<ErrorCode, true>,
) as ErrorCode[];
const ABORTS: AbortCode[] = ["shutdown", "killed"];

Deno.test("every code of an error, and of an abort, has a count of its own", () => {
  assert.ok(CODES.length > 30);
  assert.deepEqual([...CODES, ...ABORTS].filter((code) => !FAILURE_CODES.includes(code)), []);
});

Deno.test("a reason for closing is in the list once", () => {
  assert.equal(new Set(CLOSE_REASONS).size, CLOSE_REASONS.length);
});

Deno.test("however a connection ends, it is counted by a reason of the list", () => {
  const errors = CODES.flatMap((code) =>
    (["client", "upstream", "proxy"] as const).map((side) => new ProxyError(code, side))
  );
  const endings: CloseReason[] = [
    endOfRelay({ kind: "closed", first: "client" }),
    endOfRelay({ kind: "closed", first: "upstream" }),
    endOfRelay({ kind: "closed", first: "client", thenReset: true }),
    endOfRelay({ kind: "closed", first: "upstream", thenReset: true }),
    ...errors.map((error) => endOfRelay({ kind: "failed", error })),
    ...errors.map(endBeforeRelay),
  ];
  for (const ending of endings) {
    const ledger = ledgerAlone();
    using record = openIn(ledger);
    record.ended(ending);
    const { closedBy, refusedBy, failedBy } = ledger.figures();
    const counted = { closed: closedBy, refused: refusedBy, failed: failedBy };
    const nothing = { closed: {}, refused: {}, failed: {} };
    assert.deepEqual(counted, { ...nothing, [ending.kind]: { [ending.key]: 1 } });
  }
});
