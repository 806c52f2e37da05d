/** The accounting of `max_connections` with pools, under random events in any order. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import type { PoolConfig } from "../../../src/config/config.ts";
import type { Address } from "../../../src/net/address.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { Connector } from "../../../src/upstream/connector.ts";
import type { Lease } from "../../../src/upstream/endpoint.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { GroupThreads } from "./group_threads.ts";
import { endpointsAt } from "../../support/fakes/upstream_parts.ts";

interface Run {
  readonly mode: PoolConfig["mode"];
  readonly limit: number;
  readonly maxIdle: number;
  /** The number of services and threads. */
  readonly services: number;
  readonly threads: number;
  readonly steps: readonly Step[];
}

/** `message`: one message between the threads arrives. */
type Step = readonly [
  what: "come" | "leave" | "finish" | "dialled" | "refused" | "lost" | "message",
  which: number,
];

const runs = (threads: number): fc.Arbitrary<Run> =>
  fc.record({
    threads: fc.constant(threads),
    mode: fc.constantFrom("warm", "reuse"),
    limit: fc.integer({ min: 1, max: 4 }),
    maxIdle: fc.integer({ min: 1, max: 5 }),
    services: fc.integer({ min: 1, max: 3 }),
    steps: fc.array(
      fc.tuple(
        fc.constantFrom(
          "come",
          "come",
          "leave",
          "finish",
          "dialled",
          "dialled",
          "refused",
          "lost",
          "message",
          "message",
        ),
        fc.nat(10),
      ),
      { maxLength: 60 },
    ),
  });

for (const threads of [1, 2]) {
  const inThreads = threads === 1 ? "" : `, in ${threads} threads`;
  Deno.test(`an endpoint never has more connections than max_connections, and no client is refused in vain${inThreads}`, async () => {
    await fc.assert(
      fc.asyncProperty(runs(threads), async ({ steps, ...options }) => {
        await using world = new World(options);
        for (const step of steps) {
          await world.take(step);
          assert.equal(world.active, world.clients);
        }
        await world.acceptAll();
      }),
      { numRuns: 1000 },
    );
  });
}

/** An upstream and its services, which follow the steps. */
class World implements AsyncDisposable {
  readonly #group: GroupThreads;
  readonly #limit: number;
  readonly #connectors: readonly Connector[];
  #dials: PromiseWithResolvers<FakeConn>[] = [];
  #conns: FakeConn[] = [];
  #nextPort = 1;
  #connecting = 0;
  #leases: Lease[] = [];

  constructor({ mode, limit, maxIdle, services, threads }: Omit<Run, "steps">) {
    this.#limit = limit;
    this.#group = new GroupThreads(threads, {
      endpoints: endpointsAt(1, limit),
      retry: { attempts: 1, timeout: 0 },
      pool: { mode, maxIdle, maxIdleTime: 1_000_000, quiet: 1, maxUses: 3 },
    });
    const leg = { adapter: "deno", connectTimeout: 0, nodelay: false, keepalive: false } as const;
    const more = { sourceAddress: undefined, tls: undefined, hasPreface: false, dial: () => this.#dial() };
    this.#connectors = Array.from(
      { length: services * threads },
      (_, index) => new Connector(this.#group.groups[index % threads]!, { ...leg, ...more }),
    );
    for (const connector of this.#connectors) connector.start();
  }

  /** Clients that any thread counts. */
  get active(): number {
    return this.#group.controller.endpoints[0]!.figures().active;
  }

  /** Clients that were connected and have not left. */
  get clients(): number {
    return this.#connecting + this.#leases.length;
  }

  async take([what, which]: Step): Promise<void> {
    switch (what) {
      case "come":
        await this.#come(this.#connectors[which % this.#connectors.length]!);
        break;
      case "leave":
        removed(this.#leases, which)?.[Symbol.dispose]();
        break;
      case "finish":
        await this.#finish(removed(this.#leases, which));
        break;
      case "dialled":
        this.#connected(removed(this.#dials, which));
        break;
      case "refused":
        removed(this.#dials, which)?.reject(new ProxyError("connection_refused", "upstream"));
        break;
      case "lost":
        this.#conns[which]?.arrive("end");
        break;
      case "message":
        this.#group.post.deliver(which);
    }
    await settled();
  }

  /** From now on, dials and messages end at once. */
  async acceptAll(): Promise<void> {
    let rounds = 0;
    while (this.#dials.length > 0 || this.#group.post.deliverAll() > 0) {
      for (const dial of this.#dials.splice(0)) this.#connected(dial);
      await settled();
      rounds += 1;
      assert.ok(rounds < 1000, "connections are opened and closed in a circle");
    }
    assert.equal(this.#connecting, 0, "a client waits forever");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lease of this.#leases) lease[Symbol.dispose]();
    const stopping = this.#connectors.map((connector) => connector.stop(new ProxyError("shutdown", "proxy")));
    for (const dial of this.#dials) dial.reject(new ProxyError("shutdown", "proxy"));
    await Promise.all(stopping);
    await settled();
    assert.equal(this.active, 0);
    assert.ok(this.#conns.every(({ isClosed }) => isClosed));
    await this.#group[Symbol.asyncDispose]();
  }

  async #come(connector: Connector): Promise<void> {
    const isFull = this.clients === this.#limit;
    this.#connecting += 1;
    const connecting = connector.connect({ sourceAddress: "192.0.2.9" }, { endpoint: "", attempts: 0 });
    const entered = connecting.then((lease) => void this.#leases.push(lease), (error) => {
      const reason = isFull ? "endpoints_full" : "connection_refused";
      if (error.code !== "shutdown") assert.equal(error.code, reason);
    }).finally(() => this.#connecting -= 1);
    if (isFull) await entered;
  }

  /** A request, an answer and the client's end: the connection is free for another where it can be. */
  async #finish(lease: Lease | undefined): Promise<void> {
    if (lease === undefined) return;
    using _lease = lease;
    const { conn } = lease;
    const buffer = new Uint8Array(64);
    try {
      await conn.write(buffer);
      const reading = conn.read(buffer);
      this.#conns.find(({ localAddress }) => localAddress === conn.localAddress)!.arrive("answer");
      if (await reading === null) return;
    } catch {
      // It was lost before.
      return;
    }
    const end = conn.read(buffer).catch(() => {});
    await conn.closeWrite();
    lease[Symbol.dispose]();
    await end;
  }

  #dial(): Promise<FakeConn> {
    const dial = Promise.withResolvers<FakeConn>();
    this.#dials.push(dial);
    this.#check();
    return dial.promise;
  }

  #connected(dial: PromiseWithResolvers<FakeConn> | undefined): void {
    if (dial === undefined) return;
    const conn = new NumberedConn(this.#nextPort++);
    this.#conns.push(conn);
    dial.resolve(conn);
    this.#check();
  }

  #check(): void {
    this.#conns = this.#conns.filter(({ isClosed }) => !isClosed);
    const open = this.#conns.length + this.#dials.length;
    assert.ok(open <= this.#limit, `${open} connections, limit ${this.#limit}`);
  }
}

/** Each has a name of its own, so that holders can be distinguished. */
class NumberedConn extends FakeConn {
  override readonly localAddress: Address;

  constructor(port: number) {
    super();
    this.localAddress = { transport: "tcp", hostname: "192.0.2.2", port };
  }
}

function removed<Item>(items: Item[], which: number): Item | undefined {
  return items.splice(which % Math.max(items.length, 1), 1)[0];
}

/** Resolves when every promise that waits for no I/O has settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
