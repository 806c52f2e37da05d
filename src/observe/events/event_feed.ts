/** What happens in the proxy, told to whoever listens at that moment. */

import type { ConnectionFacts } from "../log/access_line.ts";
import type { CloseReason } from "../close_reason.ts";
import type { EndpointEvent, ProxyEvent } from "./events.ts";

type OnEvent = (event: ProxyEvent) => void;
type Told = Pick<ConnectionFacts, "id" | "service" | "client">;

/** While nobody listens, telling costs a comparison. Events go to all subscribers in the order they are told. */
export class EventFeed {
  readonly #subscribers = new Set<{ readonly onEvent: OnEvent }>();
  readonly #onError: (error: unknown) => void;
  readonly #onHeard: (isHeard: boolean) => void;
  /** Told by subscribers while they were being told. */
  readonly #queue: ProxyEvent[] = [];
  #isTelling = false;

  /**
   * @param onError is told what a subscriber has thrown; that subscriber hears no more.
   * @param onHeard is told when somebody begins to listen where nobody did, and when the last one has stopped.
   */
  constructor(onError: (error: unknown) => void, onHeard: (isHeard: boolean) => void = () => {}) {
    this.#onError = onError;
    this.#onHeard = onHeard;
  }

  /** Whether anybody listens. */
  get isHeard(): boolean {
    return this.#subscribers.size > 0;
  }

  /** Calls `onEvent` for everything from now on, until the result is disposed of. It must not wait or block. */
  subscribe(onEvent: OnEvent): Disposable {
    const subscriber = { onEvent };
    this.#subscribers.add(subscriber);
    if (this.#subscribers.size === 1) this.#onHeard(true);
    return { [Symbol.dispose]: () => this.#unsubscribe(subscriber) };
  }

  /** Passes on what has happened in another thread. */
  forward(event: ProxyEvent): void {
    if (this.isHeard) this.#tell(event);
  }

  /** A connection was accepted. */
  opened(connection: Told): void {
    if (this.isHeard) this.#tell({ type: "opened", ...tellOf(connection) });
  }

  /** A connection has reached its upstream. */
  connected(connection: Told & Pick<ConnectionFacts, "upstream" | "endpoint">): void {
    if (!this.isHeard) return;
    const { upstream, endpoint } = connection;
    this.#tell({ type: "connected", ...tellOf(connection), upstream, endpoint });
  }

  /** A connection has ended, however far it came. */
  ended(connection: ConnectionFacts, ending: CloseReason): void {
    if (!this.isHeard) return;
    const told = tellOf(connection);
    const { kind, key: reason } = ending;
    if (kind !== "closed") {
      return this.#tell({ type: kind, ...told, reason, detail: ending.detail ?? ending.reason });
    }
    this.#tell({
      type: "closed",
      ...told,
      endpoint: connection.endpoint,
      reason,
      bytes: { upload: connection.fromClient.bytes, download: connection.fromUpstream.bytes },
      duration_ms: Math.round(connection.age),
    });
  }

  /** The state of an endpoint has changed. */
  endpointChanged(change: Omit<EndpointEvent, "type" | "time">): void {
    if (this.isHeard) this.#tell({ type: "endpoint", time: now(), ...change });
  }

  /** The configuration and certificates were read and log files opened anew: `detail` says what came of it. */
  reloaded(ok: boolean, detail: string): void {
    if (this.isHeard) this.#tell({ type: "reload", time: now(), ok, detail });
  }

  /** The proxy has begun to stop, with so many connections open. */
  draining(open: number): void {
    if (this.isHeard) this.#tell({ type: "drain", time: now(), open });
  }

  #tell(event: ProxyEvent): void {
    this.#queue.push(event);
    // What a subscriber causes comes after what he hears of, for the others too.
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#tellAll(next);
    this.#isTelling = false;
  }

  #tellAll(event: ProxyEvent): void {
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

  #unsubscribe(subscriber: { readonly onEvent: OnEvent }): void {
    if (this.#subscribers.delete(subscriber) && this.#subscribers.size === 0) this.#onHeard(false);
  }
}

function tellOf({ id, service, client }: Told): Told & { time: string } {
  return { time: now(), id, service, client };
}

function now(): string {
  return new Date().toISOString();
}
