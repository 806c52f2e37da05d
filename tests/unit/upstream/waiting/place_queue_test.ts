/** The queue for places of full endpoints, in simulated threads, which may die. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { ProxyError } from "../../../../src/net/errors.ts";
import type { Abortable, Endpoint } from "../../../../src/upstream/endpoint.ts";
import type { Unavailable } from "../../../../src/upstream/unavailable.ts";
import { endpointsAt } from "../../../support/fakes/upstream_parts.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { GroupThreads } from "../group_threads.ts";

const CLIENT = { sourceAddress: "192.0.2.9" };
const LEFT = new ProxyError("client_left", "client");

/** `retry`: a client comes back from an endpoint that it could not reach. */
type Step = readonly [
  what: "come" | "retry" | "leave" | "abandon" | "message" | "die" | "take_out" | "put_back",
  which: number,
];

const run = fc.record({
  threads: fc.integer({ min: 1, max: 3 }),
  endpoints: fc.integer({ min: 1, max: 2 }),
  limit: fc.integer({ min: 1, max: 2 }),
  steps: fc.array(
    fc.tuple(
      fc.constantFrom(
        ...["come", "come", "come", "come", "leave", "leave", "message", "message"] as const,
        ...["retry", "abandon", "die", "take_out", "put_back"] as const,
      ),
      fc.nat(11),
    ),
    { maxLength: 80 },
  ),
});

Deno.test("places go to clients in the order in which they came, over all threads, and none is lost", async () => {
  await fc.assert(
    fc.asyncProperty(run, async ({ steps, ...options }) => {
      await using world = new World(options);
      for (const step of steps) await world.take(step);
      await world.end();
    }),
    { numRuns: 1500 },
  );
});

Deno.test("a queue takes no more clients than its length, in all threads together", async () => {
  await using fixture = new World({ threads: 2, endpoints: 1, limit: 1, length: 2 });
  for (const thread of [0, 1, 0]) await fixture.take(["come", thread]);
  const [here, there] = fixture.group.groups;
  await assert.rejects(fixture.queueIn(there!), {
    code: "endpoints_full",
    message: "every endpoint of group has its max_connections, and the queue is full",
  });
  assert.equal(fixture.group.controller.row.figures().queueRefused, 1);
  assert.equal(here!.enter(CLIENT, []), "full");
});

Deno.test("a client gets no place after its time", async () => {
  using time = new FakeTime();
  await using fixture = new World({ threads: 1, endpoints: 1, limit: 1 });
  await fixture.take(["come", 0]);
  const waiting = fixture.queueIn(fixture.group.groups[0]!);
  const ended = assert.rejects(waiting, {
    code: "endpoints_full",
    message: "no place at an endpoint of group became free within 1000 ms",
  });
  time.advance(999);
  assert.equal(fixture.group.controller.queue!.value, 1);
  time.advance(1);
  await ended;
  assert.equal(fixture.group.controller.queue!.value, 0);
  const { queueTimeouts, queueWait } = fixture.group.controller.row.figures();
  assert.deepEqual([queueTimeouts, queueWait.sum], [1, 1]);
});

Deno.test("a limit that a reload raises, and an endpoint that comes back, serve those that wait", async () => {
  await using fixture = new World({ threads: 2, endpoints: 1, limit: 1 });
  const { controller, post } = fixture.group;
  for (const thread of [0, 1, 1, 0]) await fixture.take(["come", thread]);
  assert.equal(fixture.served, 0);
  controller.update({ ...controller.config, endpoints: endpointsAt(1, 3) });
  fixture.limit = 3;
  await fixture.deliver();
  assert.equal(fixture.served, 2);
  assert.equal(post.size, 0);
  assert.equal(controller.queue!.value, 1);
});

