import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import fc from "fast-check";
import type { Adapter, Conn } from "../../../../src/net/socket/conn.ts";
import { dial } from "../../../../src/net/socket/dial.ts";
import { proxyErrorOf } from "../../../../src/net/errors.ts";
import { connectFirst, interleaved } from "../../../../src/net/socket/happy_eyeballs.ts";
import { NameLookup } from "../../../../src/net/socket/lookup.ts";
import { socketDescriptors } from "../../../support/peers/socket_descriptors.ts";

const ADAPTERS: Adapter[] = ["deno", "node"];

Deno.test("interleaved() alternates families, beginning with the preferred one", () => {
  assert.deepEqual(interleaved(["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]), [
    "::1",
    "10.0.0.1",
    "::2",
    "10.0.0.2",
    "::3",
  ]);
  assert.deepEqual(interleaved(["10.0.0.1", "10.0.0.2", "::1"]), ["10.0.0.1", "::1", "10.0.0.2"]);
  assert.deepEqual(interleaved(["10.0.0.1"]), ["10.0.0.1"]);
});

Deno.test("interleaved() keeps every address, and the order within a family", () => {
  fc.assert(fc.property(fc.uniqueArray(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1 }), (addresses) => {
    const order = interleaved(addresses);
    for (const isV6 of [true, false]) {
      const ofFamily = (address: string) => address.includes(":") === isV6;
      assert.deepEqual(order.filter(ofFamily), addresses.filter(ofFamily));
    }
    assert.equal(order[0], addresses[0]);
  }));
});

Deno.test("connectFirst() begins the next attempt after 250 ms, and the first to connect wins", async () => {
  const race = new Race(["::1", "10.0.0.1", "::2"]);
  assert.deepEqual(race.begun, ["::1"]);
  await race.passDelay();
  assert.deepEqual(race.begun, ["::1", "10.0.0.1"]);
  assert.deepEqual(race.delays, [250, 250]);

  const conn = race.connect("10.0.0.1");
  assert.equal(await race.result, conn);
  assert.equal(conn.isDisposed, false);
  assert.ok(race.isCancelled("::1"));
  assert.deepEqual(race.begun, ["::1", "10.0.0.1"]);
});

Deno.test("connectFirst() begins the next attempt at once when one fails, whichever it is", async () => {
  const race = new Race(["::1", "10.0.0.1", "::2", "10.0.0.2"]);
  await race.fail("::1", new Deno.errors.ConnectionRefused());
  assert.deepEqual(race.begun, ["::1", "10.0.0.1"]);
  await race.passDelay();
  assert.deepEqual(race.begun, ["::1", "10.0.0.1", "::2"]);
  await race.fail("10.0.0.1", new Deno.errors.ConnectionRefused());
  assert.deepEqual(race.begun, ["::1", "10.0.0.1", "::2", "10.0.0.2"]);
  // An attempt that began early may still win.
  const conn = race.connect("::2");
  assert.equal(await race.result, conn);
  assert.ok(race.isCancelled("10.0.0.2"));
});

Deno.test("connectFirst() lets attempts take their time once all have begun", async () => {
  const race = new Race(["::1", "10.0.0.1"]);
  await race.passDelay();
  await race.passDelay();
  await race.fail("10.0.0.1", new Deno.errors.ConnectionRefused());
  const conn = race.connect("::1");
  assert.equal(await race.result, conn);
});

Deno.test("connectFirst() disposes of what connects after the race is over", async () => {
  const race = new Race(["::1", "10.0.0.1"]);
  await race.passDelay();
  const winner = race.connect("::1");
  const late = race.connect("10.0.0.1");
  assert.equal(await race.result, winner);
  await turn();
  assert.deepEqual([winner.isDisposed, late.isDisposed], [false, true]);
});

