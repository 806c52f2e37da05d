import assert from "node:assert/strict";
import { ACCEPT_IDLE, acceptConnections, AcceptLoop } from "../../../../src/net/socket/accept.ts";
import type { TcpAddress } from "../../../../src/net/address.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import type { Listener } from "../../../../src/net/socket/listen.ts";
import { ANYWHERE } from "../../../support/peers/accept_fixture.ts";

const SHORTAGE = Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });

/** Returns the given connections, and errors as failures, then nothing until it is closed. */
class ScriptedListener implements Listener {
  readonly address = ANYWHERE;
  /** The result of an accept that is pending when it is closed. */
  atClose: Conn | Error = new Deno.errors.Interrupted("closed");
  closed = 0;
  readonly #script: (Conn | Error)[];
  #pending: PromiseWithResolvers<Conn> | undefined;

  constructor(script: (Conn | Error)[]) {
    this.#script = script;
  }

  accept(): Promise<Conn> {
    if (this.closed > 0) return Promise.reject(new Deno.errors.BadResource("closed"));
    this.#pending = Promise.withResolvers<Conn>();
    const next = this.#script.shift();
    if (next !== undefined) this.#settle(next);
    return this.#pending.promise;
  }

  close(): void {
    this.closed += 1;
    this.#settle(this.atClose);
  }

  #settle(outcome: Conn | Error): void {
    if (outcome instanceof Error) this.#pending?.reject(outcome);
    else this.#pending?.resolve(outcome);
  }
}

Deno.test("acceptConnections() hands over a connection whose accept succeeds after the close", async () => {
  const stopped = new AbortController();
  const listener = new ScriptedListener([conn("early")]);
  listener.atClose = conn("late");
  const taken: Conn[] = [];
  const loop = acceptConnections(listener, {
    onConnection: (conn) => {
      taken.push(conn);
      // By then, the loop has begun its next accept.
      if (taken.length === 1) setTimeout(() => stopped.abort());
    },
    onError: (error) => assert.fail(String(error)),
    signal: stopped.signal,
  });
  await loop;
  assert.deepEqual(taken.map(({ remoteAddress }) => remoteAddress), [
    conn("early").remoteAddress,
    conn("late").remoteAddress,
  ]);
  assert.equal(listener.closed, 1);
});

Deno.test("acceptConnections() pauses longer after each failure in a drain, for as long as accepting fails", async () => {
  const failures = Array.from({ length: 5 }, () => SHORTAGE);
  const listener = new ScriptedListener([...failures, conn("after")]);
  const reported: [unknown, number][] = [];
  const began = performance.now();
  let after = 0;
  await acceptConnections(listener, {
    onConnection: () => {
      assert.equal(listener.closed, 0);
      after = performance.now() - began;
    },
    onError: (...report) => void reported.push(report),
    signal: new AbortController().signal,
    draining: AbortSignal.abort(),
  });
  // 5 + 10 + 20 + 40 + 80 ms, which is longer than a drain without a client.
  assert.ok(after >= 150 && after > 2 * ACCEPT_IDLE, `after ${after} ms`);
  assert.deepEqual(reported, [[SHORTAGE, 1]]);
  assert.equal(listener.closed, 1);
});

Deno.test("acceptConnections() stops a drain that cannot accept at once", async () => {
  const stopped = new AbortController();
  const listener = new ScriptedListener(Array.from({ length: 1000 }, () => SHORTAGE));
  await acceptConnections(listener, {
    onConnection: () => assert.fail("no client is accepted"),
    onError: () => stopped.abort(),
    signal: stopped.signal,
    draining: AbortSignal.abort(),
  });
  assert.equal(listener.closed, 1);
});

Deno.test("acceptConnections() does not count a client that has left as a failure", async () => {
  const stopped = new AbortController();
  const listener = new ScriptedListener([new Deno.errors.NotConnected("gone"), conn("next")]);
  await acceptConnections(listener, {
    onConnection: () => stopped.abort(),
    onError: (error) => assert.fail(String(error)),
    signal: stopped.signal,
  });
  assert.equal(listener.closed, 1);
});

Deno.test("acceptConnections() closes the listener if the signal has already aborted", async () => {
  const listener = new ScriptedListener([]);
  await acceptConnections(listener, {
    onConnection: () => assert.fail("no client is accepted"),
    onError: (error) => assert.fail(String(error)),
    signal: AbortSignal.abort(),
    draining: AbortSignal.abort(),
  });
  assert.equal(listener.closed, 1);
});

Deno.test("AcceptLoop passes later connections to a new handler, and waits for the previous one no longer", async () => {
  const stopped = new AbortController();
  const listener = new ScriptedListener([conn("first"), conn("second"), conn("third")]);
  const taken: string[] = [];
  const take = (name: string, then: () => Promise<void> | void) => ({
    onConnection: ({ remoteAddress }: Conn) => {
      taken.push(`${(remoteAddress as TcpAddress).hostname} ${name}`);
      return then();
    },
    onError: (error: unknown) => assert.fail(String(error)),
  });
  const isHeld = Promise.withResolvers<void>();
  const before = take("before", () => {
    isHeld.resolve();
    return new Promise<void>(() => {});
  });
  const loop = new AcceptLoop(listener, { ...before, signal: stopped.signal });
  await isHeld.promise;
  const ready = Promise.withResolvers<void>();
  const isNext = Promise.withResolvers<void>();
  loop.handler = take("after", () => {
    isNext.resolve();
    return taken.length === 2 ? ready.promise : stopped.abort();
  });
  await isNext.promise;
  assert.deepEqual(taken, ["first before", "second after"]);
  ready.resolve();
  await loop.ended;
  assert.deepEqual(taken.slice(2), ["third after"]);
});

function conn(hostname: string): Conn {
  return { remoteAddress: { transport: "tcp", hostname, port: 1 } } as Conn;
}
