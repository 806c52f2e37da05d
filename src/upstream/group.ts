/** A group of endpoints that can stand in for each other, as one thread uses it: which of them is next. */

import type { BalancePolicy, GroupConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import { abortable } from "../net/abortable.ts";
import type { UpstreamRow } from "../observe/accounts.ts";
import { Endpoint, type EndpointAccounts, type EndpointRecord, type EndpointState } from "./endpoint.ts";
import { EndpointSet } from "./endpoint_set.ts";
import { leastConnections } from "./least_connections.ts";
import type { Choice, Policy } from "./policy.ts";
import { randomTwo } from "./random_two.ts";
import { roundRobin } from "./round_robin.ts";
import { sourceHash } from "./source_hash.ts";
import type { TurnCredits } from "./turns.ts";

const POLICIES: Record<BalancePolicy, (credits: TurnCredits) => Policy> = {
  round_robin: roundRobin,
  least_connections: leastConnections,
  random_two: () => randomTwo(),
  source_hash: () => sourceHash(),
};

/** What a group tells those who hold connections to its endpoints. Nothing of it may throw. */
export interface GroupWatcher {
  /** An endpoint has come. */
  added(endpoint: Endpoint): void;
  /** An endpoint went down or away. */
  unusable(endpoint: Endpoint): void;
  /** A client has no place left at an endpoint: closes a connection that nobody uses, and tells whether there was one. */
  makeRoom(endpoint: Endpoint): boolean;
}

/** A failed connection, in words that every thread understands. */
export interface ConnectionFailure {
  readonly code: string;
  readonly reason: string;
}

/** What a group tells the one who decides for all threads. */
export interface GroupOwner {
  /** A connection could not be made, or was reset before it was of any use. */
  connectionFailed(group: string, endpoint: number, failure: ConnectionFailure): void;
  /** A client has no place left at an endpoint, and no connection of this thread is idle. */
  makeRoom(group: string, endpoint: number): void;
}

/** What a thread makes its groups with. */
export interface GroupParts {
  readonly row: UpstreamRow;
  /** Undefined for an endpoint that is gone already: word of that is on its way. */
  readonly accountsOf: (record: EndpointRecord) => EndpointAccounts | undefined;
  readonly credits: TurnCredits;
  readonly owner: GroupOwner;
}

export class Group {
  readonly row: UpstreamRow;
  #config: GroupConfig;
  #policy: Policy;
  #tiers: readonly (readonly Endpoint[])[] = [];
  readonly #credits: TurnCredits;
  readonly #owner: GroupOwner;
  readonly #endpoints: EndpointSet<EndpointRecord, Endpoint>;
  readonly #watchers = new Set<GroupWatcher>();
  readonly #choice = new EndpointChoice();
  /** Clients who wait for the first endpoints. */
  readonly #waiting = new Set<() => void>();

  constructor(config: GroupConfig, { row, accountsOf, credits, owner }: GroupParts) {
    this.row = row;
    this.#config = config;
    this.#policy = POLICIES[config.balance](credits);
    this.#credits = credits;
    this.#owner = owner;
    this.#endpoints = new EndpointSet({
      identityOf: ({ id }) => id,
      make: (record) => {
        const accounts = accountsOf(record);
        return accounts && new Endpoint(record, accounts);
      },
      update: (endpoint, record) => {
        endpoint.update(record);
        return true;
      },
    });
  }

  get config(): GroupConfig {
    return this.#config;
  }

  /** From now on this is how the next endpoint is chosen. */
  set config(config: GroupConfig) {
    if (config.balance !== this.#config.balance) this.#policy = POLICIES[config.balance](this.#credits);
    this.#config = config;
  }

  get name(): string {
    return this.#config.name;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints.all;
  }

  /** Resolves once there are endpoints, or when `signal` aborts. */
  async discovered(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await abortable(promise, signal).catch(() => {});
    this.#waiting.delete(resolve);
  }

  /** Makes these all its endpoints; those that stay keep their connections. */
  setEndpoints(records: readonly EndpointRecord[]): void {
    const { added, removed } = this.#endpoints.replace(records);
    const ranks = [...new Set(this.endpoints.map(({ tier }) => tier))].sort((a, b) => a - b);
    this.#tiers = ranks.map((rank) => this.endpoints.filter(({ tier }) => tier === rank));
    for (const endpoint of added) {
      for (const watcher of this.#watchers) watcher.added(endpoint);
    }
    for (const endpoint of removed) {
      this.#drop(endpoint);
      endpoint.retire();
    }
    if (this.endpoints.length === 0) return;
    for (const resolve of this.#waiting) resolve();
  }

  /** The group is gone: clients on their way to it, or to one of its endpoints, are served and counted no more. */
  retire(): void {
    for (const endpoint of this.endpoints) {
      this.#drop(endpoint);
      endpoint.retire();
    }
  }

  /** What was decided of an endpoint. @param abort Ends its open connections. */
  setState(id: number, state: EndpointState, abort: boolean): void {
    const endpoint = this.endpoints.find((each) => each.id === id);
    if (endpoint === undefined) return;
    const wasUp = endpoint.isUp;
    endpoint.state = state;
    if (abort) endpoint.abortConnections(new ProxyError("endpoint_down", "proxy"));
    if (wasUp && !endpoint.isUp) this.#drop(endpoint);
  }

  /**
   * The endpoint for the next client, who is counted there until `endpoint.leave()`. Undefined when every endpoint
   * is full or was `tried`. While none is up, all are used as if they were.
   */
  enter(client: string, tried: readonly Endpoint[]): Endpoint | undefined {
    for (;;) {
      const endpoint = this.#choose(client, tried, false) ??
        (this.endpoints.some(({ isUp }) => isUp) ? undefined : this.#choose(client, tried, true));
      if (endpoint === undefined || endpoint.enter()) return endpoint;
      // A client of another thread was the last one meanwhile: the endpoint is full now, and is not chosen again.
      if (!endpoint.isFull) return undefined;
    }
  }

  /** Tells `watcher` what happens, until the result is disposed of. */
  watch(watcher: GroupWatcher): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Has one connection to the endpoint closed that nobody uses, if there is any. */
  makeRoom(endpoint: Endpoint): void {
    if (!this.#makeRoomHere(endpoint)) this.#owner.makeRoom(this.name, endpoint.id);
  }

  /** The same, for a client of another thread. */
  makeRoomFor(id: number): void {
    const endpoint = this.endpoints.find((each) => each.id === id);
    if (endpoint !== undefined) this.#makeRoomHere(endpoint);
  }

  /** A connection to an endpoint was made, in so many milliseconds. */
  connected(endpoint: Endpoint, took: number): void {
    this.row.cells.connectTime.observe(took / 1000);
    endpoint.succeeded();
  }

  /** A connection to an endpoint could not be made, or was reset before it was of any use. */
  connectionFailed(endpoint: Endpoint, { code, reason }: ProxyError): void {
    endpoint.failed(code);
    this.#owner.connectionFailed(this.name, endpoint.id, { code, reason });
  }

  #choose(client: string, tried: readonly Endpoint[], evenDown: boolean): Endpoint | undefined {
    for (const tier of this.#tiers) {
      const choice = this.#choice.among(tier, client, tried, evenDown);
      const only = tier.length === 1 ? tier[0]! : undefined;
      const endpoint = only === undefined ? this.#policy(choice) : choice.isAllowed(only) ? only : undefined;
      if (endpoint !== undefined) return endpoint;
    }
    return undefined;
  }

  #makeRoomHere(endpoint: Endpoint): boolean {
    return this.#watchers.values().some((watcher) => watcher.makeRoom(endpoint));
  }

  #drop(endpoint: Endpoint): void {
    for (const watcher of this.#watchers) watcher.unusable(endpoint);
  }
}

/** What a policy is asked. One object serves all choices of a group, as each is made at once. */
class EndpointChoice implements Choice<Endpoint> {
  endpoints: readonly Endpoint[] = [];
  client = "";
  #tried: readonly Endpoint[] = [];
  #evenDown = false;

  among(endpoints: readonly Endpoint[], client: string, tried: readonly Endpoint[], evenDown: boolean): this {
    this.endpoints = endpoints;
    this.client = client;
    this.#tried = tried;
    this.#evenDown = evenDown;
    return this;
  }

  isAllowed(endpoint: Endpoint): boolean {
    const isUsable = endpoint.isUp || this.#evenDown && endpoint.state.admin === "up";
    return isUsable && !endpoint.isFull && !this.#tried.includes(endpoint);
  }
}
