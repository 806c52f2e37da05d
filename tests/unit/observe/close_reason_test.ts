import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode, ProxyError, proxyErrorOf, type Side } from "../../../src/net/errors.ts";
import {
  CLOSE_REASONS,
  type CloseReason,
  endBeforeRelay,
  endOfRelay,
} from "../../../src/observe/close_reason.ts";
import { ledgerAlone, openIn } from "./counters/ledger_alone.ts";

type Row = [
  code: ErrorCode,
  side: Side,
  expected: Omit<CloseReason, "kind" | "code" | "detail" | "sentNothing">,
];

const NO_MORE = { detail: undefined, sentNothing: false };

const ORDERLY = [
  {
    end: { kind: "closed", first: "client" },
    expected: { endedBy: "client", key: "client_closed", reason: "client closed" },
  },
  {
    end: { kind: "closed", first: "upstream" },
    expected: { endedBy: "upstream", key: "upstream_closed", reason: "upstream closed" },
  },
  {
    end: { kind: "closed", first: "client", thenReset: true },
    expected: {
      endedBy: "client",
      key: "upstream_reset_after_close",
      reason: "client closed, then upstream reset",
    },
  },
  {
    end: { kind: "closed", first: "upstream", thenReset: true },
    expected: {
      endedBy: "upstream",
      key: "client_reset_after_close",
      reason: "upstream closed, then client reset",
    },
  },
  {
    end: { kind: "failed", error: new ProxyError("tls_truncated", "client") },
    expected: { endedBy: "client", key: "client_truncated", reason: "client closed without close_notify" },
  },
  {
    end: { kind: "failed", error: new ProxyError("tls_truncated", "upstream") },
    expected: {
      endedBy: "upstream",
      key: "upstream_truncated",
      reason: "upstream closed without close_notify",
    },
  },
] as const;

const BROKEN: Row[] = [
  ["connection_reset", "client", {
    endedBy: "client",
    key: "client_connection_reset",
    reason: "client reset",
  }],
  ["connection_reset", "upstream", {
    endedBy: "upstream",
    key: "upstream_connection_reset",
    reason: "upstream reset",
  }],
  ["broken_pipe", "client", { endedBy: "client", key: "client_broken_pipe", reason: "client reset" }],
  ["timed_out", "upstream", { endedBy: "upstream", key: "upstream_timed_out", reason: "upstream timed out" }],
  ["io_error", "upstream", { endedBy: "upstream", key: "upstream_io_error", reason: "upstream failed" }],
  ["idle_timeout", "proxy", { endedBy: "proxy", key: "idle_timeout", reason: "idle timeout" }],
  ["half_close_timeout", "proxy", {
    endedBy: "proxy",
    key: "half_close_timeout",
    reason: "half-close timeout",
  }],
  ["lifetime", "proxy", { endedBy: "proxy", key: "lifetime", reason: "lifetime over" }],
  ["shutdown", "proxy", { endedBy: "proxy", key: "shutdown", reason: "shutdown" }],
  ["endpoint_down", "proxy", { endedBy: "proxy", key: "endpoint_down", reason: "endpoint down" }],
];

const REFUSED: Row[] = [
  ["access_denied", "client", { endedBy: "proxy", key: "access_denied", reason: "access denied" }],
  ["connection_limit", "client", { endedBy: "proxy", key: "connection_limit", reason: "connection limit" }],
  ["client_connect_rate", "client", {
    endedBy: "proxy",
    key: "client_connect_rate",
    reason: "client connects too often",
  }],
  ["no_route", "proxy", { endedBy: "proxy", key: "no_route", reason: "no route" }],
  ["proxy_header_timeout", "client", {
    endedBy: "proxy",
    key: "proxy_header_timeout",
    reason: "PROXY header timeout",
  }],
  ["tls_refused", "client", { endedBy: "proxy", key: "tls_refused", reason: "client refused TLS" }],
];

