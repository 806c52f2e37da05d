/** `queue`, `on_all_down` and `stick` together, while endpoints fail and come back in any order. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { GroupConfig } from "../../../../src/config/config.ts";
import { formatAddress } from "../../../../src/net/address.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import { waitingIn } from "../../../../src/observe/metrics/upstream_metrics.ts";
import type { EndpointController } from "../../../../src/upstream/endpoint_controller.ts";
import type { Abortable, Lease } from "../../../../src/upstream/endpoint.ts";
import { endpointsAt } from "../../../support/fakes/upstream_parts.ts";
import { FakeConn } from "../../../support/fakes/fake_conn.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { attempts, ConnectorFixture } from "../connector_fixture.ts";

const REFUSED = new ProxyError("connection_refused", "upstream");
const LEFT = new ProxyError("client_left", "client");
/** Longer than a run takes, in milliseconds. */
const LONG = 1_000_000;

const STEPS = [
  ...["come", "come", "come", "come", "leave", "leave", "abandon", "time"] as const,
  ...["down", "up", "refuse", "accept", "drain", "undrain"] as const,
];
type Step = readonly [what: typeof STEPS[number], which: number];

/** What a run begins with. */
interface Beginning {
  readonly onAllDown: GroupConfig["onAllDown"];
  readonly stick: boolean;
  readonly tiers: boolean;
  readonly endpoints: number;
  readonly limit: number;
  /** How long a dial takes, in milliseconds. */
  readonly dial: number;
}

const runs = (...without: Step[0][]) =>
  fc.record({
    onAllDown: fc.constantFrom(...["try", "refuse", "wait"] as const),
    stick: fc.boolean(),
    tiers: fc.boolean(),
    endpoints: fc.integer({ min: 1, max: 3 }),
    limit: fc.integer({ min: 1, max: 2 }),
    dial: fc.constantFrom(0, 100),
    steps: fc.array(
      fc.tuple(fc.constantFrom(...STEPS.filter((step) => !without.includes(step))), fc.nat(11)),
      { maxLength: 60 },
    ),
  });

Deno.test("no client is lost, fails without a reason, or exceeds a limit, with queue, on_all_down and stick", async () => {
  await fc.assert(
    fc.asyncProperty(runs(), async ({ steps, ...beginning }) => {
      using time = new FakeTime();
      await using world = new World(beginning, time);
      for (const step of steps) await world.take(step);
      await world.end();
    }),
    { numRuns: 300 },
  );
});

Deno.test("clients in the queue of a group that sticks get their places in the order in which they came", async () => {
  await fc.assert(
    fc.asyncProperty(runs("refuse", "abandon"), async ({ steps, ...beginning }) => {
      using time = new FakeTime();
      await using world = new World({ ...beginning, stick: true }, time);
      for (const step of steps) {
        const queued = world.queued;
        await world.take(step);
        const left = queued.filter((client) => client.state !== "queued");
        assert.deepEqual(left, queued.slice(0, left.length));
      }
      await world.end();
    }),
    { numRuns: 300 },
  );
});

class Client {
  state: "connecting" | "queued" | "waiting" | "connected" | "failed" | "left" = "connecting";
  lease: Lease | undefined;
  wait: Abortable | undefined;
  endpoint = "";
}

class World extends ConnectorFixture {
  readonly #beginning: Beginning;
  readonly #time: FakeTime;
  readonly #clients: Client[] = [];
  readonly #refusing = new Set<string>();
  /** What was not as it should be while a client connected. */
  #wrong: unknown;
  /** Where new clients went during this step. */
  readonly #stuck = new Set<string | undefined>();

