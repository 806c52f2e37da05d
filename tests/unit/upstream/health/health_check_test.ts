import assert from "node:assert/strict";
import { mock } from "node:test";
import fc from "fast-check";
import type { HealthCheckConfig } from "../../../../src/config/config.ts";
import { type Address, formatAddress, parseUpstreamAddress } from "../../../../src/net/address.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import type { DialOptions } from "../../../../src/net/socket/dial.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import { CheckLeg } from "../../../../src/upstream/health/check_leg.ts";
import {
  type CheckResult,
  type HealthWatchOptions,
  watchHealth,
} from "../../../../src/upstream/health/health_check.ts";
import {
  endOf,
  readAll,
  readText,
  resettableServer,
  upstream,
  writeText,
} from "../../../support/peers/sockets.ts";
import { CHECK as PLAIN } from "../../../support/fakes/upstream_parts.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";

const CHECK: HealthCheckConfig = { ...PLAIN, interval: 60_000, timeout: 30_000, rise: 2, fall: 3 };
const ADDRESS = parseUpstreamAddress("127.0.0.1:1");
const beginning = (text: string) => ({ begins: bytes(text), contains: undefined, regex: undefined });
const PING = { send: bytes("PING\r\n"), expect: beginning("+PONG") };

Deno.test("watchHealth() takes a connection alone for health when no answer is asked for", async () => {
  await using server = upstream((conn) => endOf(conn).then(() => {}));
  const { outcome, cause, duration } = await firstResult({ address: server.address });
  assert.deepEqual({ outcome, cause }, { outcome: "good", cause: "connected" });
  assert.ok(duration >= 0 && duration < 30_000, `${duration} ms`);
});

Deno.test("watchHealth() compares a greeting with what is expected", async () => {
  await using server = upstream(async (conn) => {
    await writeText(conn, "220 mail.example ESMTP\r\n");
    await endOf(conn);
  });
  assert.equal(
    await firstCause({ address: server.address, expect: beginning("220 ") }),
    'good: answered "220 "',
  );
  assert.equal(
    await firstCause({ address: server.address, expect: beginning("221 ") }),
    'bad: answered "220 mail.example ESMTP\\r\\n" instead of "221 "',
  );
});

Deno.test("watchHealth() sends the configured bytes and compares the answer", async () => {
  const received: string[] = [];
  await using server = upstream(async (conn) => {
    received.push(await readText(conn, 6));
    await writeText(conn, "+PONG\r\n");
    await endOf(conn);
  });
  assert.equal(await firstCause({ address: server.address, ...PING }), 'good: answered "+PONG"');
  assert.deepEqual(received, ["PING\r\n"]);
});

Deno.test("watchHealth() is content once everything is sent when no answer is asked for", async () => {
  const received = Promise.withResolvers<string>();
  await using server = upstream(async (conn) =>
    received.resolve(new TextDecoder().decode(await readAll(conn)))
  );
  await using watch = new Watch({ address: server.address, send: bytes("hello") });
  assert.equal((await watch.firstResult).cause, "connected");
  assert.equal(await received.promise, "hello");
});

Deno.test("watchHealth() says that a connection was refused", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  const address = `127.0.0.1:${listener.addr.port}`;
  assert.equal(await firstCause({ address }), "bad: connection refused");
});

