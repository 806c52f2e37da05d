import assert from "node:assert/strict";
import { ACCEPT_IDLE, acceptConnections } from "../../../../src/net/socket/accept.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import type { Listener } from "../../../../src/net/socket/listen.ts";
import { ANYWHERE } from "../../../support/peers/accept_fixture.ts";

const SHORTAGE = Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });

/** Gives out what it is told to, an error as a failure, and then nothing until it is closed. */
class ScriptedListener implements Listener {
  readonly address = ANYWHERE;
  /** What an accept that is under way when it is closed comes to. */
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

Deno.test("an accept that succeeds although the listener was closed is handed over", async () => {
  const stopped = new AbortController();
  const listener = new ScriptedListener([conn("early")]);
  listener.atClose = conn("late");
  const taken: Conn[] = [];
  const loop = acceptConnections(listener, {
    onConnection: (conn) => {
      taken.push(conn);
      // The loop has begun its next accept by then.
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

Deno.test("a drain waits longer each time accepting fails, and for as long as it does", async () => {
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

Deno.test("a drain that cannot accept is stopped at once", async () => {
  const stopped = new AbortController();
  const listener = new ScriptedListener(Array.from({ length: 1000 }, () => SHORTAGE));
  await acceptConnections(listener, {
    onConnection: () => assert.fail("nobody is accepted"),
    onError: () => stopped.abort(),
    signal: stopped.signal,
    draining: AbortSignal.abort(),
  });
  assert.equal(listener.closed, 1);
});

Deno.test("a client that gave up is no failure", async () => {
  const stopped = new AbortController();
  const listener = new ScriptedListener([new Deno.errors.NotConnected("gone"), conn("next")]);
  await acceptConnections(listener, {
    onConnection: () => stopped.abort(),
    onError: (error) => assert.fail(String(error)),
    signal: stopped.signal,
  });
  assert.equal(listener.closed, 1);
});

Deno.test("a loop that is told to end before it begins closes its listener", async () => {
  const listener = new ScriptedListener([]);
  await acceptConnections(listener, {
    onConnection: () => assert.fail("nobody is accepted"),
    onError: (error) => assert.fail(String(error)),
    signal: AbortSignal.abort(),
    draining: AbortSignal.abort(),
  });
  assert.equal(listener.closed, 1);
});

function conn(hostname: string): Conn {
  return { remoteAddress: { transport: "tcp", hostname, port: 1 } } as Conn;
}