Deno.test("connectFirst() throws the reason of its signal at once, and cancels every attempt", async () => {
  const race = new Race(["::1", "10.0.0.1", "::2"]);
  await race.passDelay();
  const reason = new Error("too long");
  race.abort(reason);
  await assert.rejects(race.result, reason);
  assert.ok(race.isCancelled("::1"));
  assert.ok(race.isCancelled("10.0.0.1"));
  // An attempt that ignores its signal is disposed of all the same.
  const late = race.connect("::1");
  await turn();
  assert.ok(late.isDisposed);
  assert.deepEqual(race.begun, ["::1", "10.0.0.1"]);

  const before = new Race(["::1", "10.0.0.1"], AbortSignal.abort(reason));
  await assert.rejects(before.result, reason);
  assert.deepEqual(before.begun, []);
});

Deno.test("connectFirst() leaves no listener on its signal and no delay, however it ends", async () => {
  for (const end of ["connects", "fails", "aborts"]) {
    const stop = new AbortController();
    const race = new Race(["::1"], stop.signal);
    assert.equal(getEventListeners(stop.signal, "abort").length, 1);
    if (end === "connects") race.connect("::1");
    else if (end === "fails") await race.fail("::1", new Deno.errors.ConnectionRefused());
    else stop.abort(new Error("too long"));
    await race.result.catch(() => {});
    assert.equal(getEventListeners(stop.signal, "abort").length, 0, end);
    assert.equal(race.waits.at(-1)!.aborted, true, end);
  }
});

Deno.test("connectFirst() throws the most informative failure", async () => {
  const refused = new Deno.errors.ConnectionRefused();
  const again = new Deno.errors.ConnectionRefused();
  const noNetwork = new Deno.errors.NetworkUnreachable();
  const notAvailable = new Deno.errors.AddrNotAvailable();
  const noFamily = Object.assign(new Error("Address family not supported"), { code: "EAFNOSUPPORT" });
  const shortage = Object.assign(new Error("Too many open files"), { code: "EMFILE" });
  const cases: [failures: Record<string, Error>, thrown: Error, code: string][] = [
    [{ "::1": refused, "10.0.0.1": again }, refused, "connection_refused"],
    [{ "::1": noNetwork, "10.0.0.1": refused }, refused, "connection_refused"],
    [{ "::1": notAvailable, "10.0.0.1": refused }, refused, "connection_refused"],
    [{ "::1": noFamily, "10.0.0.1": refused }, refused, "connection_refused"],
    // A shortage of ports, which does not depend on the family.
    [{ "10.0.0.1": notAvailable, "10.0.0.2": refused }, notAvailable, "address_not_available"],
    [{ "::1": refused, "10.0.0.1": shortage }, shortage, "too_many_open_files"],
    [{ "::1": shortage, "10.0.0.1": refused }, shortage, "too_many_open_files"],
    [{ "::1": notAvailable, "::2": noNetwork }, notAvailable, "address_not_available"],
    [{ "::1": noNetwork, "::2": notAvailable }, noNetwork, "network_unreachable"],
  ];
  for (const [failures, thrown, code] of cases) {
    const race = new Race(Object.keys(failures));
    for (const [address, failure] of Object.entries(failures)) await race.fail(address, failure);
    await assert.rejects(race.result, (error) => error === thrown);
    assert.equal(proxyErrorOf(thrown, "upstream").code, code);
  }
});

