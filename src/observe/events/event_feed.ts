/** Publishes events of the proxy to subscribers. */

import type { CloseReason } from "../close_reason.ts";
import type { ConnectionFacts } from "../log/access_log.ts";
import type { EndpointEvent, ProxyEvent } from "./events.ts";

type OnEvent = (event: ProxyEvent) => void;
type Subscriber = { readonly onEvent: OnEvent };
type Identity = Pick<ConnectionFacts, "id" | "service" | "client">;

/** All subscribers get all events in the same order. */
export class EventFeed {
  readonly #subscribers = new Set<Subscriber>();
  readonly #onError: (error: unknown) => void;
  readonly #onSubscribed: (isSubscribed: boolean) => void;
  /** Events that subscribers have caused during a call. */
  readonly #queue: ProxyEvent[] = [];
  #isPublishing = false;
  /** Connections ask this first: without subscribers, they report nothing. */
  isSubscribed = false;

  /**
   * @param onError Called with what a subscriber threw; that subscriber is removed.
   * @param onSubscribed Called when the first subscriber comes, and when the last one has gone.
   */
  constructor(onError: (error: unknown) => void, onSubscribed: (isSubscribed: boolean) => void = () => {}) {
    this.#onError = onError;
    this.#onSubscribed = onSubscribed;
  }

  /** Calls `onEvent` for every event until the result is disposed of. It must not block. */
  subscribe(onEvent: OnEvent): Disposable {
    const subscriber = { onEvent };
    this.#subscribers.add(subscriber);
    if (this.#subscribers.size === 1) this.#setSubscribed(true);
    return { [Symbol.dispose]: () => this.#unsubscribe(subscriber) };
  }

  /** Publishes an event of another thread. */
  forward(event: ProxyEvent): void {
    if (this.isSubscribed) this.#emit(event);
  }

  /** A connection was accepted. */
  opened(connection: Identity): void {
    if (this.isSubscribed) this.#emit({ type: "opened", ...identityOf(connection) });
  }

  /** A connection has reached its upstream. */
  connected(connection: Identity & Pick<ConnectionFacts, "upstream" | "endpoint" | "address">): void {
    if (!this.isSubscribed) return;
    const { upstream, endpoint, address } = connection;
    const chosen = address === undefined ? {} : { address };
    this.#emit({ type: "connected", ...identityOf(connection), upstream, endpoint, ...chosen });
  }

  /** A fault has begun to act on a connection. */
  faultApplied(connection: Identity, fault: string): void {
    if (this.isSubscribed) this.#emit({ type: "fault", ...identityOf(connection), fault });
  }

  /** A connection has ended, however far it came. */
  ended(connection: ConnectionFacts, closeReason: CloseReason): void {
    if (!this.isSubscribed) return;
    const identity = identityOf(connection);
    const { kind, key: reason } = closeReason;
    if (kind !== "closed") {
      const detail = closeReason.detail ?? closeReason.reason;
      return this.#emit({ type: kind, ...identity, reason, detail });
    }
    this.#emit({
      type: "closed",
      ...identity,
      endpoint: connection.endpoint,
      ...connection.address === undefined ? {} : { address: connection.address },
      reason,
      bytes: { upload: connection.fromClient.bytes, download: connection.fromUpstream.bytes },
      duration_ms: Math.round(connection.age),
    });
  }

  endpointChanged(change: Omit<EndpointEvent, "type" | "time">): void {
    if (this.isSubscribed) this.#emit({ type: "endpoint", time: now(), ...change });
  }

  /** A reload has ended; `detail` is its result in words. */
  reloaded(ok: boolean, detail: string): void {
    if (this.isSubscribed) this.#emit({ type: "reload", time: now(), ok, detail });
  }

  /** The proxy is stopping; `open` connections are open. */
  draining(open: number): void {
    if (this.isSubscribed) this.#emit({ type: "drain", time: now(), open });
  }

  #emit(event: ProxyEvent): void {
    this.#queue.push(event);
    // An event that a subscriber causes comes after the current one, for all subscribers.
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#publish(next);
    this.#isPublishing = false;
  }

  #publish(event: ProxyEvent): void {
    for (const subscriber of [...this.#subscribers]) {
      if (!this.#subscribers.has(subscriber)) continue;
      try {
        subscriber.onEvent(event);
      } catch (error) {
        this.#unsubscribe(subscriber);
        this.#onError(error);
      }
    }
  }

  #unsubscribe(subscriber: Subscriber): void {
    if (this.#subscribers.delete(subscriber) && this.#subscribers.size === 0) this.#setSubscribed(false);
  }

  #setSubscribed(isSubscribed: boolean): void {
    this.isSubscribed = isSubscribed;
    this.#onSubscribed(isSubscribed);
  }
}

function identityOf({ id, service, client }: Identity): Identity & { time: string } {
  return { time: now(), id, service, client };
}

function now(): string {
  return new Date().toISOString();
}
