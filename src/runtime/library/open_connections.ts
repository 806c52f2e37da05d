/** The open connections of a proxy, as a program sees them: followed by events, whatever thread relays them. */

import type { EventFeed } from "../../observe/events/event_feed.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";

/** Ends a connection in its thread; false when it has ended already. */
type End = (id: number, isReset: boolean) => Promise<boolean>;

/**
 * An open connection.
 *
 * @example Reset what is open
 * ```ts
 * import { type OpenConnection, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * const open: readonly OpenConnection[] = proxy.connections();
 * await Promise.all(open.map((connection) => connection.reset()));
 * ```
 */
export interface OpenConnection {
  /** As in events and logs. */
  readonly id: number;
  /** The name of its service. */
  readonly service: string;
  /** The client's address. */
  readonly client: string;
  /** The upstream's address; undefined until it is connected. */
  readonly endpoint: string | undefined;
  /** Closes both sides, with the reason `killed`; resolves when it has ended. */
  close(): Promise<void>;
  /** Resets both sides (RST), with the reason `killed`; resolves when it has ended. */
  reset(): Promise<void>;
}

export class OpenConnections {
  readonly #open = new Map<number, TrackedConnection>();
  readonly #subscription: Disposable;
  readonly #end: End;

  constructor(feed: Pick<EventFeed, "subscribe">, end: End) {
    this.#end = end;
    this.#subscription = feed.subscribe((event) => this.#on(event));
  }

  /** In the order of acceptance. */
  list(): readonly OpenConnection[] {
    return [...this.#open.values()];
  }

  close(): void {
    this.#subscription[Symbol.dispose]();
    for (const connection of this.#open.values()) connection.onEnd();
    this.#open.clear();
  }

  #on(event: ProxyEvent): void {
    if (!("id" in event)) return;
    const { type, id } = event;
    if (type === "opened") this.#open.set(id, new TrackedConnection(event, this.#end));
    else if (type === "connected") this.#open.get(id)?.onConnected(event.endpoint);
    else if (type === "closed" || type === "failed" || type === "refused") {
      this.#open.get(id)?.onEnd();
      this.#open.delete(id);
    }
  }
}

class TrackedConnection implements OpenConnection {
  readonly id: number;
  readonly service: string;
  readonly client: string;
  readonly #kill: End;
  readonly #ended = Promise.withResolvers<void>();
  #endpoint: string | undefined;

  constructor({ id, service, client }: Pick<OpenConnection, "id" | "service" | "client">, kill: End) {
    this.id = id;
    this.service = service;
    this.client = client;
    this.#kill = kill;
  }

  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  close(): Promise<void> {
    return this.#end(false);
  }

  reset(): Promise<void> {
    return this.#end(true);
  }

  onConnected(endpoint: string): void {
    this.#endpoint = endpoint;
  }

  onEnd(): void {
    this.#ended.resolve();
  }

  /** Its end may still be on its way from the other thread. */
  async #end(isReset: boolean): Promise<void> {
    if (await this.#kill(this.id, isReset)) await this.#ended.promise;
  }
}