Deno.test("the turn passes to another thread when the first client leaves before its thread learns of a place", async () => {
  await using fixture = new World({ threads: 3, endpoints: 1, limit: 1 });
  for (const thread of [0, 1, 2]) await fixture.take(["come", thread]);
  await fixture.take(["leave", 0]);
  // Thread 2 learns first of the place, when it is not yet its turn.
  await fixture.take(["message", 1]);
  await fixture.take(["abandon", 0]);
  await fixture.deliver();
  assert.equal(fixture.served, 1);
});

Deno.test("a client gets a place that another thread freed after it had found none, and before it waited", async () => {
  await using fixture = new World({ threads: 2, endpoints: 1, limit: 1 });
  const [here, there] = fixture.group.groups;
  const endpoint = there!.enter(CLIENT, []) as Endpoint;
  assert.equal(here!.enter(CLIENT, []), "full");
  endpoint.leave();
  assert.equal(fixture.group.post.size, 0);
  assert.equal(await fixture.queueIn(here!), here!.endpoints[0]);
});

Deno.test("threads whose clients wait beside an endpoint that is out do not wake each other for ever", async () => {
  await using fixture = new World({ threads: 2, endpoints: 2, limit: 1 });
  await fixture.take(["take_out", 0]);
  await fixture.deliver();
  for (const thread of [0, 0, 1, 0, 1]) await fixture.take(["come", thread]);
  await fixture.take(["leave", 0]);
  await fixture.deliver();
  assert.equal(fixture.served, 1);
});

Deno.test("a queue that a reload removes refuses those that wait", async () => {
  await using fixture = new World({ threads: 1, endpoints: 1, limit: 1 });
  const [group] = fixture.group.groups;
  await fixture.take(["come", 0]);
  const waiting = fixture.queueIn(group!);
  group!.config = { ...group!.config, queue: undefined };
  assert.equal(await waiting, "full");
  assert.equal(fixture.group.controller.queue!.value, 0);
});

interface Client {
  readonly thread: number;
  /** Undefined while it waits. */
  endpoint: Endpoint | undefined;
  /** A client that has failed at an endpoint goes before others, and takes only the other endpoint. */
  readonly isRetrying: boolean;
  readonly wait: { abort?: (error: ProxyError) => void };
}

class World implements AsyncDisposable {
  readonly group: GroupThreads;
  readonly #config: { readonly timeout: number; readonly length: number };
  limit: number;
  /** Clients that wait, in the order in which they came. */
  #waiting: Client[] = [];
  #inside: Client[] = [];
  served = 0;

  constructor(
    { threads, endpoints, limit, length = 100 }: {
      threads: number;
      endpoints: number;
      limit: number;
      length?: number;
    },
  ) {
    this.#config = { timeout: 1000, length };
    this.limit = limit;
    this.group = new GroupThreads(threads, {
      endpoints: endpointsAt(endpoints, limit),
      queue: this.#config,
    });
  }

