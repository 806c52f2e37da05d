import assert from "node:assert/strict";
import { ProxyError } from "../../../../src/net/errors.ts";
import {
  AccessLog,
  type AccessLogOptions,
  type ConnectionFacts,
} from "../../../../src/observe/log/access_log.ts";
import { endBeforeRelay, endOfRelay } from "../../../../src/observe/close_reason.ts";
import type { Fields } from "../../../../src/observe/log/log.ts";
import { connectionFacts } from "../connection_facts.ts";

const CLOSED = endOfRelay({ kind: "closed", first: "client" });
const RESET = endOfRelay({ kind: "failed", error: new ProxyError("connection_reset", "upstream") });
const TRUNCATED = endOfRelay({ kind: "failed", error: new ProxyError("tls_truncated", "client") });
const FAILED = endBeforeRelay(new ProxyError("connection_refused", "upstream", { detail: "os error 111" }));
const DENIED = endBeforeRelay(new ProxyError("access_denied", "client"));
const NO_ROUTE = endBeforeRelay(new ProxyError("no_route", "proxy"));

Deno.test("a line of the access log has every fact that is known of a connection", () => {
  const { log, lines } = kept();
  const facts: ConnectionFacts = {
    id: 7,
    service: "pg",
    client: "10.0.0.1:1000",
    peer: "10.9.9.9:2000",
    listener: "0.0.0.0:5432",
    route: 0,
    serverName: "shop.example.com",
    alpn: "h2",
    tlsVersion: "TLSv1.3",
    clientSubject: "CN=me",
    uniqueId: "c0ffee",
    upstream: "db",
    endpoint: "10.0.0.2:5432",
    attempts: 2,
    connectTime: 1.2345,
    firstByteFromClient: 0.06,
    firstByteFromUpstream: 3,
    fromClient: { bytes: 5 },
    fromUpstream: { bytes: 0 },
    age: 12.6,
  };
  log.ended(facts, RESET);
  assert.deepEqual(lines, [{
    level: "info",
    message: "pg: closed, upstream reset",
    event: "connection_closed",
    service: "pg",
    client: "10.0.0.1:1000",
    peer: "10.9.9.9:2000",
    id: 7,
    listener: "0.0.0.0:5432",
    sni: "shop.example.com",
    alpn: "h2",
    tls: "TLSv1.3",
    client_subject: "CN=me",
    unique_id: "c0ffee",
    route: 0,
    upstream: "db",
    endpoint: "10.0.0.2:5432",
    attempts: 2,
    connect_ms: 1.2,
    first_byte_client_ms: 0.1,
    first_byte_upstream_ms: 3,
    bytes_from_client: 5,
    bytes_from_upstream: 0,
    duration_ms: 13,
    ended_by: "upstream",
    reason: "upstream reset",
    code: "connection_reset",
  }]);
});

Deno.test("a fact that is not known is not in the line", () => {
  const { log, lines } = kept();
  log.ended(connectionFacts({ age: 2 }), DENIED);
  log.ended(connectionFacts({ upstream: "db", endpoint: "1.2.3.4:5", attempts: 1, age: 2 }), FAILED);
  const always = {
    service: "test",
    client: "127.0.0.1:4000",
    id: 1,
    listener: "127.0.0.1:5000",
    duration_ms: 2,
  };
  assert.deepEqual(lines, [
    {
      ...always,
      level: "warn",
      message: "test: refused, access denied",
      event: "connection_refused",
      ended_by: "proxy",
      reason: "access denied",
      code: "access_denied",
    },
    {
      ...always,
      level: "warn",
      message: "test: failed, upstream connection refused",
      event: "connection_failed",
      upstream: "db",
      endpoint: "1.2.3.4:5",
      attempts: 1,
      ended_by: "upstream",
      reason: "upstream connection refused",
      code: "connection_refused",
      detail: "os error 111",
    },
  ]);
});

Deno.test("where only warnings are logged, connections that were relayed have no line", () => {
  const { log, lines } = kept({}, "warn");
  for (const ending of [CLOSED, RESET, FAILED, DENIED]) log.ended(connectionFacts(), ending);
  assert.deepEqual(lines.map(({ event }) => event), ["connection_failed", "connection_refused"]);
});