Deno.test("watchHealth() checks unix sockets", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const address = `unix:${directory}/endpoint`;
    assert.equal(await firstCause({ address }), "bad: no such socket");
    using listener = Deno.listen({ transport: "unix", path: `${directory}/endpoint` });
    await using watch = new Watch({ address });
    using _conn = await listener.accept();
    assert.equal((await watch.firstResult).outcome, "good");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("watchHealth() says what an endpoint did that did not answer", async () => {
  await using silent = upstream((conn) => endOf(conn).then(() => {}));
  await using closing = upstream(() => {});
  await using partial = upstream((conn) => writeText(conn, "+PO"));
  const of = (server: { address: string }) => firstCause({ address: server.address, timeout: 250, ...PING });
  assert.equal(await of(silent), "bad: no answer within 250ms");
  const patient = { timeout: 30_000, expect: PING.expect };
  assert.equal(
    await firstCause({ address: closing.address, ...patient }),
    "bad: closed before it answered",
  );
  assert.equal(
    await firstCause({ address: partial.address, ...patient }),
    'bad: answered "+PO" instead of "+PONG"',
  );
});

Deno.test("watchHealth() says that the connection was reset", async () => {
  await using server = await resettableServer();
  await using watch = new Watch({ address: server.address, expect: PING.expect });
  (await server.accepted()).resetAndDestroy();
  assert.equal((await watch.firstResult).cause, "connection reset");
});

Deno.test("watchHealth() closes with a FIN and takes what the endpoint still has to say", async () => {
  const ended = Promise.withResolvers<string>();
  await using server = upstream(async (conn) => {
    await writeText(conn, "greeting that the check does not expect");
    const end = await endOf(conn);
    // On a connection that was closed over unread bytes, these calls fail.
    await writeText(conn, "goodbye");
    await writeText(conn, "goodbye");
    await conn.closeWrite();
    ended.resolve(`${end}, ${await endOf(conn)}`);
  });
  await using watch = new Watch({ address: server.address });
  assert.equal((await watch.firstResult).outcome, "good");
  assert.equal(await ended.promise, "fin, fin");
});

Deno.test("watchHealth() comes to the same verdict however an answer is split", async () => {
  const answer = fc.constantFrom("+PONG", "+PONG\r\n", "+PON", "-ERR no", "+PINGPONG", "");
  const pieces = fc.tuple(answer, fc.array(fc.integer({ min: 1, max: 3 })));
  await fc.assert(fc.asyncProperty(pieces, async ([text, sizes]) => {
    const verdicts = [];
    for (const cuts of [[], sizes, new Array(20).fill(1)]) {
      const conn = new FakeConn({ sends: [...split(text, cuts), null] });
      verdicts.push((await firstResult({ dial: fakeDial(conn), ...PING })).outcome);
    }
    const expected = text.startsWith("+PONG") ? "good" : "bad";
    assert.deepEqual(verdicts, [expected, expected, expected]);
  }));
});

Deno.test("watchHealth() fails a check as soon as the answer cannot match any more", async () => {
  const conn = new FakeConn({ sends: ["+PI"] });
  assert.equal(
    await firstCause({ dial: fakeDial(conn), ...PING }),
    'bad: answered "+PI" instead of "+PONG"',
  );
});

Deno.test("watchHealth() reports what an endpoint said before it broke the connection under the bytes sent", async () => {
  const conn = new FakeConn({
    sends: ["-ERR max clients"],
    write: new Deno.errors.BrokenPipe("Broken pipe"),
    isSlow: true,
  });
  assert.equal(
    await firstCause({ dial: fakeDial(conn), ...PING }),
    'bad: answered "-ERR max clients" instead of "+PONG"',
  );
});

Deno.test("watchHealth() quotes a long or binary answer shortened and escaped", async () => {
  const cases: [answer: string, quote: string][] = [
    ["\x16\x03\x01\0\xff\r\n\t\"\\'~", String.raw`"\x16\x03\x01\x00\xff\r\n\t\"\\'~"`],
    ["x".repeat(160), `"${"x".repeat(160)}"`],
    ["x".repeat(161), `"${"x".repeat(160)}…"`],
    ["x".repeat(5000), `"${"x".repeat(160)}…"`],
    ["x".repeat(158) + "\0\0", `"${"x".repeat(158)}…"`],
  ];
  for (const [answer, quote] of cases) {
    const conn = new FakeConn({ sends: [answer] });
    const cause = await firstCause({ dial: fakeDial(conn), expect: beginning("+") });
    assert.equal(cause, `bad: answered ${quote} instead of "+"`);
  }
});

Deno.test("watchHealth() names the failure of a dial", async () => {
  const cases: [error: Error, result: string][] = [
    [new ProxyError("connection_refused", "upstream"), "bad: connection refused"],
    [new ProxyError("timed_out", "upstream"), "bad: timed out"],
    [new ProxyError("name_not_resolved", "upstream", { detail: "failed to…" }), "bad: name not resolved"],
    [new ProxyError("connection_aborted", "upstream"), "bad: connection reset"],
    [new Error("Something new (os error 999)"), "bad: Something new (os error 999)"],
    [new ProxyError("too_many_open_files", "proxy"), "skipped: too many open files"],
    [new ProxyError("address_not_available", "proxy"), "skipped: no local address or port available"],
  ];
  for (const [error, result] of cases) {
    assert.equal(await firstCause({ dial: () => Promise.reject(error) }), result);
  }
});

Deno.test("watchHealth() gives a check its timeout for everything together", async () => {
  using time = new FakeTime();
  const dials: Record<string, HealthWatchOptions["dial"]> = {
    "connect timeout": untilAborted,
    "no answer within 2s": async () => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return new FakeConn({});
    },
    'answered only "+PO" within 2s': fakeDial(new FakeConn({ sends: ["+PO"] })),
  };
  for (const [cause, dial] of Object.entries(dials)) {
    await using watch = new Watch({ dial: dial!, timeout: 2000, ...PING });
    await time.advance(1990);
    assert.deepEqual(watch.results, [], cause);
    await time.advance(10);
    assert.deepEqual(watch.results, [{ outcome: "bad", cause, duration: 2000 }]);
  }
});

