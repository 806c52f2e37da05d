import assert from "node:assert/strict";
import {
  ERROR_CODES,
  type ErrorCode,
  isOnPurpose,
  ProxyError,
  proxyErrorOf,
  type Side,
} from "../../../src/net/errors.ts";

const REFUSALS = [
  "access_denied",
  "address_not_allowed",
  "client_connect_rate",
  "client_connection_limit",
  "client_table_full",
  "connect_rate",
  "connection_limit",
  "name_not_allowed",
  "no_route",
  "proxy_header_invalid",
  "proxy_header_timeout",
  "proxy_not_trusted",
  "tls_certificate_missing",
];
const CLIENT_REFUSALS = [
  ...REFUSALS,
  "tls_certificate_rejected",
  "tls_certificate_revoked",
  "tls_handshake_failed",
  "tls_handshake_timeout",
  "tls_handshakes_full",
  "tls_refused",
];
const RETRYABLE = [
  "address_not_available",
  "broken_pipe",
  "connect_timeout",
  "connection_aborted",
  "connection_loop",
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
];

/** The names of each failure in sockets of Deno and Node.js, and the side at fault when an upstream's socket fails. */
const FAILURES: [names: string[], code: ErrorCode, side: Side][] = [
  [["EADDRINUSE", "AddrInUse"], "address_in_use", "proxy"],
  [["EADDRNOTAVAIL", "AddrNotAvailable"], "address_not_available", "proxy"],
  [["EPIPE", "BrokenPipe"], "broken_pipe", "upstream"],
  [["ECONNABORTED", "ConnectionAborted"], "connection_aborted", "upstream"],
  [["ECONNREFUSED", "ConnectionRefused"], "connection_refused", "upstream"],
  [["ECONNRESET", "ConnectionReset"], "connection_reset", "upstream"],
  [["EHOSTUNREACH"], "host_unreachable", "upstream"],
  [["EAI_AGAIN", "ENOTFOUND"], "name_not_resolved", "upstream"],
  [["ENETUNREACH", "NetworkUnreachable"], "network_unreachable", "upstream"],
  [["ENOENT", "NotFound"], "no_such_socket", "upstream"],
  [["EACCES", "EPERM", "NotCapable", "PermissionDenied"], "permission_denied", "proxy"],
  [["ETIMEDOUT", "TimedOut"], "timed_out", "upstream"],
  [["UnexpectedEof"], "tls_truncated", "upstream"],
  [["EMFILE", "ENFILE"], "too_many_open_files", "proxy"],
];

Deno.test("ProxyError.isRefusal holds for clients that are not let in", () => {
  assert.deepEqual(
    codesWhere((code) => new ProxyError(code, "client").isRefusal),
    CLIENT_REFUSALS.toSorted(),
  );
  assert.deepEqual(codesWhere((code) => new ProxyError(code, "upstream").isRefusal), REFUSALS);
  assert.deepEqual(codesWhere((code) => new ProxyError(code, "proxy").isRefusal), REFUSALS);
});

Deno.test("ProxyError.retryable holds for what another endpoint may do better", () => {
  assert.deepEqual(codesWhere((code) => new ProxyError(code, "upstream").retryable), RETRYABLE);
});

Deno.test("ProxyError.isReset holds for connections that a peer broke", () => {
  const resets = codesWhere((code) => new ProxyError(code, "client").isReset);
  assert.deepEqual(resets, ["broken_pipe", "connection_aborted", "connection_reset"]);
});

Deno.test("isOnPurpose() holds for what an operator or the configuration causes", () => {
  assert.deepEqual(codesWhere(isOnPurpose), [
    "acme_challenge",
    "drain_idle",
    "endpoint_down",
    "failback",
    "fault",
    "filter_closed",
    "killed",
    "lifetime",
    "rebalance",
    "shutdown",
  ]);
});