const FAILED: Row[] = [
  ["connection_refused", "upstream", {
    endedBy: "upstream",
    key: "connection_refused",
    reason: "upstream connection refused",
  }],
  ["connect_timeout", "upstream", {
    endedBy: "upstream",
    key: "connect_timeout",
    reason: "upstream connect timeout",
  }],
  ["tls_refused", "upstream", { endedBy: "upstream", key: "tls_refused", reason: "upstream refused TLS" }],
  ["endpoints_full", "proxy", { endedBy: "proxy", key: "endpoints_full", reason: "every endpoint full" }],
  ["too_many_open_files", "proxy", {
    endedBy: "proxy",
    key: "too_many_open_files",
    reason: "too many open files",
  }],
  ["connection_reset", "client", { endedBy: "client", key: "connection_reset", reason: "client reset" }],
  ["lifetime", "proxy", { endedBy: "proxy", key: "lifetime", reason: "lifetime over" }],
];

for (const { end, expected } of ORDERLY) {
  Deno.test(`endOfRelay() of an orderly end is ${expected.key}`, () => {
    assert.deepEqual(endOfRelay(end), { kind: "closed", ...expected, code: undefined, ...NO_MORE });
  });
}

for (const [code, side, expected] of BROKEN) {
  Deno.test(`endOfRelay() of ${code} by the ${side} is ${expected.key}`, () => {
    const reason = endOfRelay({ kind: "failed", error: new ProxyError(code, side) });
    assert.deepEqual(reason, { kind: "closed", ...expected, code, ...NO_MORE });
  });
}

for (const [kind, rows] of [["refused", REFUSED], ["failed", FAILED]] as const) {
  for (const [code, side, expected] of rows) {
    Deno.test(`endBeforeRelay() of ${code} of the ${side} is ${kind} by the ${expected.endedBy}`, () => {
      const reason = endBeforeRelay(new ProxyError(code, side));
      assert.deepEqual(reason, { kind, ...expected, code, ...NO_MORE });
    });
  }
}

Deno.test("endOfRelay() and endBeforeRelay() keep the detail of an error if it says more than the reason", () => {
  const cause = new Deno.errors.ConnectionRefused("Connection refused (os error 111)");
  assert.equal(endBeforeRelay(proxyErrorOf(cause, "upstream")).detail, "Connection refused (os error 111)");
  const odd = new TypeError("something else");
  const ending = endOfRelay({ kind: "failed", error: proxyErrorOf(odd, "client") });
  assert.deepEqual([ending.code, ending.detail], ["io_error", "something else"]);
});

Deno.test("endOfRelay() of a client that ends TLS without close_notify has no detail, whatever the error says", () => {
  const cause = new Deno.errors.UnexpectedEof("peer closed connection without sending TLS close_notify");
  const { code, detail } = endOfRelay({ kind: "failed", error: proxyErrorOf(cause, "client") });
  assert.deepEqual([code, detail], [undefined, undefined]);
});

Deno.test("CLOSE_REASONS has each reason once", () => {
  assert.equal(new Set(CLOSE_REASONS).size, CLOSE_REASONS.length);
});

Deno.test("ServiceLedger has a counter for every close reason", () => {
  const errors = ERROR_CODES.flatMap((code) =>
    (["client", "upstream", "proxy"] as const).map((side) => new ProxyError(code, side))
  );
  assert.deepEqual(errors.map((error) => endBeforeRelay(error).key), errors.map(({ code }) => code));
  const reasons = [
    ...ORDERLY.map(({ end }) => endOfRelay(end)),
    ...errors.map((error) => endOfRelay({ kind: "failed", error })),
    ...errors.map(endBeforeRelay),
  ];
  for (const reason of reasons) {
    const ledger = ledgerAlone();
    using record = openIn(ledger);
    record.ended(reason);
    const { closedBy, refusedBy, failedBy } = ledger.figures();
    const counted = { closed: closedBy, refused: refusedBy, failed: failedBy };
    const nothing = { closed: {}, refused: {}, failed: {} };
    assert.deepEqual(counted, { ...nothing, [reason.kind]: { [reason.key]: 1 } });
  }
});
