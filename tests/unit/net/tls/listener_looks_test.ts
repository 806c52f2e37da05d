/** When a plain TLS listener with a replaced certificate closes, turn by turn; and the options of binds. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Credentials } from "../../../../src/net/tls/credentials.ts";
import { DenoTlsConn, TlsListener } from "../../../../src/net/tls/listener.ts";
import { ANYWHERE } from "../../../support/peers/accept_fixture.ts";
import { ScriptedDeno } from "./scripted_listen_tls.ts";

const OPTIONS = { credentials: { cert: "", key: "" } as Credentials, alpn: [] };
const SHARED = { reusePort: true };
const ALONE = { reusePort: false };
/** A check later than this, in milliseconds, does not count; and this many of them are too many. */
const LATE = 5;
const MOST_LATE_LOOKS = 100;

Deno.test("TlsListener closes a replaced listener a turn after a check that is in time", () => {
  using fixture = new Fixture();
  void fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [2, 1]);
  fixture.look(LATE);
  assert.deepEqual([fixture.deno.closed, fixture.looks, fixture.turns], [[], 0, 1]);
  fixture.turn();
  assert.deepEqual([fixture.deno.closed, fixture.looks, fixture.turns], [[4321], 0, 0]);
});

Deno.test("TlsListener ignores up to a hundred late checks", () => {
  using fixture = new Fixture();
  void fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  for (let late = 0; late < MOST_LATE_LOOKS; late++) {
    fixture.look(LATE + 0.5);
    assert.deepEqual([fixture.looks, fixture.turns], [1, 0], `the look after ${late}`);
  }
  fixture.look(LATE + 0.5);
  assert.deepEqual([fixture.looks, fixture.turns], [0, 1]);
  fixture.turn();
  assert.deepEqual(fixture.deno.closed, [4321]);
});

Deno.test("TlsListener has one check at a time, and starts none for a later accept", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.listener.replace(OPTIONS);
  // One at each of the two replaced listeners.
  assert.deepEqual([fixture.looks, fixture.begun], [2, 2]);
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  await first;
  void fixture.listener.accept();
  assert.deepEqual([fixture.looks, fixture.begun], [2, 3], "the first look is put off");
});

Deno.test("TlsListener learns nothing from a check without a pending accept", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  await first;
  fixture.look(0);
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks, fixture.turns], [2, 0, 0]);
  void fixture.listener.accept();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [3, 1]);
});

Deno.test("TlsListener accepts again on a replaced listener at the next check after a failure", async () => {
  using fixture = new Fixture();
  void fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.deno.accepts[0]!.reject(new Error("no descriptors"));
  await nextTurn();
  assert.equal(fixture.deno.accepts.length, 2);
  fixture.look(0);
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks, fixture.turns], [3, 1, 0]);
  // The same holds if it fails between a check and the turn after it.
  fixture.look(0);
  fixture.deno.accepts[2]!.reject(new Error("no descriptors"));
  await nextTurn();
  fixture.turn();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks, fixture.deno.closed], [4, 1, []]);
});

Deno.test("TlsListener does not accept in the turn after a check if no caller waits", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.look(0);
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  await first;
  fixture.turn();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks, fixture.deno.closed], [2, 0, []]);
});

Deno.test("TlsListener.close() ends all checks, and closes nothing twice", async () => {
  using fixture = new Fixture();
  void fixture.listener.accept().catch(() => {});
  fixture.listener.replace(OPTIONS);
  fixture.look(0);
  fixture.listener.replace(OPTIONS);
  assert.deepEqual([fixture.looks, fixture.turns], [2, 1]);
  fixture.listener.close();
  assert.deepEqual([fixture.looks, fixture.deno.closed], [0, [4321, 4322, 4323]]);
  fixture.turn();
  assert.deepEqual([fixture.looks, fixture.deno.closed], [0, [4321, 4322, 4323]]);
  fixture.listener.replace(OPTIONS);
  assert.equal(fixture.deno.calls.length, 3, "nor does it bind anything");
  await nextTurn();
});

Deno.test("TlsListener does not accept on a replaced listener after close()", async () => {
  using fixture = new Fixture();
  void fixture.listener.accept().catch(() => {});
  fixture.listener.replace(OPTIONS);
  fixture.look(0);
  fixture.listener.close();
  fixture.deno.accepts[0]!.reject(new Deno.errors.Interrupted("closed"));
  await nextTurn();
  fixture.turn();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [2, 0]);
});

Deno.test("TlsListener that is replaced without a pending accept begins to accept with the next one", () => {
  using fixture = new Fixture();
  fixture.listener.replace(OPTIONS);
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [0, 0]);
  void fixture.listener.accept();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [2, 1]);
});

Deno.test("TlsListener keeps a client, or the error of one, for the next accept", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.deno.resolve(fixture.deno.accepts[1]!);
  assert.ok(await first instanceof DenoTlsConn);
  const gone = new Deno.errors.NotConnected("gone");
  fixture.deno.accepts[0]!.reject(gone);
  await nextTurn();
  await assert.rejects(fixture.listener.accept(), gone);
  const next = fixture.listener.accept();
  const [, , retired, current] = fixture.deno.accepts;
  current!.reject(new Error("no descriptors"));
  await assert.rejects(next, { message: "no descriptors" });
  fixture.deno.resolve(retired!);
  await nextTurn();
  const { length } = fixture.deno.accepts;
  assert.ok(await fixture.listener.accept() instanceof DenoTlsConn);
  assert.equal(fixture.deno.accepts.length, length);
});

