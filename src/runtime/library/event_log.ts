/** The events of a proxy, kept until the program asks for them: a test may ask after the fact. */

import { sleep } from "../../net/timers/sleep.ts";
import type { EventFeed } from "../../observe/events/event_feed.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";

/** The most events that wait for a reader; the oldest are dropped. */
const MOST_UNREAD = 10_000;
/** How long a wait takes at most, in milliseconds, unless its caller says otherwise. */
export const DEFAULT_TIMEOUT = 5000;
/** How many of the latest events a failed wait lists. */
const LISTED = 10;

/**
 * An event of one type.
 *
 * @example
 * ```ts
 * import type { EventOf } from "@sluice/sluice";
 *
 * function describe({ reason }: EventOf<"closed">): string {
 *   return reason;
 * }
 * ```
 */
export type EventOf<Type extends ProxyEvent["type"]> = ProxyEvent & { readonly type: Type };

/**
 * What {@linkcode RunningProxy.nextEvent} waits for, and how long.
 *
 * @example Wait for the end of one connection
 * ```ts
 * import { type EventWait, startProxy } from "@sluice/sluice";
 *
 * using upstream = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * await using proxy = await startProxy({ upstream: `127.0.0.1:${upstream.addr.port}` });
 * const client = await Deno.connect({ port: proxy.port });
 * const { id } = await proxy.nextEvent("connected");
 * client.close();
 * (await upstream.accept()).close();
 * const wait: EventWait = { id, timeout: 1000 };
 * await proxy.nextEvent("closed", wait);
 * ```
 */
export interface EventWait {
  /** In milliseconds; 5000 when left out. */
  readonly timeout?: number;
  /** Only events of this service. */
  readonly service?: string;
  /** Only events of this connection. */
  readonly id?: number;
}

/**
 * The awaited event did not come in time. The message says what came instead.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { startProxy, WaitTimeoutError } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * await assert.rejects(proxy.nextEvent("opened", { timeout: 1 }), WaitTimeoutError);
 * ```
 */
export class WaitTimeoutError extends Error {
  /** `WaitTimeoutError`. */
  override readonly name = "WaitTimeoutError";
}

interface Waiter {
  readonly matches: (event: ProxyEvent) => boolean;
  readonly resolve: (event: ProxyEvent) => void;
  readonly reject: (error: Error) => void;
}

export class EventLog {
  readonly #subscription: Disposable;
  readonly #seed: string;
  readonly #unread: ProxyEvent[] = [];
  readonly #latest: ProxyEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #readers = new Set<EventReader>();
  #isClosed = false;

  /** @param seed What random decisions of faults follow from: failures name it, so that a run can be repeated. */
  constructor(feed: Pick<EventFeed, "subscribe">, seed: string) {
    this.#seed = seed;
    this.#subscription = feed.subscribe((event) => this.#on(event));
  }

  /**
   * The first event of a type that no earlier call has returned, as soon as there is one.
   *
   * @throws {WaitTimeoutError}
   */
  next<Type extends ProxyEvent["type"]>(type: Type, wait: EventWait = {}): Promise<EventOf<Type>> {
    const { timeout = DEFAULT_TIMEOUT } = wait;
    const matches = (event: ProxyEvent) => event.type === type && isOf(event, wait);
    const index = this.#unread.findIndex(matches);
    if (index >= 0) return Promise.resolve(this.#unread.splice(index, 1)[0] as EventOf<Type>);
    if (this.#isClosed) {
      return Promise.reject(this.failure(`The proxy has stopped: no "${type}" event can come`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<ProxyEvent>();
    const waiter = { matches, resolve, reject };
    const over = new AbortController();
    this.#waiters.add(waiter);
    void sleep(timeout, over.signal).then(() => {
      if (!over.signal.aborted) {
        reject(this.failure(`No "${type}" event${describe(wait)} within ${timeout} ms`));
      }
    });
    return promise.finally(() => {
      over.abort();
      this.#waiters.delete(waiter);
    }) as Promise<EventOf<Type>>;
  }

  /** Every event from now on, until the proxy has stopped. */
  all(): AsyncIterableIterator<ProxyEvent> {
    const reader = new EventReader(() => this.#readers.delete(reader));
    if (this.#isClosed) reader.end();
    else this.#readers.add(reader);
    return reader;
  }

  /** The error of a wait. */
  failure(what: string): WaitTimeoutError {
    const events = this.#latest.map((event) => {
      if (!("id" in event)) return event.type;
      return `${event.type} #${event.id}${"reason" in event ? ` (${event.reason})` : ""}`;
    });
    const came = events.length === 0 ? "there were no events" : `the latest events: ${events.join(", ")}`;
    return new WaitTimeoutError(`${what}; ${came}; the seed is ${this.#seed}`);
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription[Symbol.dispose]();
    for (const { reject } of this.#waiters) reject(this.failure("The proxy has stopped"));
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  #on(event: ProxyEvent): void {
    keep(this.#latest, event, LISTED);
    for (const reader of this.#readers) reader.push(event);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(event)) continue;
      this.#waiters.delete(waiter);
      return waiter.resolve(event);
    }
    keep(this.#unread, event, MOST_UNREAD);
  }
}

class EventReader implements AsyncIterableIterator<ProxyEvent> {
  readonly #onReturn: () => void;
  readonly #queue: ProxyEvent[] = [];
  #wanted: PromiseWithResolvers<void> | undefined;
  #hasEnded = false;

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(event: ProxyEvent): void {
    keep(this.#queue, event, MOST_UNREAD);
    this.#wake();
  }

  /** The events that wait are still read. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async next(): Promise<IteratorResult<ProxyEvent>> {
    while (this.#queue.length === 0 && !this.#hasEnded) {
      await (this.#wanted ??= Promise.withResolvers()).promise;
    }
    const value = this.#queue.shift();
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  return(): Promise<IteratorResult<ProxyEvent>> {
    this.#onReturn();
    this.#queue.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Wakes all calls that wait; those that find nothing wait on. */
  #wake(): void {
    this.#wanted?.resolve();
    this.#wanted = undefined;
  }
}

function keep(list: ProxyEvent[], event: ProxyEvent, most: number): void {
  list.push(event);
  if (list.length > most) list.shift();
}

function isOf(event: ProxyEvent, { service, id }: EventWait): boolean {
  return (service === undefined || "service" in event && event.service === service) &&
    (id === undefined || "id" in event && event.id === id);
}

function describe({ service, id }: EventWait): string {
  return `${service === undefined ? "" : ` of service ${service}`}${
    id === undefined ? "" : ` of connection ${id}`
  }`;
}