  async take([what, which]: Step): Promise<void> {
    const thread = which % this.group.groups.length;
    const { controller, post } = this.group;
    const endpoint = controller.endpoints[which % controller.endpoints.length]!;
    switch (what) {
      case "come":
        this.#come(thread, []);
        break;
      case "retry":
        // Only a client that had a place can come back.
        if (this.#inside.length > 0) this.#retry(this.#inside[which % this.#inside.length]!);
        break;
      case "leave":
        this.#leave(this.#inside[which % Math.max(this.#inside.length, 1)]);
        break;
      case "abandon":
        this.#waiting[which % Math.max(this.#waiting.length, 1)]?.wait.abort?.(LEFT);
        break;
      case "message":
        if (which > 9) return await this.deliver();
        post.deliver(which);
        break;
      case "die":
        this.#die(thread);
        break;
      case "take_out":
        controller.setAdmin(endpoint, "drain");
        break;
      case "put_back":
        controller.setAdmin(endpoint, "up");
    }
    await settled();
    this.#check();
  }

  queueIn(group: GroupThreads["groups"][number]): Promise<Endpoint | Unavailable> {
    return group.waits.queue!.wait(CLIENT, [], this.#config);
  }

  /** All messages arrive: then no client waits in the line while an endpoint has a place. */
  async deliver(): Promise<void> {
    let rounds = 0;
    while (this.group.post.deliverAll() > 0) {
      await settled();
      rounds += 1;
      assert.ok(rounds < 1000, "threads wake each other in a circle");
    }
    this.#check();
    const hasPlace = this.group.controller.endpoints.some((endpoint) =>
      endpoint.isUp && endpoint.figures().active < this.limit
    );
    const first = this.#waiting.find(({ isRetrying }) => !isRetrying);
    assert.ok(!hasPlace || first === undefined, "a client waits beside a free place");
  }

  /** All clients leave: until then, each that waits has got a place. */
  async end(): Promise<void> {
    for (const endpoint of this.group.controller.endpoints) this.group.controller.setAdmin(endpoint, "up");
    await this.deliver();
    while (this.#inside.length > 0) {
      this.#leave(this.#inside[0]);
      await settled();
      await this.deliver();
    }
    assert.equal(this.#waiting.length, 0, "a client waits forever");
    assert.equal(this.group.controller.queue!.value, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { wait } of this.#waiting) wait.abort!(LEFT);
    await settled();
    await this.group[Symbol.asyncDispose]();
  }

  #come(thread: number, tried: readonly Endpoint[]): void {
    const group = this.group.groups[thread]!;
    const client: Client = { thread, endpoint: undefined, isRetrying: tried.length > 0, wait: {} };
    const found = group.enter(CLIENT, tried);
    if (typeof found !== "string") {
      const isOvertaking = this.#waiting.some(({ isRetrying }) => !isRetrying);
      assert.ok(client.isRetrying || !isOvertaking, "a newcomer overtakes a waiter");
      client.endpoint = found;
      this.#inside.push(client);
      return;
    }
    if (found !== "full") return;
    this.#waiting.push(client);
    const host = {
      waits: (_state: unknown, wait: Abortable) => {
        client.wait.abort = (error) => wait.abort(error);
        return { [Symbol.dispose]() {} };
      },
    };
    group.waits.queue!.wait(CLIENT, tried, this.#config, host).then(
      (result) => this.#served(client, result),
      (error) => {
        assert.equal(error, LEFT);
        this.#waiting = this.#waiting.filter((each) => each !== client);
      },
    );
  }

  #retry(client: Client): void {
    const { thread, endpoint } = client;
    this.#leave(client);
    this.#come(thread, [endpoint!]);
  }

  #die(thread: number): void {
    const waiting = this.#waiting.filter((client) => client.thread === thread);
    this.#waiting = this.#waiting.filter((client) => client.thread !== thread);
    this.#inside = this.#inside.filter((client) => client.thread !== thread);
    this.group.restart(thread);
    // The thread may finish its turn: it changes nothing any more.
    for (const { wait } of waiting) wait.abort!(LEFT);
  }

  #leave(client: Client | undefined): void {
    if (client === undefined) return;
    this.#inside = this.#inside.filter((each) => each !== client);
    client.endpoint!.leave();
  }

  #served(client: Client, result: Endpoint | Unavailable): void {
    // A thread that has died may still run here.
    if (!this.#waiting.includes(client)) return;
    const before = this.#waiting.slice(0, this.#waiting.indexOf(client));
    this.#waiting = this.#waiting.filter((each) => each !== client);
    if (typeof result === "string") return;
    if (!client.isRetrying) assert.ok(before.every(({ isRetrying }) => isRetrying), "out of order");
    client.endpoint = result;
    this.served += 1;
    this.#inside.push(client);
  }

  #check(): void {
    for (const endpoint of this.group.controller.endpoints) {
      const { active } = endpoint.figures();
      assert.ok(active <= this.limit, `${active} clients, limit ${this.limit}`);
    }
    assert.equal(this.group.controller.queue!.value, this.#waiting.length);
  }
}

/** Resolves when every promise that waits for no I/O has settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