Deno.test("TlsListener.accept() rejects for a client that has disconnected, and the next accept continues", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.deno.accepts[0]!.reject(new Deno.errors.NotConnected("gone"));
  await assert.rejects(first, { name: "NotConnected" });
  const second = fixture.listener.accept();
  fixture.deno.resolve(fixture.deno.accepts[1]!);
  assert.ok(await second instanceof DenoTlsConn);
  assert.equal(fixture.deno.accepts.length, 2);
});

Deno.test("TlsListener accepts nothing new after close() while accepts are pending", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.listener.close();
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  assert.ok(await first instanceof DenoTlsConn);
  const second = fixture.listener.accept();
  assert.equal(fixture.deno.accepts.length, 2);
  fixture.deno.accepts[1]!.reject(new Deno.errors.Interrupted("closed"));
  await assert.rejects(second, { name: "Interrupted" });
});

Deno.test("TlsListener without shared addresses binds the last of several certificates, once", async () => {
  using fixture = new Fixture(ALONE);
  const first = fixture.listener.accept();
  fixture.listener.replace({ ...OPTIONS, alpn: ["a"] });
  fixture.listener.replace({ ...OPTIONS, alpn: ["b"] });
  assert.deepEqual(fixture.deno.closed, [4322, 4321, 4323]);
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  assert.ok(await first instanceof DenoTlsConn);
  await nextTurn();
  const bound = fixture.deno.calls.map((
    { port, alpnProtocols, reusePort },
  ) => [port, alpnProtocols, reusePort]);
  assert.deepEqual(bound, [
    [0, undefined, false],
    [0, ["a"], false],
    [0, ["b"], false],
    [4321, ["b"], false],
  ]);
  assert.equal(fixture.deno.accepts.length, 1, "no caller accepts yet");
  const second = fixture.listener.accept();
  fixture.deno.resolve(fixture.deno.accepts[1]!);
  assert.ok(await second instanceof DenoTlsConn);
  assert.equal(fixture.deno.calls.length, 4);
});

Deno.test("TlsListener without shared addresses binds nothing after close()", async () => {
  using fixture = new Fixture(ALONE);
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.listener.close();
  fixture.deno.accepts[0]!.reject(new Deno.errors.Interrupted("closed"));
  await assert.rejects(first, { name: "Interrupted" });
  await nextTurn();
  assert.equal(fixture.deno.calls.length, 2);
});

Deno.test("TlsListener.bind() first binds the port without TLS, unless it is 0 or shared", () => {
  using _deno = new ScriptedDeno();
  const probes: [unknown, boolean][] = [];
  const listen = mock.method(Deno, "listen", (options: unknown) => {
    const probe: [unknown, boolean] = [options, false];
    probes.push(probe);
    return { close: () => void (probe[1] = true) };
  });
  try {
    const address = { ...ANYWHERE, port: 1 };
    TlsListener.bind(ANYWHERE, OPTIONS);
    TlsListener.bind(address, OPTIONS, { shared: true });
    assert.deepEqual(probes, []);
    TlsListener.bind(address, OPTIONS);
    assert.deepEqual(probes, [[{ hostname: "127.0.0.1", port: 1 }, true]]);
    listen.mock.mockImplementation(() => {
      throw new Deno.errors.AddrInUse("in use");
    });
    assert.throws(() => TlsListener.bind(address, OPTIONS), { name: "ListenError", code: "address_in_use" });
  } finally {
    listen.mock.restore();
  }
});

/** A listener whose checks the test runs. */
class Fixture implements Disposable {
  readonly deno = new ScriptedDeno();
  readonly listener: TlsListener;
  /** The number of checks scheduled so far. */
  begun = 0;
  #now = 1000;
  readonly #looks = new Map<number, () => void>();
  #turns: (() => void)[] = [];
  readonly #clock = mock.method(performance, "now", () => this.#now);
  readonly #originals = [globalThis.setTimeout, globalThis.clearTimeout, globalThis.setImmediate] as const;

  constructor(how: { reusePort: boolean } = SHARED) {
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      assert.equal(delay, 0);
      this.#looks.set(++this.begun, callback);
      return this.begun;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((id: number) => void this.#looks.delete(id)) as unknown as typeof clearTimeout;
    globalThis.setImmediate =
      ((callback: () => void) => void this.#turns.push(callback)) as unknown as typeof setImmediate;
    this.listener = TlsListener.bind(ANYWHERE, OPTIONS, how);
  }

  /** The number of pending checks. */
  get looks(): number {
    return this.#looks.size;
  }

  get turns(): number {
    return this.#turns.length;
  }

  /** Runs all checks, this many milliseconds after they were scheduled. */
  look(after: number): void {
    this.#now += after;
    const callbacks = [...this.#looks.values()];
    this.#looks.clear();
    for (const callback of callbacks) callback();
  }

  /** Runs the work of the turn after a check. */
  turn(): void {
    const callbacks = this.#turns;
    this.#turns = [];
    for (const callback of callbacks) callback();
  }

  [Symbol.dispose](): void {
    [globalThis.setTimeout, globalThis.clearTimeout, globalThis.setImmediate] = this.#originals;
    this.#clock.mock.restore();
    this.deno[Symbol.dispose]();
  }
}