Deno.test("ProxyError.reason names the peer at fault, but not of a refusal or of the proxy", () => {
  const reasons: [ErrorCode, Side, string][] = [
    ["connection_reset", "upstream", "upstream reset"],
    ["tls_truncated", "client", "client closed without close_notify"],
    ["tls_handshakes_full", "client", "client closed for newer TLS handshakes"],
    ["access_denied", "client", "access denied"],
    ["proxy_header_invalid", "client", "no valid PROXY header"],
    ["idle_timeout", "proxy", "idle timeout"],
    ["too_many_open_files", "proxy", "too many open files"],
  ];
  for (const [code, side, reason] of reasons) assert.equal(new ProxyError(code, side).reason, reason);
});

Deno.test("ProxyError.message is the detail, else what the code says", () => {
  const cause = new Error("c");
  const error = new ProxyError("io_error", "client", { cause, detail: "The disk is full" });
  assert.deepEqual([error.message, error.cause, error.name], ["The disk is full", cause, "ProxyError"]);
  assert.equal(new ProxyError("io_error", "client").message, "failed");
});

for (const [names, code, side] of FAILURES) {
  Deno.test(`proxyErrorOf() makes ${code} of ${names.join(" and ")}`, () => {
    for (const name of names) {
      const isErrno = /^E[A-Z_]+$/.test(name);
      const cause = Object.assign(new Error("what it says"), isErrno ? { code: name } : { name });
      const error = proxyErrorOf(cause, "upstream");
      const message = name === "NotCapable" ? "not allowed by Deno (what it says)" : "what it says";
      assert.deepEqual([error.code, error.side, error.message], [code, side, message]);
      assert.equal(error.cause, cause);
    }
  });
}

Deno.test("proxyErrorOf() goes by the errno before the class", () => {
  const cause = Object.assign(new Deno.errors.NotFound("no"), { code: "EPIPE" });
  assert.equal(proxyErrorOf(cause, "client").code, "broken_pipe");
  const unknown = Object.assign(new Deno.errors.NotFound("no"), { code: "ENEW" });
  assert.equal(proxyErrorOf(unknown, "client").code, "no_such_socket");
});

Deno.test("proxyErrorOf() makes io_error of what it does not know", () => {
  const found = (cause: unknown) => {
    const { code, side, message } = proxyErrorOf(cause, "client");
    return [code, side, message];
  };
  assert.deepEqual(found(new TypeError("odd")), ["io_error", "client", "odd"]);
  assert.deepEqual(found("odd"), ["io_error", "client", "odd"]);
  assert.deepEqual(found(Object.assign(new Error("odd"), { code: "constructor" })), [
    "io_error",
    "client",
    "odd",
  ]);
});

Deno.test("proxyErrorOf() knows a failed look-up by its text, and returns a ProxyError unchanged", () => {
  const lookup = new Error("failed to lookup address information: Name or service not known");
  assert.equal(proxyErrorOf(lookup, "upstream").code, "name_not_resolved");
  const known = new ProxyError("killed", "proxy");
  assert.equal(proxyErrorOf(known, "client"), known);
});

Deno.test("docs/logs.md explains each code once", async () => {
  const docs = await Deno.readTextFile(new URL("../../../docs/logs.md", import.meta.url));
  const table = docs.slice(docs.indexOf("| code "));
  const explained = table.split("\n").flatMap((row) =>
    [...row.split("|")[1]?.matchAll(/`([a-z_]+)`/g) ?? []].map(([, code]) => code!)
  );
  assert.deepEqual(explained.toSorted(), ERROR_CODES.toSorted());
});

for (const path of ["prometheus/alerts.yaml", "grafana/sluice.json"]) {
  Deno.test(`docs/deploy/${path} counts no failures that were caused on purpose`, async () => {
    const text = await Deno.readTextFile(new URL(`../../../docs/deploy/${path}`, import.meta.url));
    const [, reasons] = /connections_failed_total\{[^}]*reason!~\\?"([a-z_|]+)\\?"/.exec(text) ?? [];
    assert.deepEqual(reasons?.split("|").toSorted(), codesWhere(isOnPurpose));
  });
}

function codesWhere(holds: (code: ErrorCode) => boolean): ErrorCode[] {
  return ERROR_CODES.filter(holds).toSorted();
}
