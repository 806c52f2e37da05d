/** Listeners of a thread from one plan to the next, with real sockets, and services that send their names. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import type { TcpAddress } from "../../../src/net/address.ts";
import { type Conn, writeAll } from "../../../src/net/socket/conn.ts";
import { canShare, reserve } from "../../../src/net/socket/reserve.ts";
import type { TlsListenOptions } from "../../../src/net/tls/listener.ts";
import { type BindPlan, Listeners } from "../../../src/proxy/listeners.ts";
import type { Service } from "../../../src/proxy/service.ts";
import { connect, endOf, readText } from "../../support/peers/sockets.ts";
import { ANYWHERE } from "../../support/peers/accept_fixture.ts";

Deno.test("Listeners.prepare() binds, and accepts no client before commit()", async () => {
  await using fixture = new Fixture();
  const { listeners } = fixture;
  const service = fixture.service("a");
  const [port] = await fixture.prepare(planAt(ANYWHERE));
  using early = await connect(port!);
  await turn();
  assert.equal(service.clients, 0);
  await fixture.commit(service);
  assert.equal(await readText(early, 1), "a");
  await listeners.drain();
  assert.equal(await refuses(port!), true);
});

Deno.test("Listeners.commit() keeps a listener that stays, and gives its clients to the new service", async () => {
  await using fixture = new Fixture();
  const [before, after] = [fixture.service("a"), fixture.service("b")];
  const [port] = await fixture.prepare(planAt(ANYWHERE));
  await fixture.commit(before);
  using old = await connect(port!);
  assert.equal(await readText(old, 1), "a");
  before.isHeld = true;
  using held = await connect(port!);
  assert.equal(await readText(held, 1), "a");
  // It is not shared: binding it once more would be refused.
  assert.deepEqual(await fixture.prepare(planAt(addressAt(port!))), [port]);
  using waiting = await connect(port!);
  await fixture.commit(after);
  before.release();
  assert.equal(await readText(waiting, 1), "b", "a client that waited was accepted after the change");
  assert.deepEqual([before.clients, after.clients], [2, 1]);
});

Deno.test("Listeners.prepare() binds free ports last, and returns the addresses in the order of the plans", async () => {
  await using fixture = new Fixture();
  const given = await freePort();
  const listen = mock.method(Deno, "listen");
  const ports = await fixture.prepare(planAt(ANYWHERE), planAt(addressAt(given)), planAt(ANYWHERE));
  const asked = listen.mock.calls.map(({ arguments: [options] }) => (options as { port: number }).port);
  mock.restoreAll();
  assert.deepEqual(asked, [given, 0, 0]);
  assert.equal(ports[1], given);
  assert.equal(new Set(ports).size, 3);
});

Deno.test("Listeners.prepare() releases all new addresses if one cannot be bound, and keeps the old ones", async () => {
  await using fixture = new Fixture();
  const service = fixture.service("a");
  const [port] = await fixture.prepare(planAt(ANYWHERE));
  await fixture.commit(service);
  const [free, taken] = [await freePort(), Deno.listen({ hostname: "127.0.0.1", port: 0 })];
  const plans = [port!, free, taken.addr.port].map((each) => planAt(addressAt(each)));
  await assert.rejects(fixture.prepare(...plans), { name: "ListenError", code: "address_in_use" });
  taken.close();
  assert.equal(await refuses(free), true);
  using client = await connect(port!);
  assert.equal(await readText(client, 1), "a");
});

Deno.test("Listeners.discard() closes prepared listeners", async () => {
  await using fixture = new Fixture();
  const service = fixture.service("a");
  const [port] = await fixture.prepare(planAt(ANYWHERE));
  await fixture.commit(service);
  const [same, added] = await fixture.prepare(planAt(addressAt(port!)), planAt(ANYWHERE));
  assert.equal(same, port);
  await fixture.listeners.discard();
  await fixture.listeners.discard();
  assert.equal(await refuses(added!), true);
  using client = await connect(port!);
  assert.equal(await readText(client, 1), "a");
});

Deno.test("Listeners.commit() drains a removed listener, then closes it, and keeps the others", async () => {
  await using fixture = new Fixture();
  const [a, b] = [fixture.service("a"), fixture.service("b")];
  const [leaving, staying] = await fixture.prepare(planAt(ANYWHERE), planAt(ANYWHERE));
  await fixture.commit(a, b);
  a.isHeld = true;
  using first = await connect(leaving!);
  assert.equal(await readText(first, 1), "a");
  // They wait in the kernel's queue.
  const waiting = await Promise.all([1, 2, 3].map(() => connect(leaving!)));
  await fixture.prepare(planAt(addressAt(staying!)));
  let isClosed = false;
  const closed = fixture.commit(b).then(() => isClosed = true);
  await turn();
  assert.equal(isClosed, false);
  a.isHeld = false;
  a.release();
  for (const client of waiting) {
    using conn = client;
    assert.equal(await readText(conn, 1), "a");
  }
  await closed;
  assert.equal(await refuses(leaving!), true);
  using other = await connect(staying!);
  assert.equal(await readText(other, 1), "b");
});

Deno.test("Listeners.close() ends the drain of a removed listener whose client waits for a slot", async () => {
  await using fixture = new Fixture();
  const service = fixture.service("a");
  const [port] = await fixture.prepare(planAt(ANYWHERE));
  await fixture.commit(service);
  service.isHeld = true;
  using client = await connect(port!);
  assert.equal(await readText(client, 1), "a");
  await fixture.prepare();
  const closed = fixture.commit();
  await fixture.listeners.close();
  await closed;
  assert.equal(await refuses(port!), true);
  service.release();
});

Deno.test({
  name: "Listeners can change the adapter of an address if listeners share it",
  ignore: !canShare(),
  fn: async () => {
    await using fixture = new Fixture();
    const [before, after] = [fixture.service("a"), fixture.service("b")];
    using reservation = await reserve(ANYWHERE);
    const plan = { ...planAt(reservation.address), shared: true };
    await fixture.prepare(plan);
    reservation.release();
    await fixture.commit(before);
    const { port } = reservation.address;
    using old = await connect(port);
    assert.equal(await readText(old, 1), "a");
    await fixture.prepare({ ...plan, adapter: "node" });
    await fixture.commit(after);
    using next = await connect(port);
    assert.equal(await readText(next, 1), "b");
  },
});

Deno.test("Listeners replaces a listener that terminates TLS only for another certificate", async () => {
  using scripted = new ScriptedTls();
  await using fixture = new Fixture();
  const { listeners } = fixture;
  const [service, other] = [fixture.service("a"), fixture.service("b")];
  const planned = (tls: TlsListenOptions) => ({ ...planAt(addressAt(4321)), tls, shared: true });
  await fixture.prepare(planned(tlsWith("first")));
  await fixture.commit(service);
  assert.deepEqual(scripted.bound, ["first"]);
  assert.equal(listeners.updateTls(service.asService, tlsWith("first")), true);
  listeners.updateTls(other.asService, tlsWith("not its own"));
  assert.equal(listeners.updateTls(service.asService, undefined), true);
  assert.deepEqual(scripted.bound, ["first"]);
  assert.equal(listeners.updateTls(service.asService, tlsWith("second")), true);
  listeners.updateTls(service.asService, tlsWith("second", ["h2"]));
  assert.deepEqual(scripted.bound, ["first", "second", "second"]);
  await fixture.prepare(planned(tlsWith("second", ["h2"])));
  await fixture.commit(service);
  assert.equal(scripted.bound.length, 3);
  await fixture.prepare(planned(tlsWith("third")));
  await fixture.commit(service);
  assert.deepEqual(scripted.bound.slice(3), ["third"]);
});

Deno.test("Listeners.updateTls() returns false when a listener keeps its certificate, and tries again the next time", async () => {
  using scripted = new ScriptedTls();
  await using fixture = new Fixture();
  const service = fixture.service("a");
  const plan = { ...planAt(addressAt(4321)), tls: tlsWith("first"), shared: true };
  await fixture.prepare(plan, { ...plan, address: addressAt(4322) });
  await fixture.commit(service, service);
  scripted.shortOf = 4321;
  assert.equal(fixture.listeners.updateTls(service.asService, tlsWith("second")), false);
  assert.deepEqual(service.kept, ["127.0.0.1:4321: Error: Too many open files"]);
  assert.deepEqual(scripted.bound, ["first", "first", "second"]);
  scripted.shortOf = undefined;
  assert.equal(fixture.listeners.updateTls(service.asService, tlsWith("second")), true);
  assert.deepEqual(scripted.bound, ["first", "first", "second", "second"]);
});

class Fixture implements AsyncDisposable {
  readonly listeners = new Listeners(() => Promise.resolve(-1));
  readonly #services: TestClients[] = [];

  service(name: string): TestClients {
    const service = new TestClients(name);
    this.#services.push(service);
    return service;
  }

  /** The ports. */
  async prepare(...plans: BindPlan[]): Promise<number[]> {
    const addresses = await this.listeners.prepare(plans);
    return addresses.map((address) => (address as TcpAddress).port);
  }

  commit(...services: TestClients[]): Promise<void> {
    return this.listeners.commit(services.map(({ asService }) => asService));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listeners.close();
    for (const service of this.#services) service[Symbol.dispose]();
  }
}

