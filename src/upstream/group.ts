/** A group of interchangeable endpoints, as one thread uses it: chooses the next one. */

import type { GroupConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import type { UpstreamRow } from "../observe/counters/accounts.ts";
import { Endpoint, type EndpointAccounts, type EndpointRecord, type EndpointState } from "./endpoint.ts";
import { type ClientAddress, EndpointChoice, TRUST, type Trust } from "./balance/endpoint_choice.ts";
import { EndpointSet } from "./discovery/endpoint_set.ts";
import type { Policy } from "./balance/policy.ts";
import { policyOf } from "./balance/registry.ts";
import { Settling } from "./health/settling.ts";
import type { TurnCredits } from "./balance/smooth_weighted_round_robin.ts";

/** Notified of changes that concern connections to endpoints. The methods must not throw. */
export interface GroupWatcher {
  /** An endpoint was added. */
  added(endpoint: Endpoint): void;
  /** An endpoint went down or was removed. */
  unusable(endpoint: Endpoint): void;
  /** An endpoint is full: closes one of its idle connections; false if there is none. */
  evictIdle(endpoint: Endpoint): boolean;
}

/** A failed connection, as it is sent to other threads. */
export interface ConnectionFailure {
  readonly code: string;
  readonly reason: string;
}

/** Receives the reports of a group, and decides for all threads. */
export interface GroupOwner {
  /** A connection could not be made, or was reset before it carried data. */
  connectionFailed(group: string, endpoint: number, failure: ConnectionFailure): void;
  /** An endpoint is full, and this thread has no idle connection to it. */
  evictIdle(group: string, endpoint: number): void;
}

export interface GroupParts {
  readonly row: UpstreamRow;
  /** Undefined for an endpoint that is removed already: the update is on its way. */
  readonly accountsOf: (record: EndpointRecord) => EndpointAccounts | undefined;
  readonly credits: TurnCredits;
  readonly owner: GroupOwner;
}

/**
 * Why there is no endpoint for a client: all usable ones are full, an operator has disabled all, or none is known.
 */
export type Unavailable = "full" | "taken_out" | "unknown";

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
  readonly #settling = new Settling();

  constructor(config: GroupConfig, { row, accountsOf, credits, owner }: GroupParts) {
    this.row = row;
    this.#config = config;
    this.#policy = policyOf(config.balance, credits);
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

  /** Changes the balancing policy. */
  set config(config: GroupConfig) {
    this.#policy = policyOf(config.balance, this.#credits);
    this.#config = config;
    this.#stateChanged();
  }

  get name(): string {
    return this.#config.name;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints.all;
  }

  /**
   * Whether enough is known to choose an endpoint: there are endpoints, and if there are several, their first
   * results are there or the time for them has passed.
   */
  get isSettled(): boolean {
    return this.#settling.isSettled;
  }

  /** Resolves once it {@linkcode isSettled}, or when `signal` aborts. */
  settled(signal: AbortSignal): Promise<void> {
    return this.#settling.settled(signal);
  }

  /** Replaces the endpoints; those that remain keep their connections. */
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
    this.#stateChanged();
  }

  /** The group is removed: clients that are connecting to it are served, but not counted. */
  retire(): void {
    for (const endpoint of this.endpoints) {
      this.#drop(endpoint);
      endpoint.retire();
    }
    this.#stateChanged();
  }

  /** Applies the decided state of an endpoint. @param abort Whether to close its open connections. */
  setState(id: number, state: EndpointState, abort: boolean): void {
    const endpoint = this.endpoints.find((each) => each.id === id);
    if (endpoint === undefined) return;
    const wasUp = endpoint.isUp;
    endpoint.state = state;
    if (abort) endpoint.abortConnections(new ProxyError("endpoint_down", "proxy"));
    if (wasUp && !endpoint.isUp) this.#drop(endpoint);
    this.#stateChanged();
  }

  /**
   * The endpoint for the next client, which counts there until `endpoint.leave()`. An endpoint in `tried` is
   * not chosen again. An endpoint before its first check is used only while none was found up. While none is
   * up, all are used as if they were.
   */
  enter(client: ClientAddress, tried: readonly Endpoint[]): Endpoint | Unavailable {
    const choice = this.#choice.begin(client, tried, this.#config.healthCheck !== undefined);
    for (;;) {
      const endpoint = this.#choose();
      if (endpoint === undefined) {
        return choice.sawFull ? "full" : this.endpoints.length > 0 ? "taken_out" : "unknown";
      }
      if (endpoint.enter()) return endpoint;
      // A client of another thread took the last slot. The endpoint was full for this client, even if it is
      // not now.
      choice.wasFull(endpoint);
    }
  }

  /** Whether a new connection may stay. Decisions during its connect did not reach it. */
  keeps(endpoint: Endpoint): boolean {
    return endpoint.state.admin !== "down" && !(this.#closesDown && endpoint.isOut);
  }

  /** Notifies `watcher` until the result is disposed of. */
  watch(watcher: GroupWatcher): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Closes one idle connection to the endpoint, if there is one. */
  evictIdle(endpoint: Endpoint): void {
    if (!this.#makeRoomHere(endpoint)) this.#owner.evictIdle(this.name, endpoint.id);
  }

  /** The same, for a client of another thread. */
  makeRoomFor(id: number): void {
    const endpoint = this.endpoints.find((each) => each.id === id);
    if (endpoint !== undefined) this.#makeRoomHere(endpoint);
  }

  /** A connection to an endpoint was made, in `took` milliseconds. */
  connected(endpoint: Endpoint, took: number): void {
    this.row.cells.connectTime.observe(took / 1000);
    endpoint.succeeded();
  }

  /** A connection to an endpoint could not be made, or was reset before it carried data. */
  connectionFailed(endpoint: Endpoint, { code, reason }: ProxyError): void {
    endpoint.failed(code);
    this.#owner.connectionFailed(this.name, endpoint.id, { code, reason });
  }

  #choose(): Endpoint | undefined {
    for (const trust of TRUST) {
      const endpoint = this.#chooseBy(trust);
      // Full is not down: clients do not fall back to a worse endpoint.
      if (endpoint !== undefined || this.#choice.hasUsable(this.endpoints)) return endpoint;
    }
    return undefined;
  }

  #chooseBy(trust: Trust): Endpoint | undefined {
    for (const tier of this.#tiers) {
      const choice = this.#choice.among(tier, trust);
      const only = tier.length === 1 ? tier[0]! : undefined;
      const endpoint = only === undefined ? this.#policy(choice) : choice.isAllowed(only) ? only : undefined;
      if (endpoint !== undefined) return endpoint;
    }
    return undefined;
  }

  #isFoundUp(endpoint: Endpoint): boolean {
    return endpoint.isUp && (this.#config.healthCheck === undefined || endpoint.state.health === "up");
  }

  get #hasFoundUp(): boolean {
    return this.endpoints.some((endpoint) => this.#isFoundUp(endpoint));
  }

  /** With `on_down: close`, connections to a down endpoint close once a better one exists. */
  get #closesDown(): boolean {
    return this.#config.onDown === "close" && this.#hasFoundUp;
  }

  /** The health of an endpoint, or the list of endpoints, has changed. */
  #stateChanged(): void {
    if (this.#closesDown) {
      for (const endpoint of this.endpoints) {
        // These clients arrived while no endpoint was up.
        if (endpoint.isOut) endpoint.abortConnections(new ProxyError("endpoint_down", "proxy"));
      }
    }
    this.#settling.update({ hasUsable: this.#hasFoundUp, isPending: this.#isPending });
  }

  /** Whether to wait for first results: a single endpoint is used whatever its check finds. */
  get #isPending(): boolean {
    const { endpoints } = this;
    if (this.#config.healthCheck === undefined || endpoints.length < 2) return endpoints.length === 0;
    return endpoints.some((endpoint) => endpoint.isUp && !this.#isFoundUp(endpoint));
  }

  #makeRoomHere(endpoint: Endpoint): boolean {
    return this.#watchers.values().some((watcher) => watcher.evictIdle(endpoint));
  }

  #drop(endpoint: Endpoint): void {
    for (const watcher of this.#watchers) watcher.unusable(endpoint);
  }
}
