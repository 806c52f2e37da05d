/** What a health check says of an endpoint. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Address, formatAddress } from "../../../../src/net/address.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import type { HealthWatchOptions } from "../../../../src/upstream/health/health_check.ts";
import {
  endOf,
  readAll,
  readText,
  resettableServer,
  upstream,
  writeText,
} from "../../../support/peers/sockets.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import {
  beginning,
  bytes,
  FakeConn,
  fakeDial,
  firstCause,
  firstResult,
  PING,
  untilAborted,
  Watch,
  type WatchSettings,
} from "./health_check_fixture.ts";

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