  constructor(beginning: Beginning, time: FakeTime) {
    const { onAllDown, stick, tiers, endpoints, limit } = beginning;
    super({
      endpoints: endpointsAt(endpoints, limit).map((endpoint, tier) =>
        tiers ? { ...endpoint, tier } : endpoint
      ),
      onAllDown,
      stick: stick ? "endpoint" : undefined,
      queue: { timeout: LONG, length: 1000 },
      retry: { attempts: 3, timeout: LONG },
    }, { dial: (address) => this.#answer(formatAddress(address)) });
    this.#beginning = beginning;
    this.#time = time;
    this.controller.start();
  }

  get queued(): Client[] {
    return this.#clients.filter(({ state }) => state === "queued");
  }

  async take([what, which]: Step): Promise<void> {
    this.#stuck.clear();
    this.#noteStuck();
    const { control } = this.endpoints[which % this.endpoints.length]!;
    const connected = this.#in("connected");
    switch (what) {
      case "come":
        void this.#come();
        break;
      case "leave":
        connected[which % connected.length]?.lease?.[Symbol.dispose]();
        connected.splice(which % connected.length, 1).forEach((client) => client.state = "left");
        break;
      case "abandon":
        this.#pending[which % this.#pending.length]?.wait?.abort(LEFT);
        break;
      case "time":
        await this.#time.advance(50 * which);
        break;
      case "down":
      case "up":
        this.#find({ control }, what);
        break;
      case "refuse":
        this.#refusing.add(control.key);
        break;
      case "accept":
        this.#refusing.delete(control.key);
        break;
      case "drain":
      case "undrain":
        this.controller.setAdmin(control, what === "drain" ? "drain" : "up");
    }
    await settled();
    this.#check();
  }

  /** All endpoints are well again: then every client that waits must be connected. */
  async end(): Promise<void> {
    for (const { control } of this.endpoints) {
      this.#refusing.delete(control.key);
      this.#find({ control }, "up");
      this.controller.setAdmin(control, "up");
    }
    await this.#time.advance(1000);
    for (let round = 0; round <= this.#clients.length && this.#pending.length > 0; round++) {
      // Those that connect may have tried an endpoint when it was not well.
      const waiting = [...this.#in("queued"), ...this.#in("waiting")];
      for (const client of this.#in("connected")) await this.#leave(client);
      await this.#time.advance(250);
      this.#check();
      for (const client of waiting) assert.notEqual(client.state, "failed");
    }
    assert.equal(this.#pending.length, 0);
    for (const client of this.#in("connected")) await this.#leave(client);
    assert.equal(this.controller.queue!.value, 0);
    assert.equal(waitingIn(this.controller.row.figures()), 0);
    assert.deepEqual(this.endpoints.map(({ used }) => used.active), this.endpoints.map(() => 0));
  }

  get #pending(): Client[] {
    return this.#clients.filter(({ state }) => !["connected", "failed", "left"].includes(state));
  }

  #in(state: Client["state"]): Client[] {
    return this.#clients.filter((client) => client.state === state);
  }

  async #leave(client: Client): Promise<void> {
    client.state = "left";
    client.lease!.conn.close();
    client.lease![Symbol.dispose]();
    await settled();
  }

  async #come(): Promise<void> {
    const client = new Client();
    this.#clients.push(client);
    const progress = attempts();
    try {
      client.lease = await this.connector.connect({ sourceAddress: "192.0.2.9" }, progress, undefined, {
        waits: (state, wait) => {
          client.state = state;
          client.wait = wait;
          return {
            [Symbol.dispose]: () => {
              client.state = "connecting";
              client.wait = undefined;
            },
          };
        },
      });
      client.state = "connected";
      client.endpoint = progress.endpoint;
      this.#noteStuck();
      if (this.#beginning.stick && !this.#stuck.has(client.endpoint)) {
        this.#wrong ??= new Error(
          `a client is at ${client.endpoint}, new ones go to ${this.controller.stuck}`,
        );
      }
    } catch (error) {
      client.state = error === LEFT ? "left" : "failed";
      try {
        if (!(error instanceof ProxyError)) throw error;
        this.#checkFailure(error);
      } catch (wrong) {
        this.#wrong ??= wrong;
      }
    }
  }

  #checkFailure(error: ProxyError): void {
    if (error === LEFT) return;
    assert.notEqual(this.#beginning.onAllDown, "wait", `a client that may wait has failed: ${error.message}`);
    // Each endpoint that it has tried went down during the dial.
    if (error.code === "endpoint_down") assert.ok(this.#beginning.dial > 0);
    else if (error === REFUSED) assert.ok(this.#refusing.size > 0);
    else {
      assert.equal(error.code, "no_endpoint");
      const isUsable = this.endpoints.some(({ control }) => control.isUp);
      assert.ok(!isUsable || this.#refusing.size > 0, error.message);
    }
  }

  /** Connects a client, or not. */
  async #answer(address: string): Promise<FakeConn> {
    this.#noteStuck();
    const { control: { admin, health } } = this.endpoints.find((each) => each.control.key === address)!;
    const mayBeDown = this.#beginning.onAllDown === "try";
    const isRight = admin === "up" && (mayBeDown || health !== "down") &&
      (!this.#beginning.stick || this.#stuck.has(address));
    if (!isRight) {
      this.#wrong ??= new Error(`a client was sent to ${address}, which is ${admin} and ${health}`);
    }
    const { dial } = this.#beginning;
    if (dial > 0) await new Promise((resolve) => setTimeout(resolve, dial));
    if (this.#refusing.has(address)) throw REFUSED;
    return new FakeConn();
  }

  #check(): void {
    if (this.#wrong !== undefined) throw this.#wrong;
    for (const { used } of this.endpoints) assert.ok(used.active <= this.#beginning.limit, used.key);
    assert.equal(this.controller.queue!.value, this.queued.length);
    assert.equal(waitingIn(this.controller.row.figures()), this.#in("waiting").length);
    const active = this.endpoints.reduce((sum, { used }) => sum + used.active, 0);
    assert.equal(active, this.#in("connected").length + this.#in("connecting").length);
  }

  #noteStuck(): void {
    this.#stuck.add(this.controller.stuck);
  }

  /** As if health checks had found it so: there are none, which would connect. */
  #find({ control }: { readonly control: EndpointController }, health: "up" | "down"): void {
    control.health = health;
    // The controller decides before threads hear of a change.
    this.controller.update(this.controller.config);
    this.group.setState(control.id, control.state, false);
  }
}
