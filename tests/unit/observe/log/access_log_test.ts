import assert from "node:assert/strict";
import { type ErrorCode, ProxyError } from "../../../../src/net/errors.ts";
import type { AccessLog, AccessLogParts, ConnectionFacts } from "../../../../src/observe/log/access_log.ts";
import { endBeforeRelay, endOfRelay } from "../../../../src/observe/close_reason.ts";
import { type Fields, isLogged, type Level } from "../../../../src/observe/log/log.ts";
import { accessLog, connectionFacts } from "../connection_facts.ts";

const CLOSED = endOfRelay({ kind: "closed", first: "client" });
const RESET = endOfRelay({ kind: "failed", error: new ProxyError("connection_reset", "upstream") });
const TRUNCATED = endOfRelay({ kind: "failed", error: new ProxyError("tls_truncated", "client") });
const FAILED = endBeforeRelay(new ProxyError("connection_refused", "upstream", { detail: "os error 111" }));
const DENIED = endBeforeRelay(new ProxyError("access_denied", "client"));
const NO_ROUTE = endBeforeRelay(new ProxyError("no_route", "proxy"));

Deno.test("AccessLog.ended() writes every known fact about a connection", () => {
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
    faults: ["slow", "latency_download"],
    mirror: "copied",
    waitTime: 99.96,
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
    faults: "slow,latency_download",
    mirror: "copied",
    waited_ms: 100,
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

Deno.test("AccessLog.ended() omits unknown facts", () => {
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

Deno.test("AccessLog.ended() writes no line for a relayed connection if only warnings are logged", () => {
  const { log, lines } = kept({}, "warn");
  for (const ending of [CLOSED, RESET, FAILED, DENIED]) log.ended(connectionFacts(), ending);
  assert.deepEqual(lines.map(({ event }) => event), ["connection_failed", "connection_refused"]);
});

Deno.test("AccessLog.ended() samples orderly ends, with the share in their lines", () => {
  const { log, lines } = kept({ sample: 0.1 });
  for (let id = 1; id <= 10_000; id++) log.ended(connectionFacts({ id }), id % 2 === 0 ? TRUNCATED : CLOSED);
  assert.ok(Math.abs(lines.length - 1000) <= 5, `${lines.length} lines`);
  assert.deepEqual([...new Set(lines.map(({ sample }) => sample))], [0.1]);
  // Nor is it every tenth, which may be those of one client.
  const gaps = lines.slice(1).map(({ id }, index) => Number(id) - Number(lines[index]!.id));
  assert.ok(new Set(gaps).size > 1);
});

Deno.test("AccessLog.ended() samples no other end", () => {
  const { log, lines } = kept({ sample: 0.001 });
  for (const ending of [RESET, FAILED, DENIED, NO_ROUTE]) log.ended(connectionFacts(), ending);
  assert.deepEqual(lines.map(({ code, sample }) => [code, sample]), [
    ["connection_reset", undefined],
    ["connection_refused", undefined],
    ["access_denied", undefined],
    ["no_route", undefined],
  ]);
});

Deno.test("AccessLog chooses the same connections at every moment, in any thread", () => {
  for (
    const ids of [[1, 2, 3], [1, 3, 5]].map(([first, second]) =>
      Array.from({ length: 1000 }, (_, n) => first! + n * (second! - first!))
    )
  ) {
    const { log, lines } = kept({ sample: 0.2, at: ["open", "connected", "closed"] });
    for (const id of ids) {
      log.opened(connectionFacts({ id }));
      log.connected(connectionFacts({ id }));
      log.ended(connectionFacts({ id }), CLOSED);
    }
    const of = (event: string) => lines.filter((line) => line["event"] === event).map(({ id }) => id);
    assert.ok(Math.abs(of("connection_accepted").length - 200) <= 5);
    assert.deepEqual(of("connection_accepted"), of("connection_closed"));
    assert.deepEqual(of("connection_accepted"), of("connection_connected"));
  }
});

Deno.test("AccessLog writes a line at each moment that it is asked for, and no other", () => {
  for (
    const [at, expected] of [
      [["open"], ["connection_accepted"]],
      [["connected", "closed"], ["connection_connected", "connection_closed"]],
    ] as const
  ) {
    const { log, lines } = kept({ at });
    live(log);
    assert.deepEqual(lines.map(({ event }) => event), expected);
  }
});

Deno.test("AccessLog.opened() and connected() write what is known by then", () => {
  const { log, lines } = kept({ at: ["open", "connected"] });
  live(log, {
    id: 7,
    serverName: "a.test",
    route: 1,
    upstream: "db",
    endpoint: "1.2.3.4:5",
    attempts: 1,
    connectTime: 1.26,
  });
  const always = {
    level: "info",
    service: "test",
    client: "127.0.0.1:4000",
    id: 7,
    listener: "127.0.0.1:5000",
  };
  assert.deepEqual(lines, [
    { ...always, message: "test: accepted", event: "connection_accepted" },
    {
      ...always,
      message: "test: connected",
      event: "connection_connected",
      sni: "a.test",
      route: 1,
      upstream: "db",
      endpoint: "1.2.3.4:5",
      attempts: 1,
      connect_ms: 1.3,
    },
  ]);
});

Deno.test("AccessLog writes the lines of other moments at level debug, all of them", () => {
  const { log, lines } = kept({ at: ["connected"], sample: 0.5 }, "debug");
  for (let id = 1; id <= 2; id++) live(log, { id });
  assert.deepEqual(lines.map(({ level, event, id }) => `${level} ${event} ${id}`), [
    "debug connection_accepted 1",
    "debug connection_closed 1",
    "debug connection_accepted 2",
    "info connection_connected 2",
    "debug connection_closed 2",
  ]);
});

const QUIET = { bytes: 0 };
const LOUD = { bytes: 1 };
const RESET_BY_CLIENT = endOfRelay({ kind: "failed", error: new ProxyError("connection_reset", "client") });
const RESET_AFTER = endOfRelay({ kind: "closed", first: "client", thenReset: true });
const UPSTREAM_CLOSED = endOfRelay({ kind: "closed", first: "upstream" });
const IDLE = endOfRelay({ kind: "failed", error: new ProxyError("idle_timeout", "proxy") });

Deno.test("AccessLog.ended() skips what skip says, and counts it", () => {
  for (
    const [end, fromClient, fromUpstream, skipped] of [
      [CLOSED, QUIET, QUIET, ["empty", "silent"]],
      [TRUNCATED, QUIET, QUIET, ["empty", "silent"]],
      [RESET_BY_CLIENT, QUIET, QUIET, ["empty", "silent"]],
      [RESET_AFTER, QUIET, QUIET, ["empty", "silent"]],
      [nothingSent("connection_reset"), QUIET, QUIET, ["empty", "silent"]],
      [nothingSent("tls_handshake_failed"), QUIET, QUIET, ["empty", "silent"]],
      [CLOSED, QUIET, LOUD, ["silent"]],
      [RESET_BY_CLIENT, QUIET, LOUD, ["silent"]],
      [CLOSED, LOUD, QUIET, []],
      [RESET_BY_CLIENT, LOUD, QUIET, []],
      // The client had no chance to send anything.
      [UPSTREAM_CLOSED, QUIET, QUIET, []],
      [IDLE, QUIET, QUIET, []],
      [RESET, QUIET, QUIET, []],
      [FAILED, QUIET, QUIET, []],
      [DENIED, QUIET, QUIET, []],
    ] as const
  ) {
    for (const word of ["empty", "silent"] as const) {
      let count = 0;
      const { log, lines } = kept({ skip: [word], skipped: { add: () => count += 1 } });
      log.ended(connectionFacts({ fromClient, fromUpstream }), end);
      const isSkipped = (skipped as readonly string[]).includes(word);
      assert.deepEqual([lines.length, count], isSkipped ? [0, 1] : [1, 0], `${word} ${end.key}`);
    }
  }
});

function nothingSent(code: ErrorCode) {
  const error = new ProxyError(code, "client");
  error.sentNothing = true;
  return endBeforeRelay(error);
}

Deno.test("AccessLog.ended() writes ten refusals a second, and counts the others in the next line", () => {
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

Deno.test("AccessLog.ended() divides the ten lines among threads, with at least one for each", () => {
  for (const [threads, count] of [[2, 5], [4, 2], [10, 1], [16, 1]] as const) {
    const { log, lines } = kept({ threads, now: () => 0 });
    for (let refusal = 0; refusal < 20; refusal++) log.ended(connectionFacts(), DENIED);
    assert.equal(lines.length, count, `${threads} threads`);
  }
});

Deno.test("AccessLog.ended() hides neither refusals for another reason nor failures behind a flood of refusals", () => {
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

Deno.test("AccessLog.ended() writes no warning about a connection that an operator ended before its upstream", () => {
  const { log, lines } = kept();
  for (const code of ["killed", "endpoint_down", "shutdown", "lifetime", "connect_timeout"] as const) {
    log.ended(connectionFacts(), endBeforeRelay(new ProxyError(code, "proxy")));
  }
  assert.deepEqual(lines.map(({ level }) => level), ["info", "info", "info", "info", "warn"]);
});

function live(log: AccessLog, facts: Partial<ConnectionFacts> = {}): void {
  log.opened(connectionFacts(facts));
  log.connected(connectionFacts(facts));
  log.ended(connectionFacts(facts), CLOSED);
}

function kept(parts: Partial<AccessLogParts> = {}, least: "debug" | "info" | "warn" = "info") {
  const lines: Record<string, unknown>[] = [];
  const note = (level: string) => (message: string, fields: Fields = {}) => {
    const known = Object.entries(fields).filter(([, value]) => value !== undefined);
    lines.push({ level, message, ...Object.fromEntries(known) });
  };
  const sink = {
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    enabled: (level: Level) => isLogged(level, least),
  };
  return { lines, log: accessLog({ sink, log: sink, ...parts }) };
}
