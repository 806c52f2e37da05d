/** When a plain TLS listener whose certificate was replaced is closed, turn by turn; and what is bound with what. */

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
/** A look that comes later than this, in milliseconds, tells nothing; and so many of these are too many. */
const LATE = 5;
const MOST_LATE_LOOKS = 100;

Deno.test("a replaced listener is closed a turn after a look that comes in time", () => {
  using fixture = new Fixture();
  void fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [2, 1]);
  fixture.look(LATE);
  assert.deepEqual([fixture.deno.closed, fixture.looks, fixture.turns], [[], 0, 1]);
  fixture.turn();
  assert.deepEqual([fixture.deno.closed, fixture.looks, fixture.turns], [[4321], 0, 0]);
});

Deno.test("a look that comes late is one of a hundred that tell nothing", () => {
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

Deno.test("there is one look at a time, and a later accept that waits for it as well begins none", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.listener.replace(OPTIONS);
  // At each of the two that were replaced.
  assert.deepEqual([fixture.looks, fixture.begun], [2, 2]);
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  await first;
  void fixture.listener.accept();
  assert.deepEqual([fixture.looks, fixture.begun], [2, 3], "the first look is put off");
});

Deno.test("a look finds nothing out while nobody accepts", async () => {
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

Deno.test("a replaced listener whose accept failed is asked again by the next look", async () => {
  using fixture = new Fixture();
  void fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.deno.accepts[0]!.reject(new Error("no descriptors"));
  await nextTurn();
  assert.equal(fixture.deno.accepts.length, 2);
  fixture.look(0);
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks, fixture.turns], [3, 1, 0]);
  // And so it is where it fails between a look and the turn after it.
  fixture.look(0);
  fixture.deno.accepts[2]!.reject(new Error("no descriptors"));
  await nextTurn();
  fixture.turn();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks, fixture.deno.closed], [4, 1, []]);
});

Deno.test("in the turn after a look nobody accepts for nobody", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.look(0);
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  await first;
  fixture.turn();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks, fixture.deno.closed], [2, 0, []]);
});

Deno.test("a listener that is closed looks at nothing more, and closes nothing twice", async () => {
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
  assert.equal(fixture.deno.asked.length, 3, "nor does it bind anything");
  await nextTurn();
});

Deno.test("a replaced listener is not asked again once all are closed", async () => {
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

Deno.test("a listener that is replaced while nobody accepts begins to accept when somebody does", () => {
  using fixture = new Fixture();
  fixture.listener.replace(OPTIONS);
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [0, 0]);
  void fixture.listener.accept();
  assert.deepEqual([fixture.deno.accepts.length, fixture.looks], [2, 1]);
});

Deno.test("a client that came for nobody is kept for the next accept, and so is one that has gone", async () => {
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

Deno.test("an accept rejects when its client has gone, and the next one goes on", async () => {
  using fixture = new Fixture();
  const first = fixture.listener.accept();
  fixture.deno.accepts[0]!.reject(new Deno.errors.NotConnected("gone"));
  await assert.rejects(first, { name: "NotConnected" });
  const second = fixture.listener.accept();
  fixture.deno.resolve(fixture.deno.accepts[1]!);
  assert.ok(await second instanceof DenoTlsConn);
  assert.equal(fixture.deno.accepts.length, 2);
});

Deno.test("a closed listener accepts nothing new while accepts are under way", async () => {
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

Deno.test("where no address can be shared, the last of several certificates is bound, once", async () => {
  using fixture = new Fixture(ALONE);
  const first = fixture.listener.accept();
  fixture.listener.replace({ ...OPTIONS, alpn: ["a"] });
  fixture.listener.replace({ ...OPTIONS, alpn: ["b"] });
  assert.deepEqual(fixture.deno.closed, [4322, 4321, 4323]);
  fixture.deno.resolve(fixture.deno.accepts[0]!);
  assert.ok(await first instanceof DenoTlsConn);
  await nextTurn();
  const bound = fixture.deno.asked.map((
    { port, alpnProtocols, reusePort },
  ) => [port, alpnProtocols, reusePort]);
  assert.deepEqual(bound, [
    [0, undefined, false],
    [0, ["a"], false],
    [0, ["b"], false],
    [4321, ["b"], false],
  ]);
  assert.equal(fixture.deno.accepts.length, 1, "nobody accepts yet");
  const second = fixture.listener.accept();
  fixture.deno.resolve(fixture.deno.accepts[1]!);
  assert.ok(await second instanceof DenoTlsConn);
  assert.equal(fixture.deno.asked.length, 4);
});

Deno.test("where no address can be shared, nothing is bound for a listener that was closed", async () => {
  using fixture = new Fixture(ALONE);
  const first = fixture.listener.accept();
  fixture.listener.replace(OPTIONS);
  fixture.listener.close();
  fixture.deno.accepts[0]!.reject(new Deno.errors.Interrupted("closed"));
  await assert.rejects(first, { name: "Interrupted" });
  await nextTurn();
  assert.equal(fixture.deno.asked.length, 2);
});

Deno.test("a port is bound plainly first, unless it is any, or shared", () => {
  using _deno = new ScriptedDeno();
  const probes: [unknown, boolean][] = [];
  const listen = mock.method(Deno, "listen", (asked: unknown) => {
    const probe: [unknown, boolean] = [asked, false];
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

/** A listener whose looks come when the test says so. */
class Fixture implements Disposable {
  readonly deno = new ScriptedDeno();
  readonly listener: TlsListener;
  /** How many looks there were to be so far. */
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

  /** How many are to come. */
  get looks(): number {
    return this.#looks.size;
  }

  get turns(): number {
    return this.#turns.length;
  }

  /** All looks come, so many milliseconds after they were asked for. */
  look(after: number): void {
    this.#now += after;
    const callbacks = [...this.#looks.values()];
    this.#looks.clear();
    for (const callback of callbacks) callback();
  }

  /** What is to be done in the turn after a look. */
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