Deno.test("a sampled log has a line for a share of the orderly ends, which gives the share", () => {
  const chances = [0, 0.0999, 0.1, 0.5, 0.9999, 0.05];
  const { log, lines } = kept({ sample: 0.1, random: () => chances.shift()! });
  for (let id = 0; id < 6; id++) log.ended(connectionFacts({ id }), id === 5 ? TRUNCATED : CLOSED);
  assert.deepEqual(lines.map(({ id, sample }) => [id, sample]), [[0, 0.1], [1, 0.1], [5, 0.1]]);
});

Deno.test("a sampled log has a line for every other end, and draws no random number for it", () => {
  const { log, lines } = kept({ sample: 0.001, random: () => assert.fail("It asked") });
  for (const ending of [RESET, FAILED, DENIED, NO_ROUTE]) log.ended(connectionFacts(), ending);
  assert.deepEqual(lines.map(({ code, sample }) => [code, sample]), [
    ["connection_reset", undefined],
    ["connection_refused", undefined],
    ["access_denied", undefined],
    ["no_route", undefined],
  ]);
});

Deno.test("a log that is not sampled draws no random number and gives no share", () => {
  const { log, lines } = kept({ random: () => assert.fail("It asked") });
  log.ended(connectionFacts(), CLOSED);
  assert.equal(lines.length, 1);
  assert.ok(!("sample" in lines[0]!));
});

Deno.test("about the configured share has a line", () => {
  const { log, lines } = kept({ sample: 0.25 });
  for (let count = 0; count < 10_000; count++) log.ended(connectionFacts(), CLOSED);
  // Six times the standard deviation of 43 to either side.
  assert.ok(lines.length > 2240 && lines.length < 2760, `${lines.length} lines`);
});

Deno.test("ten refusals a second have a line, and the next line counts those without", () => {
  let now = 5000;
  const { log, lines } = kept({ now: () => now });
  const refuse = (count: number) => {
    const before = lines.length;
    for (let index = 0; index < count; index++) log.ended(connectionFacts(), DENIED);
    return lines.slice(before).map(({ suppressed }) => suppressed);
  };
  assert.deepEqual(refuse(25), Array(10).fill(undefined));
  now = 5999;
  assert.deepEqual(refuse(1), []);
  now = 6000;
  assert.deepEqual(refuse(2), [16, undefined]);
  now = 9000;
  assert.deepEqual(refuse(12), Array(10).fill(undefined));
  now = 10_000;
  assert.deepEqual(refuse(1), [2]);
});

Deno.test("several threads share the ten lines, and each has one at least", () => {
  for (const [threads, count] of [[2, 5], [4, 2], [10, 1], [16, 1]] as const) {
    const { log, lines } = kept({ threads, now: () => 0 });
    for (let refusal = 0; refusal < 20; refusal++) log.ended(connectionFacts(), DENIED);
    assert.equal(lines.length, count, `${threads} threads`);
  }
});

Deno.test("a flood of refusals for one reason hides neither those for another, nor failures", () => {
  const { log, lines } = kept({ now: () => 0 });
  for (let count = 0; count < 1000; count++) log.ended(connectionFacts(), DENIED);
  for (let count = 0; count < 12; count++) log.ended(connectionFacts(), NO_ROUTE);
  for (let count = 0; count < 20; count++) log.ended(connectionFacts(), FAILED);
  const counts = Object.groupBy(lines, ({ code }) => String(code));
  assert.deepEqual(Object.entries(counts).map(([code, lines]) => [code, lines!.length]), [
    ["access_denied", 10],
    ["no_route", 10],
    ["connection_refused", 20],
  ]);
  assert.ok(lines.every(({ suppressed }) => suppressed === undefined));
});

Deno.test("a connection that an operator ended before it reached its upstream is not a warning", () => {
  const { log, lines } = kept();
  for (const code of ["killed", "endpoint_down", "shutdown", "lifetime", "connect_timeout"] as const) {
    log.ended(connectionFacts(), endBeforeRelay(new ProxyError(code, "proxy")));
  }
  assert.deepEqual(lines.map(({ level }) => level), ["info", "info", "info", "info", "warn"]);
});

function kept(options: AccessLogOptions = {}, level: "info" | "warn" = "info") {
  const lines: Record<string, unknown>[] = [];
  const note = (level: string) => (message: string, fields: Fields = {}) => {
    const known = Object.entries(fields).filter(([, value]) => value !== undefined);
    lines.push({ level, message, ...Object.fromEntries(known) });
  };
  const enabled = (wanted: string) => level === "info" || wanted === "warn";
  return { lines, log: new AccessLog({ info: note("info"), warn: note("warn"), enabled }, options) };
}