for (const adapter of ADAPTERS) {
  Deno.test(`dial() goes on to 127.0.0.1 when [::1] refuses, with the ${adapter} adapter`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const names = new NameLookup({ find: () => Promise.resolve(["::1", "127.0.0.1"]) });
    const address = { transport: "tcp", hostname: "db.test", port: listener.addr.port } as const;
    using conn = await dial(address, { adapter, names, signal: new AbortController().signal });
    assert.deepEqual(conn.remoteAddress, { ...address, hostname: "127.0.0.1" });
    (await listener.accept()).close();
  });

  Deno.test(`dial() reports what refused when every address does, with the ${adapter} adapter`, async () => {
    const names = new NameLookup({ find: () => Promise.resolve(["127.0.0.1", "127.0.0.2"]) });
    const address = { transport: "tcp", hostname: "db.test", port: closedPort() } as const;
    const dialled = dial(address, { adapter, names, signal: new AbortController().signal });
    await assert.rejects(dialled, { name: "ProxyError", code: "connection_refused", side: "upstream" });
  });

  Deno.test({
    name: `dial() leaves no descriptor behind of an attempt that hangs, with the ${adapter} adapter`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      using hung = await hungListener();
      using listener = Deno.listen({ hostname: "127.0.0.2", port: hung.port });
      const names = new NameLookup({ find: () => Promise.resolve(["127.0.0.1", "127.0.0.2"]) });
      const address = { transport: "tcp", hostname: "db.test", port: hung.port } as const;
      const before = socketDescriptors(hung.port);
      for (let round = 0; round < 3; round++) {
        using conn = await dial(address, { adapter, names, signal: new AbortController().signal });
        assert.deepEqual(conn.remoteAddress, { ...address, hostname: "127.0.0.2" });
        (await listener.accept()).close();
      }
      await until(() => socketDescriptors(hung.port) === before);
    },
  });

  Deno.test({
    name: `dial() ends with its signal while every attempt hangs, with the ${adapter} adapter`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      using hung = await hungListener();
      const names = new NameLookup({
        find: () => Promise.resolve(["127.0.0.1", "::ffff:127.0.0.1"]),
      });
      const address = { transport: "tcp", hostname: "db.test", port: hung.port } as const;
      const before = socketDescriptors(hung.port);
      const stop = new AbortController();
      const dialled: Promise<Conn> = dial(address, { adapter, names, signal: stop.signal });
      // An attempt has begun when there is one more descriptor.
      await until(() => socketDescriptors(hung.port) > before);
      const reason = proxyErrorOf(new Deno.errors.TimedOut("deadline"), "upstream");
      stop.abort(reason);
      await assert.rejects(dialled, reason);
      await until(() => socketDescriptors(hung.port) === before);
    },
  });
}

class FakeConn implements Disposable {
  isDisposed = false;

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}

/** A race in which the test ends attempts and delays. */
class Race {
  readonly result: Promise<FakeConn>;
  readonly delays: number[] = [];
  /** The functions that end the delays. */
  readonly waits: AbortSignal[] = [];
  readonly #attempts = new Map<string, { ended: PromiseWithResolvers<FakeConn>; signal: AbortSignal }>();
  readonly #stop = new AbortController();
  #passDelay = () => {};

  constructor(addresses: string[], signal = this.#stop.signal) {
    this.result = connectFirst(addresses, {
      connect: (address, signal) => {
        const ended = Promise.withResolvers<FakeConn>();
        this.#attempts.set(address, { ended, signal });
        return ended.promise;
      },
      signal,
      wait: (milliseconds, signal) => {
        this.delays.push(milliseconds);
        this.waits.push(signal);
        return new Promise((resolve) => {
          this.#passDelay = resolve;
          signal.addEventListener("abort", () => resolve());
        });
      },
    });
    // Whether it rejects is asserted later.
    this.result.catch(() => {});
  }

  get begun(): string[] {
    return [...this.#attempts.keys()];
  }

  async passDelay(): Promise<void> {
    this.#passDelay();
    await turn();
  }

  connect(address: string): FakeConn {
    const conn = new FakeConn();
    this.#attempts.get(address)!.ended.resolve(conn);
    return conn;
  }

  async fail(address: string, error: Error): Promise<void> {
    this.#attempts.get(address)!.ended.reject(error);
    await turn();
  }

  isCancelled(address: string): boolean {
    return this.#attempts.get(address)!.signal.aborted;
  }

  abort(reason: Error): void {
    this.#stop.abort(reason);
  }
}

/** Afterwards, everything that waits for nothing has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Waits, turn by turn, for a condition; throws if it never becomes true. */
async function until(isCase: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!isCase()) {
    assert.ok(performance.now() < deadline, `never: ${isCase}`);
    await turn();
  }
}

function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A listener on 127.0.0.1 whose queue is full: a further connection is neither accepted nor refused. */
async function hungListener(): Promise<Disposable & { readonly port: number }> {
  const stack = new DisposableStack();
  const listener = stack.use(Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 }));
  const { port } = listener.addr;
  // The kernel takes one more than the backlog.
  for (let count = 0; count < 2; count++) {
    stack.use(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  return { port, [Symbol.dispose]: () => stack.dispose() };
}
