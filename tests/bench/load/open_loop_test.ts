import assert from "node:assert/strict";
import { figuresOf, openLoop } from "./open_loop.ts";

const REQUEST_BYTES = 33;

/** Answers requests, but none before this many have come on all connections together. */
class Server implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #silentUntil: number;
  readonly #answer: string;
  readonly #done: Promise<void>;
  #received = 0;
  /** Per connection: all requests, and those without an answer yet. */
  readonly requests = new Map<Deno.TcpConn, { all: number; owed: number }>();

  constructor(silentUntil: number, answer = "+OK\r\n") {
    this.#silentUntil = silentUntil;
    this.#answer = answer;
    this.#done = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const conn of this.#listener) serving.push(this.#serve(conn));
    await Promise.all(serving);
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    using conn = client;
    const mine = { all: 0, owed: 0 };
    this.requests.set(conn, mine);
    const buffer = new Uint8Array(REQUEST_BYTES);
    try {
      while (await readFull(conn, buffer)) {
        mine.all++;
        mine.owed++;
        if (++this.#received >= this.#silentUntil) await this.#answerAll();
      }
    } catch {
      // The client closed while answers were under way.
    }
  }

  async #answerAll(): Promise<void> {
    await Promise.all([...this.requests].map(async ([conn, mine]) => {
      const answers = this.#answer.repeat(mine.owed);
      mine.owed = 0;
      if (answers !== "") await conn.write(new TextEncoder().encode(answers));
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#done;
  }
}

async function readFull(conn: Deno.TcpConn, buffer: Uint8Array): Promise<boolean> {
  for (let filled = 0; filled < buffer.length;) {
    const count = await conn.read(buffer.subarray(filled));
    if (count === null) return false;
    filled += count;
  }
  return true;
}

Deno.test("a stall counts for every request that was due during it", async () => {
  // With 4 connections, a client that waits for answers would stop after 4 requests and never see the 100th.
  await using server = new Server(100);
  const plan = { port: server.port, connections: 4, perSecond: 1000, count: 200 };
  const { latencies, delays } = await openLoop(plan);
  assert.equal(latencies.length, 200);
  // The 100th is not sent before it is due, 99 ms after the first.
  for (let request = 0; request < 100; request++) {
    assert.ok(latencies[request]! > 98.999 - request, `request ${request}: ${latencies[request]} ms`);
  }
  assert.ok(delays.every((delay, request) => delay >= 0 && delay < latencies[request]!));
});

Deno.test("connections take turns", async () => {
  await using server = new Server(1);
  await openLoop({ port: server.port, connections: 5, perSecond: 2000, count: 100 });
  assert.deepEqual([...server.requests.values()].map(({ all }) => all), [20, 20, 20, 20, 20]);
});

Deno.test("an answer that is an error ends the loop", async () => {
  await using server = new Server(1, "-ERR no\r\n");
  const plan = { port: server.port, connections: 2, perSecond: 1000, count: 100 };
  await assert.rejects(openLoop(plan), { message: "an answer is not +OK" });
});

Deno.test("figures leave out the requests before they count", () => {
  const latencies = Float64Array.from([900, 800, ...Array.from({ length: 1000 }, (_, which) => which + 1)]);
  const delays = Float64Array.from(latencies, (latency) => latency / 10);
  assert.deepEqual(figuresOf({ latencies, delays }, 2), { p50: 500, p99: 990, p999: 999, delayP99: 99 });
});