Deno.test("watchHealth() fails a check whose bytes cannot be sent in time", async () => {
  using time = new FakeTime();
  const dial = fakeDial(new FakeConn({ write: "blocks" }));
  await using watch = new Watch({ dial, timeout: 250, send: PING.send });
  await time.advance(250);
  assert.deepEqual(watch.results, [{ outcome: "bad", cause: "cannot send within 250ms", duration: 250 }]);
});

Deno.test("watchHealth() closes a connection that comes after the timeout", async () => {
  using time = new FakeTime();
  const conn = new FakeConn({});
  const late = Promise.withResolvers<Conn>();
  await using watch = new Watch({ dial: () => late.promise, timeout: 1000 });
  await time.advance(1000);
  late.resolve(conn);
  assert.equal((await watch.firstResult).cause, "connect timeout");
  assert.deepEqual(conn.calls, ["close"]);
});

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

Deno.test("watchHealth() connects to the host and port of the check", async () => {
  const addresses = async (check: WatchSettings, address: string) => {
    const dialled = Promise.withResolvers<Address>();
    await using _watch = new Watch({
      ...check,
      address,
      dial: (to) => {
        dialled.resolve(to);
        return Promise.resolve(new FakeConn({ sends: [null] }));
      },
    });
    return formatAddress(await dialled.promise);
  };
  assert.equal(await addresses({ port: 8008 }, "db:5432"), "db:8008");
  assert.equal(await addresses({ host: "::1" }, "db:5432"), "[::1]:5432");
  assert.equal(await addresses({ host: "agent", port: 1 }, "unix:/run/db.sock"), "agent:1");
  assert.equal(await addresses({}, "unix:/run/db.sock"), "unix:/run/db.sock");
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

/** `address` is that of the endpoint, `host` the one to check. */
type WatchSettings =
  & Partial<Omit<HealthCheckConfig, "address">>
  & Partial<Omit<HealthWatchOptions, "address" | "check">>
  & { address?: string; host?: string };

/** A running watch, its reports, and its end. */
class Watch implements AsyncDisposable {
  readonly results: CheckResult[] = [];
  readonly changes: string[] = [];
  readonly firstResult: Promise<CheckResult>;
  readonly done: Promise<void>;
  readonly #stop = new AbortController();

  constructor({ address, host, signal, dial, random, leg, ...check }: WatchSettings) {
    const first = Promise.withResolvers<CheckResult>();
    this.firstResult = first.promise;
    this.done = watchHealth({
      address: address === undefined ? ADDRESS : parseUpstreamAddress(address),
      check: { ...CHECK, ...check, address: host },
      ...dial && { dial },
      ...random && { random },
      ...leg && { leg },
      onResult: (result) => {
        this.results.push(result);
        first.resolve(result);
      },
      onChange: (state, cause, detail) => {
        assert.equal(detail, this.results.at(-1));
        this.changes.push(`${state} at ${performance.now()}: ${cause}`);
      },
      signal: signal ?? this.#stop.signal,
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.done;
  }
}

async function firstResult(settings: WatchSettings): Promise<CheckResult> {
  await using watch = new Watch(settings);
  return await watch.firstResult;
}

async function firstCause(settings: WatchSettings): Promise<string> {
  const { outcome, cause } = await firstResult(settings);
  return `${outcome}: ${cause}`;
}

interface FakeConnOptions {
  /** The results of reads, one after another: text, the end, then silence. */
  readonly sends?: readonly (string | null)[];
  /** The result of writes. */
  readonly write?: "blocks" | Error;
  /** Reads, and the end of a write after a close, settle only after everything else has run. */
  readonly isSlow?: boolean;
}

/** A connection that a test controls, and that records its calls. */
class FakeConn implements Conn {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  readonly calls: string[] = [];
  readonly #sends: (Uint8Array | null)[];
  readonly #write: "blocks" | Error | undefined;
  readonly #isSlow: boolean;
  readonly #closed = Promise.withResolvers<never>();
  isClosed = false;
  isWriting = false;
  onCall: (name: string) => void = () => {};

  constructor({ sends = [], write, isSlow = false }: FakeConnOptions) {
    this.#sends = sends.map((each) => each === null ? null : bytes(each));
    this.#write = write;
    this.#isSlow = isSlow;
    this.#closed.promise.catch(() => {});
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.#called(this.calls.includes("closeWrite") ? "last read" : "read");
    if (this.#isSlow) await settled();
    const next = this.#sends[0];
    if (this.isClosed || next === undefined) return await this.#closed.promise;
    if (next === null) return null;
    const count = Math.min(buffer.byteLength, next.byteLength);
    buffer.set(next.subarray(0, count));
    if (count < next.byteLength) this.#sends[0] = next.subarray(count);
    else this.#sends.shift();
    return count;
  }

  async write(chunk: Uint8Array): Promise<number> {
    this.isWriting = true;
    this.#called("write");
    try {
      if (this.isClosed || this.#write === "blocks") return await this.#closed.promise;
      if (this.#write !== undefined) throw this.#write;
      return chunk.byteLength;
    } finally {
      if (this.isClosed && this.#isSlow) await settled();
      this.isWriting = false;
    }
  }

  closeWrite(): Promise<void> {
    this.#called("closeWrite");
    return this.isClosed ? this.#closed.promise : Promise.resolve();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#closed.reject(new Deno.errors.Interrupted("closed"));
    this.#called("close");
  }

  /** Resolves once the method has been called. */
  called(name: string): Promise<void> {
    return new Promise((resolve) => {
      this.onCall = (call) => call === name && resolve();
    });
  }

  reset(): void {
    this.#called("reset");
    this.close();
  }

  setOptions(): void {}

  [Symbol.dispose](): void {
    this.close();
  }

  #called(name: string): void {
    this.calls.push(name === "last read" ? "read" : name);
    this.onCall(name);
  }
}

function fakeDial(conn: FakeConn): () => Promise<Conn> {
  return () => Promise.resolve(conn);
}

/** A dial that lasts until it is aborted. */
function untilAborted(_address: Address, { signal }: DialOptions): Promise<Conn> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

function split(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  let rest = text;
  for (const size of sizes) {
    if (rest === "") break;
    pieces.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
  return rest === "" ? pieces : [...pieces, rest];
}

/** One byte for each character. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
