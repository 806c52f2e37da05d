/** The time limits for clients of the admin interface, and the limit of their number. */

import assert from "node:assert/strict";
import {
  BODY_DEADLINE,
  HEAD_DEADLINE,
  IDLE_DEADLINE,
  STUCK_DEADLINE,
} from "../../../../src/admin/http/http_connection.ts";
import { eventually } from "../../../support/eventually.ts";
import { endOf, readText, writeText } from "../../../support/peers/sockets.ts";
import { codeOf, connectTo, type Fixture, fixture, get, recordingLog } from "../admin_fixture.ts";

const OK = "HTTP/1.1 200";

Deno.test("HttpServer limits the time of a request head from its first byte, however slowly it comes", async () => {
  await using admin = await timed();
  using silent = await admin.connect();
  using half = await admin.connect("GET /healthz HTTP/1.1\r\nHo");
  await admin.pass(HEAD_DEADLINE / 2);
  await writeText(half, "st: loc");
  admin.expire(HEAD_DEADLINE / 2);
  assert.equal(await endOf(silent), "fin");
  assert.equal(await readText(half, 12), "HTTP/1.1 408");
  assert.equal(await endOf(half), "fin");
});

Deno.test("HttpServer limits the time of a body after the head", async () => {
  await using admin = await timed();
  const order = `POST /api/v1/drain HTTP/1.1\r\nHost: ${admin.host}\r\nContent-Length: 100\r\n`;
  using slow = await admin.connect(`${order}Expect: 100-continue\r\n\r\n`);
  assert.equal(await readText(slow, 25), "HTTP/1.1 100 Continue\r\n\r\n");
  await admin.pass(BODY_DEADLINE - 1000);
  await writeText(slow, "{");
  admin.expire(1000);
  assert.equal(codeOf(await bodyOf(slow, "HTTP/1.1 408")), "body_timeout");
});

Deno.test("HttpServer limits the time between requests", async () => {
  await using admin = await timed();
  const request = get("/healthz", `Host: ${admin.host}`).replace("Connection: close", "A: b");
  using conn = await admin.connect(request.replaceAll("\n", "\r\n"));
  assert.equal(await readText(conn, 12), OK);
  await admin.pass(IDLE_DEADLINE - 1000);
  await writeText(conn, request.replaceAll("\n", "\r\n"));
  await readUntil(conn, OK);
  admin.expire(IDLE_DEADLINE);
  assert.equal(await endOf(conn), "fin");
});

Deno.test("HttpServer disconnects a client that reads nothing of a response", async () => {
  const large = new Map([["/large", { type: "text/plain", body: "x".repeat(32 * 1024 * 1024) }]]);
  await using admin = await timed({ pageFiles: () => Promise.resolve(large), maxConnections: 8 });
  using conn = await admin.connect(get("/large", `Host: ${admin.host}`).replaceAll("\n", "\r\n"));
  assert.equal(await readText(conn, 12), OK);
  await admin.pass(STUCK_DEADLINE);
  let size = 12;
  const buffer = new Uint8Array(1024 * 1024);
  for (let count = await read(conn, buffer); count !== null; count = await read(conn, buffer)) size += count;
  assert.ok(size < 32 * 1024 * 1024, `all of it came: ${size} bytes`);
});

Deno.test("HttpServer evicts the connection that was longest without a request for a new one", async () => {
  const { log, lines } = recordingLog();
  await using admin = await timed({ maxConnections: 8, log });
  const conns = [];
  for (let count = 0; count < 9; count++) {
    conns.push(await admin.connect());
  }
  assert.equal(await endOf(conns[0]!), "fin");
  // Later clients are still served.
  for (const conn of conns.slice(1)) {
    await writeText(conn, get("/healthz", `Host: ${admin.host}`).replaceAll("\n", "\r\n"));
    assert.equal(await readText(conn, 12), OK);
  }
  for (const conn of conns) conn.close();
  assert.deepEqual(lines, []);
});