/** The part of a service that listeners use: sends each client its name. */
class TestClients implements Disposable {
  readonly #name: string;
  readonly #conns: Conn[] = [];
  #held = Promise.withResolvers<void>();
  /** If set, no other client may be accepted after one until it is released. */
  isHeld = false;

  constructor(name: string) {
    this.#name = name;
  }

  get clients(): number {
    return this.#conns.length;
  }

  get asService(): Service {
    return this as unknown as Service;
  }

  readonly handle = (client: Conn): Promise<void> | undefined => {
    this.#conns.push(client);
    writeAll(client, new TextEncoder().encode(this.#name)).catch(() => {/* it is gone */});
    return this.isHeld ? this.#held.promise : undefined;
  };

  /** Listeners that could not be changed, with the errors. */
  readonly kept: string[] = [];

  listenerKept(listen: string, error: unknown): void {
    this.kept.push(`${listen}: ${error}`);
  }

  acceptFailed(listen: string, error: unknown): void {
    assert.fail(`${listen}: ${error}`);
  }

  release(): void {
    this.#held.resolve();
  }

  [Symbol.dispose](): void {
    for (const conn of this.#conns) conn.close();
  }
}

/** Replaces Deno.listenTls; no client ever connects. */
class ScriptedTls implements Disposable {
  /** The certificates of all binds so far. */
  readonly bound: string[] = [];
  /** The port for which no descriptor is left. */
  shortOf: number | undefined;

  constructor() {
    mock.method(Deno, "listenTls", ({ cert, port }: { cert: string; port: number }) => {
      if (port === this.shortOf) throw new Error("Too many open files");
      this.bound.push(cert);
      const accepting = Promise.withResolvers<Deno.TlsConn>();
      return {
        addr: { transport: "tcp", hostname: "127.0.0.1", port },
        accept: () => accepting.promise,
        close: () => accepting.reject(new Deno.errors.BadResource("closed")),
      };
    });
  }

  [Symbol.dispose](): void {
    mock.restoreAll();
  }
}

function tlsWith(cert: string, alpn: readonly string[] = []): TlsListenOptions {
  return { credentials: { cert, key: "", names: [] }, alpn };
}

function planAt(address: TcpAddress): BindPlan {
  return { address, adapter: "deno", tls: undefined, unixMode: undefined, shared: false };
}

function addressAt(port: number): TcpAddress {
  return { ...ANYWHERE, port };
}

async function freePort(): Promise<number> {
  using reservation = await reserve(ANYWHERE);
  return reservation.address.port;
}

/** Whether no program listens there. */
async function refuses(port: number): Promise<boolean> {
  try {
    using client = await connect(port);
    await endOf(client);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return true;
    throw error;
  }
}

/** Runs everything that is due. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
