import assert from "node:assert/strict";
import { type ErrorCode, ProxyError, proxyErrorOf, type Side } from "../../../src/net/errors.ts";
import type { RelayOutcome } from "../../../src/relay/relay.ts";
import { type CloseReason, endBeforeRelay, endOfRelay } from "../../../src/observe/close_reason.ts";
import { CLOSE_REASONS, FAILURE_CODES } from "../../../src/observe/reasons.ts";

type Row = [what: string, ending: CloseReason, endedBy: string, key: string, reason: string, code?: string];

const RELAYED: Row[] = [
  ["the client's FIN came first", fin("client"), "client", "client_closed", "client closed"],
  ["the upstream's FIN came first", fin("upstream"), "upstream", "upstream_closed", "upstream closed"],
  [
    "the client's FIN came first, and a reset then",
    fin("client", true),
    "client",
    "upstream_reset_after_close",
    "client closed, then upstream reset",
  ],
  [
    "the upstream's FIN came first, and a reset then",
    fin("upstream", true),
    "upstream",
    "client_reset_after_close",
    "upstream closed, then client reset",
  ],
  broken("connection_reset", "client", "client_connection_reset", "client reset"),
  broken("connection_reset", "upstream", "upstream_connection_reset", "upstream reset"),
  broken("broken_pipe", "client", "client_broken_pipe", "client reset"),
  broken("timed_out", "upstream", "upstream_timed_out", "upstream timed out"),
  broken("io_error", "upstream", "upstream_io_error", "upstream failed"),
  broken("idle_timeout", "proxy", "idle_timeout", "idle timeout"),
  broken("half_close_timeout", "proxy", "half_close_timeout", "half-close timeout"),
  broken("lifetime", "proxy", "lifetime", "lifetime over"),
  broken("shutdown", "proxy", "shutdown", "shutdown"),
  broken("endpoint_down", "proxy", "endpoint_down", "endpoint down"),
  [
    "the client's FIN came without close_notify",
    broken("tls_truncated", "client")[1],
    "client",
    "client_truncated",
    "client closed without close_notify",
  ],
  [
    "the upstream's FIN came without close_notify",
    broken("tls_truncated", "upstream")[1],
    "upstream",
    "upstream_truncated",
    "upstream closed without close_notify",
  ],
];

const REFUSED: Row[] = [
  before("access_denied", "client", "proxy", "access denied"),
  before("connection_limit", "client", "proxy", "connection limit"),
  before("client_connect_rate", "client", "proxy", "client connects too often"),
  before("no_route", "proxy", "proxy", "no route"),
  before("proxy_header_timeout", "client", "proxy", "PROXY header timeout"),
];

const FAILED: Row[] = [
  before("connection_refused", "upstream", "upstream", "upstream connection refused"),
  before("connect_timeout", "upstream", "upstream", "upstream connect timeout"),
  before("endpoints_full", "proxy", "proxy", "every endpoint full"),
  before("too_many_open_files", "proxy", "proxy", "too many open files"),
  before("connection_reset", "client", "client", "client reset"),
  before("lifetime", "proxy", "proxy", "lifetime over"),
];

for (const [kind, rows] of Object.entries({ closed: RELAYED, refused: REFUSED, failed: FAILED })) {
  for (const [what, ending, endedBy, key, reason, code] of rows) {
    Deno.test(`a connection is ${kind} by the ${endedBy} as ${key}: ${what}`, () => {
      assert.deepEqual(ending, { kind, endedBy, key, reason, code, detail: undefined });
    });
  }
}

Deno.test("an ending has the detail of an error where that says more than the reason", () => {
  const cause = new Deno.errors.ConnectionRefused("Connection refused (os error 111)");
  assert.equal(endBeforeRelay(proxyErrorOf(cause, "upstream")).detail, "Connection refused (os error 111)");
  const odd = new TypeError("something else");
  const ending = endOfRelay({ kind: "failed", error: proxyErrorOf(odd, "client") });
  assert.deepEqual([ending.code, ending.detail], ["io_error", "something else"]);
});

Deno.test("a client that ends TLS without close_notify ended in order, whatever the error says of it", () => {
  const cause = new Deno.errors.UnexpectedEof("peer closed connection without sending TLS close_notify");
  const { code, detail } = endOfRelay({ kind: "failed", error: proxyErrorOf(cause, "client") });
  assert.deepEqual([code, detail], [undefined, undefined]);
});

Deno.test("every key is one that is counted, whatever ends a connection", () => {
  const sides: Side[] = ["client", "upstream", "proxy"];
  const errors = FAILURE_CODES.flatMap((code) =>
    sides.map((side) => new ProxyError(code as ErrorCode, side))
  );
  const unknown = errors.map((error) => endOfRelay({ kind: "failed", error }).key)
    .concat((["client", "upstream"] as const).flatMap((first) => [fin(first).key, fin(first, true).key]))
    .filter((key) => !CLOSE_REASONS.includes(key));
  assert.deepEqual([...new Set(unknown)], []);
  assert.deepEqual(errors.map((error) => endBeforeRelay(error).key), errors.map(({ code }) => code));
});

function fin(first: "client" | "upstream", thenReset = false): CloseReason {
  const outcome: RelayOutcome = { kind: "closed", first, ...thenReset ? { thenReset } : {} };
  return endOfRelay(outcome);
}

function broken(code: ErrorCode, side: Side, key = "", reason = ""): Row {
  const outcome: RelayOutcome = { kind: "failed", error: new ProxyError(code, side) };
  return [`${code} of the ${side}`, endOfRelay(outcome), side, key, reason, code];
}

function before(code: ErrorCode, side: Side, endedBy: Side, reason: string): Row {
  return [`${code} of the ${side}`, endBeforeRelay(new ProxyError(code, side)), endedBy, code, reason, code];
}
