/** A group of interchangeable endpoints, as one thread uses it: chooses the next one. */

import type { GroupConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import type { UpstreamRow } from "../observe/counters/accounts.ts";
import { Endpoint, type EndpointRecord, type EndpointState } from "./endpoint.ts";
import type { GroupParts, GroupWatcher } from "./group_parts.ts";
import { type ClientAddress, EndpointChoice, TRUST, type Trust } from "./balance/endpoint_choice.ts";
import { EndpointSet } from "./discovery/endpoint_set.ts";
import type { Policy } from "./balance/policy.ts";
import { policyOf } from "./balance/registry.ts";
import { Settling } from "./health/settling.ts";
import { StuckChoice } from "./stick/stuck_choice.ts";
import type { Unavailable } from "./unavailable.ts";
import { GroupWaits } from "./waiting/group_waits.ts";

export class Group {
  readonly row: UpstreamRow;
  #config: GroupConfig;
  #policy: Policy;
  #tiers: readonly (readonly Endpoint[])[] = [];
  /** The endpoint of a group of one. */
  #only: Endpoint | undefined;
  readonly #parts: GroupParts;
  readonly #endpoints: EndpointSet<EndpointRecord, Endpoint>;
  readonly #watchers = new Set<GroupWatcher>();
  readonly #choice = new EndpointChoice((endpoint) => this.#mayUse(endpoint));
  readonly #settling = new Settling();
  readonly waits: GroupWaits = new GroupWaits(this);
  /** Whether it had an endpoint at any time. */
  #wasKnown = false;
  readonly #stuck: StuckChoice;

  constructor(config: GroupConfig, parts: GroupParts) {
    const { row, accountsOf, credits, stuck, owner } = this.#parts = parts;
    this.#stuck = new StuckChoice(stuck, config.name, owner);
    this.row = row;
    this.#config = config;
    this.#policy = policyOf(config.balance, credits);
    this.#endpoints = new EndpointSet({
      identityOf: ({ id }) => id,
      make: (record) => {
        const accounts = accountsOf(record);
        return accounts && new Endpoint(record, accounts);
      },
      update: (endpoint, record) => {
        const wasUp = endpoint.isUp;
        endpoint.update(record);
        if (wasUp && !endpoint.isUp) this.#drop(endpoint);
        return true;
      },
    });
  }

  get config(): GroupConfig {
    return this.#config;
  }

  /** Changes the balancing policy, and how clients wait. */
  set config(config: GroupConfig) {
    this.#policy = policyOf(config.balance, this.#parts.credits);
    this.#config = config;
    this.waits.configured();
    this.#stateChanged();
  }

  get name(): string {
    return this.#config.name;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints.all;
  }

  /**
   * Whether enough is known to choose an endpoint: there is one, or there are several and their first results have
   * arrived or the time for them has passed.
   */
  get isSettled(): boolean {
    return this.#settling.isSettled && this.stuck?.isKnown(this.endpoints) !== false;
  }

  /** Resolves when {@linkcode isSettled} is true, or when `signal` aborts. */
  settled(signal: AbortSignal): Promise<void> {
    return this.#settling.settled(signal);
  }

  /** Where all new clients go, with `stick: endpoint`. */
  get stuck(): StuckChoice | undefined {
    return this.#config.stick === "endpoint" ? this.#stuck : undefined;
  }

  /** Replaces the endpoints; those that remain keep their connections. */
  setEndpoints(records: readonly EndpointRecord[]): void {
    const { added, removed } = this.#endpoints.replace(records);
    const ranks = [...new Set(this.endpoints.map(({ tier }) => tier))].sort((a, b) => a - b);
    this.#tiers = ranks.map((rank) => this.endpoints.filter(({ tier }) => tier === rank));
    this.#only = this.endpoints.length === 1 ? this.endpoints[0] : undefined;
    this.#wasKnown ||= added.length > 0;
    this.findOwn(added);
    for (const endpoint of added) {
      endpoint.waits = this.waits;
      for (const watcher of this.#watchers) watcher.added(endpoint);
    }
    for (const endpoint of removed) {
      this.#drop(endpoint);
      endpoint.retire();
    }
    this.#stateChanged();
  }

  /** Finds endpoints where the program listens: now, so that connections need not. */
  findOwn(endpoints = this.endpoints): void {
    for (const each of endpoints) each.isOwn = this.#parts.ownListeners?.has(each.address) === true;
  }

  /** The group is removed: serves clients that are connecting to it, but does not count them. */
  retire(): void {
    for (const endpoint of this.endpoints) {
      this.#drop(endpoint);
      endpoint.retire();
    }
    this.waits.retire();
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
   * The endpoint for the next client, which counts there until `endpoint.leave()`. It never chooses an endpoint in
   * `tried`. It chooses one that was not checked yet only while no check has found another up. While none is up, it
   * uses all (panic mode), unless the configuration says otherwise. Clients that wait for a place go first.
   */
  enter(client: ClientAddress, tried: readonly Endpoint[]): Endpoint | Unavailable {
    if (this.waits.queue !== undefined && tried.length === 0 && this.waits.queue.isAwaited) return "full";
    return this.takePlace(client, tried);
  }

  /** The same for a client whose turn it is. */
  takePlace(client: ClientAddress, tried: readonly Endpoint[]): Endpoint | Unavailable {
    if (this.stuck !== undefined) return this.#enterStuck(this.stuck.find(this.endpoints), tried);
    if (this.#only !== undefined) return this.#enterOnly(this.#only, tried);
    const choice = this.#choice.begin(client, tried, this.#config.healthCheck !== undefined);
    for (;;) {
      const endpoint = this.#choose();
      if (endpoint === undefined) return choice.sawFull ? "full" : this.#whyNone;
      if (endpoint.enter()) return endpoint;
      // A client of another thread took the last slot. The endpoint was full for this client, even if it is
      // not now.
      choice.wasFull(endpoint);
    }
  }

  /** Whether any endpoint has a place. */
  get hasPlace(): boolean {
    return this.endpoints.some(({ isFull }) => !isFull);
  }

  /** Whether an endpoint may be tried. */
  get canTry(): boolean {
    return this.endpoints.some((endpoint) => this.#mayUse(endpoint));
  }

  /** Whether a new connection may stay: decisions during its connect did not affect it. */
  keeps(endpoint: Endpoint): boolean {
    if (this.stuck?.isAt(endpoint) === false) return false;
    return endpoint.state.admin !== "down" && !(this.#closesDown && endpoint.isOut);
  }

  /** Notifies `watcher` until the result is disposed of. */
  watch(watcher: GroupWatcher): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Closes one idle connection to the endpoint, if there is one. */
  evictIdle(endpoint: Endpoint): void {
    if (!this.#evictIdleHere(endpoint)) this.#parts.owner.evictIdle(this.name, endpoint.id);
  }

  /** Does the same for a client of another thread. */
  evictIdleById(id: number): void {
    const endpoint = this.endpoints.find((each) => each.id === id);
    if (endpoint !== undefined) this.#evictIdleHere(endpoint);
  }

  /** A connection to an endpoint was made; that took `took` milliseconds. */
  connected(endpoint: Endpoint, took: number): void {
    this.row.cells.connectTime.observe(took / 1000);
    endpoint.succeeded();
    if (this.#config.onAllDown === "wait") this.waits.connected();
  }

  /** A connection to an endpoint could not be made, or was reset before it carried data. */
  connectionFailed(endpoint: Endpoint, { code, reason }: ProxyError): void {
    endpoint.failed(code);
    this.#parts.owner.connectionFailed(this.name, endpoint.id, { code, reason });
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

  /** With `on_down: close`, connections to a down endpoint are closed if another one was found up. */
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
    this.waits.changed();
  }

  /** Whether to wait for first results. Not for a single endpoint, which is used whatever its check finds. */
  get #isPending(): boolean {
    const { endpoints } = this;
    if (endpoints.length === 0) return this.#awaitsFirst;
    if (this.#config.healthCheck === undefined || endpoints.length < 2) return false;
    return endpoints.some((endpoint) => endpoint.isUp && !this.#isFoundUp(endpoint));
  }

  #evictIdleHere(endpoint: Endpoint): boolean {
    return this.#watchers.values().some((watcher) => watcher.evictIdle(endpoint));
  }

  #drop(endpoint: Endpoint): void {
    for (const watcher of this.#watchers) watcher.unusable(endpoint);
  }

  /** With `on_all_down`, clients wait elsewhere, or are refused once all endpoints have gone. */
  get #awaitsFirst(): boolean {
    const { onAllDown } = this.#config;
    return onAllDown === "try" || onAllDown === "refuse" && !this.#wasKnown;
  }

  get #whyNone(): Unavailable {
    if (this.endpoints.length === 0) return "unknown";
    return this.endpoints.some(({ state }) => state.admin === "up") ? "down" : "taken_out";
  }

  #mayUse(endpoint: Endpoint): boolean {
    return endpoint.state.admin === "up" && (!endpoint.isOut || this.waits.mayTry(endpoint));
  }

  /** Whatever this thread knows of its health: the supervisor, which has chosen it, may know more. */
  #enterStuck(stuck: Endpoint | Unavailable, tried: readonly Endpoint[]): Endpoint | Unavailable {
    if (typeof stuck === "string") return stuck;
    if (tried.includes(stuck) || stuck.isOut && !this.waits.mayTry(stuck)) return this.#whyNone;
    return stuck.enter() ? stuck : "full";
  }

  /** A group of one leaves nothing to choose. */
  #enterOnly(endpoint: Endpoint, tried: readonly Endpoint[]): Endpoint | Unavailable {
    if (tried.includes(endpoint) || !this.#mayUse(endpoint)) return this.#whyNone;
    return endpoint.enter() ? endpoint : "full";
  }
}
