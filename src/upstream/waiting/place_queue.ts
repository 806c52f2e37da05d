/**
 * The clients that wait for a place at an endpoint while all are full, as one thread sees them. First come, first
 * served, over all threads: see `shared/ticket_queue.ts`.
 *
 * A client that has failed at one endpoint and finds the others full waits outside of the line, and goes before it. It
 * came before all in the line, because no client gets to an endpoint past them. In the line, it would hold up others
 * while the only free place is one that it cannot use.
 */

import type { QueueConfig } from "../../config/config.ts";
import { ProxyError } from "../../net/errors.ts";
import { LinkedList } from "../../net/linked_list.ts";
import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import type { Gauge } from "../../shared/gauge.ts";
import type { TicketQueue } from "../../shared/ticket_queue.ts";
import type { WakeUps } from "../../shared/wake_ups.ts";
import type { ClientAddress } from "../balance/endpoint_choice.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Unavailable } from "../unavailable.ts";
import { Wait, type WaitingClient } from "./wait.ts";

/** What the threads share. */
export interface QueueAccounts {
  /** Counts the waiting clients of all threads. Its slot is that of the wake-ups. */
  readonly waiting: Gauge;
  readonly tickets: TicketQueue;
  readonly wakeUps: WakeUps;
}

/** The group whose endpoints have the places. */
export interface Places {
  readonly name: string;
  readonly row: UpstreamRow;
  /** Takes a place for a client, even if others wait. */
  takePlace(client: ClientAddress, tried: readonly Endpoint[]): Endpoint | Unavailable;
  /** Whether any endpoint, usable or not, has a place. */
  readonly hasPlace: boolean;
}

export class PlaceQueue {
  readonly #places: Places;
  readonly #accounts: QueueAccounts;
  /** Those with a ticket, and those that have failed at an endpoint. */
  readonly #line = new LinkedList<Wait<Endpoint | Unavailable>>();
  readonly #retrying = new LinkedList<Wait<Endpoint | Unavailable>>();
  /** The number of both. */
  #own = 0;
  #watch: Disposable | undefined;

  constructor(places: Places, accounts: QueueAccounts) {
    this.#places = places;
    this.#accounts = accounts;
  }

  /** Whether there is a line, in any thread: then a new client has to join it. */
  get isAwaited(): boolean {
    return this.#accounts.tickets.isAwaited;
  }

  /**
   * Waits for a place, and takes it. Resolves with a reason if waiting no longer makes sense, because no endpoint can
   * be used.
   *
   * @throws {ProxyError} when the queue is full, or time is over; or the error with which `host` ends the wait.
   */
  async wait(
    client: ClientAddress,
    tried: readonly Endpoint[],
    { timeout, length }: QueueConfig,
    host?: WaitingClient,
  ): Promise<Endpoint | Unavailable> {
    const { name, row: { cells } } = this.#places;
    if (!this.#accounts.waiting.enter(length)) {
      cells.queueRefused.add();
      throw full(`every endpoint of ${name} has its max_connections, and the queue is full`);
    }
    const startedAt = performance.now();
    const waiter = new Waiter(this, client, tried, tried.length === 0 ? this.#accounts.tickets.draw() : 0);
    const onTime = () => {
      cells.queueTimeouts.add();
      waiter.abort(full(`no place at an endpoint of ${name} became free within ${timeout} ms`));
    };
    const timer = setTimeout(onTime, timeout);
    this.#add(waiter);
    const watch = host?.waits("queued", waiter);
    try {
      // A place that became free before this thread could be seen to wait has woken no waiter.
      this.serve();
      return await waiter.outcome;
    } finally {
      clearTimeout(timer);
      watch?.[Symbol.dispose]();
      cells.queueWait.observe((performance.now() - startedAt) / 1000);
    }
  }

  /** A client of this thread has left its place at an endpoint, or in the queue. */
  freed(): void {
    if (this.#accounts.waiting.value === 0) return;
    this.serve();
    this.#passOn();
  }

  /** Gives places to those whose turn it is. Call it in all threads when an endpoint has changed. */
  readonly serve = (): void => {
    let hasServed = false;
    for (const waiter of this.#retrying.all()) hasServed = this.#serveOne(waiter) || hasServed;
    for (;;) {
      const first = this.#line.first as Waiter | undefined;
      if (first === undefined || !this.#accounts.tickets.isFirst(first.ticket) || !this.#serveOne(first)) {
        break;
      }
      hasServed = true;
    }
    if (hasServed) this.#passOn();
  };

  /** There is no queue any more. */
  dismiss(): void {
    for (const waiter of [...this.#retrying.all(), ...this.#line.all()]) waiter.end("full");
  }

  /** A waiter has ended. */
  left(waiter: Waiter, wasFirst: boolean): void {
    const { tickets, waiting } = this.#accounts;
    this.#own -= 1;
    waiting.leave();
    if (waiter.ticket !== 0 && wasFirst) tickets.publish((this.#line.first as Waiter | undefined)?.ticket);
    if (this.#own > 0) return;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  #add(waiter: Waiter): void {
    const { tickets, wakeUps, waiting } = this.#accounts;
    const line = waiter.ticket === 0 ? this.#retrying : this.#line;
    line.add(waiter);
    if (line.first === waiter && waiter.ticket !== 0) tickets.publish(waiter.ticket);
    this.#own += 1;
    this.#watch ??= wakeUps.watch(waiting.slot, this.serve);
  }

  /** False if there is no place for it. */
  #serveOne(waiter: Wait<Endpoint | Unavailable>): boolean {
    const { client, tried } = waiter as Waiter;
    const found = this.#places.takePlace(client, tried);
    if (found === "full") return false;
    waiter.end(found);
    return true;
  }

  /** Wakes other threads if the turn may be theirs. */
  #passOn(): void {
    const { waiting, wakeUps } = this.#accounts;
    if (waiting.value > this.#own && this.#places.hasPlace) wakeUps.wakeOthers(waiting.slot);
  }
}

class Waiter extends Wait<Endpoint | Unavailable> {
  readonly #queue: PlaceQueue;
  readonly client: ClientAddress;
  readonly tried: readonly Endpoint[];
  /** 0 for one that waits outside of the line. */
  readonly ticket: number;

  constructor(queue: PlaceQueue, client: ClientAddress, tried: readonly Endpoint[], ticket: number) {
    super();
    this.#queue = queue;
    this.client = client;
    this.tried = tried;
    this.ticket = ticket;
  }

  override abort(error: ProxyError): void {
    super.abort(error);
    // The next one may have been woken for a free place while it was not its turn yet.
    this.#queue.freed();
  }

  override [Symbol.dispose](): void {
    const { list } = this;
    if (list === undefined) return;
    const wasFirst = list.first === this;
    super[Symbol.dispose]();
    this.#queue.left(this, wasFirst);
  }
}

function full(detail: string): ProxyError {
  return new ProxyError("endpoints_full", "proxy", { detail });
}