Deno.test("HttpServer neither times out nor evicts a connection with a request in progress, after earlier responses or not", async () => {
  await using admin = await timed({ maxConnections: 8 });
  const { promise, resolve } = Promise.withResolvers<never>();
  admin.backend.pending = promise;
  const head = `Host: ${admin.host}\r\n\r\n`;
  const both = `GET /healthz HTTP/1.1\r\n${head}GET /api/v1/connections HTTP/1.1\r\n${head}`;
  using busy = await admin.connect(both);
  await readUntil(busy, '{"status":"ok"}');
  await eventually("the second request", () => admin.backend.queries.length, (count) => count === 1);
  await admin.pass(IDLE_DEADLINE);
  const silent = await Promise.all(Array.from({ length: 9 }, () => admin.connect()));
  // Two have to make room for the last two: then all have been accepted.
  for (const conn of silent.slice(0, 2)) assert.equal(await endOf(conn), "fin");
  admin.server.evictIdle();
  for (const conn of silent.slice(2)) assert.equal(await endOf(conn), "fin");
  resolve(undefined as never);
  await readUntil(busy, "HTTP/1.1 ");
  for (const conn of silent) conn.close();
});

Deno.test("HttpServer answers bytes that are not HTTP/1.1, and too long a head, with the right error", async () => {
  await using admin = await timed();
  using other = await admin.connect("\x16\x03\x01\x02\x00\x01\x00");
  assert.equal(codeOf(await bodyOf(other, "HTTP/1.1 400")), "bad_request");
  using long = await admin.connect(`GET /${"x".repeat(17 * 1024)} HTTP/1.1\r\nHost: ${admin.host}\r\n\r\n`);
  assert.equal(codeOf(await bodyOf(long, "HTTP/1.1 431")), "head_too_large");
});

Deno.test("HttpServer truncates a long path in messages", async () => {
  await using admin = await timed();
  for (const length of [300, 2000, 15_000]) {
    using conn = await admin.connect(
      get(`/${"a".repeat(length)}`, `Host: ${admin.host}`).replaceAll("\n", "\r\n"),
    );
    const text = await bodyOf(conn, "HTTP/1.1 404");
    assert.equal(codeOf(text), "not_found");
    assert.ok(text.length < 1000, `${text.length} characters`);
  }
});

Deno.test("HttpServer logs refused requests in short lines, ten a second", async () => {
  const { log, lines } = recordingLog();
  await using admin = await timed({ log, token: "correct-horse-battery" });
  const path = `/api/v1/connections/${"7".repeat(2000)}`;
  const request = `DELETE ${path} HTTP/1.1\r\nHost: ${admin.host}\r\nConnection: close\r\n\r\n`;
  const ask = async () => {
    using conn = await admin.connect(request);
    assert.equal(codeOf(await bodyOf(conn, "HTTP/1.1 401")), "unauthorized");
  };
  for (let count = 0; count < 25; count++) await ask();
  assert.equal(lines.length, 10);
  admin.expire(1000);
  await ask();
  assert.equal(lines.length, 11);
  assert.match(lines[10]!, /"suppressed":15/);
  for (const line of lines) assert.ok(line.length < 400, line);
});

interface TimedFixture extends Fixture {
  connect(first?: string): Promise<Deno.Conn>;
  /** Sets the clock forward. */
  expire(milliseconds: number): void;
  /** Does the same, and waits until a connection that stays was checked. */
  pass(milliseconds: number): Promise<void>;
}

/** A fixture with a clock that a test sets forward. */
async function timed(options: Parameters<typeof fixture>[0] = {}): Promise<TimedFixture> {
  let ahead = 0;
  let looks = 0;
  const now = () => {
    looks += 1;
    return performance.now() + ahead;
  };
  const admin = await fixture({ ...options, now, lookEvery: 5 });
  return {
    ...admin,
    connect: async (first) => {
      const conn = await connectTo(admin.server.address);
      if (first !== undefined) await writeText(conn, first);
      return conn;
    },
    expire: (milliseconds) => void (ahead += milliseconds),
    pass: async (milliseconds) => {
      ahead += milliseconds;
      const before = looks;
      // Each check reads the clock, and one may already have begun.
      await eventually("a look at the deadlines", () => looks, (count) => count > before + 2);
    },
  };
}

/** Everything after the head of a response with this status, until the connection ends. */
async function bodyOf(conn: Deno.Conn, status: string): Promise<string> {
  assert.equal(await readText(conn, status.length), status);
  let text = "";
  const buffer = new Uint8Array(4096);
  for (let count = await read(conn, buffer); count !== null; count = await read(conn, buffer)) {
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}

async function readUntil(conn: Deno.Conn, text: string): Promise<void> {
  let seen = "";
  while (!seen.includes(text)) seen += await readText(conn, 1);
}

/** A reset is also an end. */
async function read(conn: Deno.Conn, buffer: Uint8Array): Promise<number | null> {
  try {
    return await conn.read(buffer);
  } catch {
    return null;
  }
}
