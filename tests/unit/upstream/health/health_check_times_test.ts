/** When health checks run, how long they wait, and how they end. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import type { Address } from "../../../../src/net/address.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import type { DialOptions } from "../../../../src/net/socket/dial.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import { CheckLeg } from "../../../../src/upstream/health/check_leg.ts";
import { endOf, readText, upstream } from "../../../support/peers/sockets.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { FakeConn, fakeDial, firstCause, PING, untilAborted, Watch } from "./health_check_fixture.ts";

Deno.test("watchHealth() checks at once and then every interval, more or less by a tenth, from start to start", async () => {
  using time = new FakeTime();
  const starts: number[] = [];
  const randoms = [0, 0.5, 1, 0.25];
  await using _watch = new Watch({
    dial: async () => {
      starts.push(performance.now());
      await new Promise((resolve) => setTimeout(resolve, 500));
      return new FakeConn({ sends: [null] });
    },
    random: () => randoms.shift() ?? 0.5,
    interval: 10_000,
  });
  await time.advance(50_000);
  assert.deepEqual(starts, [0, 9000, 19_000, 30_000, 39_500, 49_500]);
});

Deno.test("watchHealth() checks at the fast interval until the state agrees with the results", async () => {
  using time = new FakeTime();
  const good = () => Promise.resolve(new FakeConn({ sends: [null] }));
  const refused = () => Promise.reject(new ProxyError("connection_refused", "upstream"));
  const ownFault = () => Promise.reject(new ProxyError("too_many_open_files", "proxy"));
  const checks = [ownFault, good, refused, good, refused, refused, refused, good, good];
  const starts: number[] = [];
  await using _watch = new Watch({
    dial: () => {
      starts.push(performance.now());
      return (checks.shift() ?? good)();
    },
    random: () => 0.5,
    interval: 10_000,
    fastInterval: 1000,
  });
  await time.advance(60_000);
  // Unknown; up; one bad check and a good one; three bad checks; two good ones; then at rest.
  assert.deepEqual(
    starts.slice(0, 10),
    [0, 1, 11, 12, 22, 23, 24, 34, 35, 45].map((second) => second * 1000),
  );
});

Deno.test("watchHealth() never has two checks of an endpoint under way", async () => {
  using time = new FakeTime();
  const starts: number[] = [];
  let underWay = 0;
  let most = 0;
  const dial = async (address: Address, options: DialOptions): Promise<Conn> => {
    starts.push(performance.now());
    underWay += 1;
    most = Math.max(most, underWay);
    try {
      return await untilAborted(address, options);
    } finally {
      underWay -= 1;
    }
  };
  await using _watch = new Watch({ dial, interval: 1000, timeout: 5000 });
  await time.advance(10_500);
  assert.deepEqual(starts.map((start) => Math.floor(start / 1000)), [0, 5, 10]);
  assert.equal(most, 1);
});

Deno.test("watchHealth() does not wait longer for an endpoint to close than half the interval or a second", async () => {
  using time = new FakeTime();
  for (const [interval, linger] of [[500, 250], [60_000, 1000]] as const) {
    const conn = new FakeConn({});
    await using _watch = new Watch({ dial: fakeDial(conn), interval });
    await time.advance(linger - 10);
    assert.deepEqual(conn.calls, ["closeWrite", "read"]);
    await time.advance(10);
    assert.equal(conn.calls[2], "close");
  }
});

Deno.test("watchHealth() does not listen for long to an endpoint that goes on talking", async () => {
  using time = new FakeTime();
  const conn = new FakeConn({ sends: new Array(20).fill("x".repeat(4096)) });
  await using _watch = new Watch({ dial: fakeDial(conn) });
  await time.advance(10);
  assert.ok(conn.isClosed);
  assert.equal(conn.calls.filter((call) => call === "read").length, 16);
});

Deno.test("watchHealth() reports changes by rise and fall, and counts no check that failed by the proxy's fault", async () => {
  using time = new FakeTime();
  const good = () => Promise.resolve(new FakeConn({ sends: [null] }));
  const refused = () => Promise.reject(new ProxyError("connection_refused", "upstream"));
  const ownFault = () => Promise.reject(new ProxyError("too_many_open_files", "proxy"));
  const checks = [
    ...[ownFault, good, refused, refused, good, refused, ownFault, refused, ownFault, refused],
    ...[good, refused, good, ownFault, good],
  ];
  await using watch = new Watch({ dial: () => checks.shift()!(), interval: 1000, random: () => 0.5 });
  await time.advance(14_500);
  assert.deepEqual(watch.changes, [
    "up at 1000: connected",
    "down at 9000: connection refused",
    "up at 14000: connected",
  ]);
  assert.deepEqual(watch.results.filter(({ outcome }) => outcome === "skipped").length, 4);
});

Deno.test("watchHealth() sets no timer longer than a timer can be", async () => {
  const conn = new FakeConn({ sends: [null] });
  const set = mock.method(globalThis, "setTimeout");
  const longest = 2 ** 31 - 1;
  try {
    await using _watch = new Watch({ dial: fakeDial(conn), interval: longest, random: () => 0.9 });
    await conn.called("close");
    await settled();
    const delays = set.mock.calls.map((call) => call.arguments[1]);
    assert.ok(delays.includes(longest), `${delays}`);
  } finally {
    set.mock.restore();
  }
});

Deno.test("watchHealth() does nothing when it is over before it begins", async () => {
  let dials = 0;
  const dial = () => {
    dials += 1;
    return Promise.resolve(new FakeConn({ sends: [null] }));
  };
  const watch = new Watch({ dial, signal: AbortSignal.abort() });
  await watch.done;
  assert.equal(dials, 0);
  assert.deepEqual(watch.results, []);
});

// These tests use real timers, so the sanitizers report leftovers.
Deno.test("watchHealth() ends in every phase of a check and leaves nothing behind", async () => {
  const phases: { phase: string; conn: FakeConn; results: number }[] = [
    { phase: "write", conn: new FakeConn({ write: "blocks", isSlow: true }), results: 0 },
    { phase: "read", conn: new FakeConn({}), results: 0 },
    { phase: "closeWrite", conn: new FakeConn({ sends: ["+PONG"] }), results: 1 },
    { phase: "last read", conn: new FakeConn({ sends: ["+PONG"] }), results: 1 },
    { phase: "close", conn: new FakeConn({ sends: ["+PONG", null] }), results: 1 },
  ];
  for (const { phase, conn, results } of phases) {
    const watch = new Watch({ dial: fakeDial(conn), ...PING });
    await conn.called(phase);
    await settled();
    watch.stop();
    await watch.done;
    assert.ok(conn.isClosed, phase);
    assert.equal(conn.isWriting, false, phase);
    assert.equal(watch.results.length, results, phase);
  }
});

Deno.test("watchHealth() ends when the call that it makes aborts its signal", async () => {
  for (const phase of ["write", "read", "closeWrite", "last read", "close"]) {
    const conn = new FakeConn({ sends: ["+PONG"] });
    const watch = new Watch({ dial: fakeDial(conn), interval: 20, ...PING });
    conn.onCall = (call) => call === phase && watch.stop();
    await watch.done;
    assert.ok(conn.isClosed, phase);
    assert.equal(watch.results.length, phase === "write" || phase === "read" ? 0 : 1, phase);
  }
});

Deno.test("watchHealth() does not burden its signal with checks that are over", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  const added = mock.method(stop.signal, "addEventListener");
  const removed = mock.method(stop.signal, "removeEventListener");
  const dial = () => Promise.resolve(new FakeConn({ sends: [null] }));
  const watch = new Watch({ dial, interval: 1000, signal: stop.signal });
  await time.advance(10_000);
  const listening = added.mock.callCount() - removed.mock.callCount();
  stop.abort();
  await watch.done;
  assert.ok(watch.results.length >= 9);
  assert.equal(listening, 1, "the pause between two checks");
});

Deno.test("watchHealth() ends while it dials, and closes a connection that comes all the same", async () => {
  const giving = new Watch({ dial: untilAborted });
  giving.stop();
  await giving.done;
  assert.deepEqual(giving.results, []);

  const late = Promise.withResolvers<Conn>();
  const conn = new FakeConn({});
  const stubborn = new Watch({ dial: () => late.promise });
  stubborn.stop();
  late.resolve(conn);
  await stubborn.done;
  assert.deepEqual(conn.calls, ["close"]);
  assert.deepEqual(stubborn.results, []);
});

Deno.test("watchHealth() ends while a real endpoint is silent", async () => {
  const accepted = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<string>();
  await using server = upstream(async (conn) => {
    accepted.resolve();
    closed.resolve(await endOf(conn));
  });
  const watch = new Watch({ address: server.address, expect: PING.expect });
  await accepted.promise;
  watch.stop();
  await watch.done;
  assert.equal(await closed.promise, "fin");
  assert.deepEqual(watch.results, []);
});

Deno.test("watchHealth() gives a TLS handshake no more time than the whole check has", async () => {
  const closed = Promise.withResolvers<string>();
  await using server = upstream(async (conn) => {
    // The header, and a ClientHello without an answer.
    assert.equal(await readText(conn, 15), "PROXY UNKNOWN\r\n");
    await conn.read(new Uint8Array(4096));
    closed.resolve(await endOf(conn));
  });
  const config = {
    ca: undefined,
    certificate: undefined,
    serverName: "db.test",
    verify: false,
    alpn: [],
    starttls: undefined,
  };
  const material = { authorities: undefined, credentials: undefined };
  const leg = new CheckLeg({ proxyProtocol: "v1", tls: { service: "test", config, material } });
  assert.equal(
    await firstCause({ address: server.address, timeout: 50, leg }),
    "bad: TLS handshake timeout",
  );
  await closed.promise;
});
