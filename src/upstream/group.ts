/** A group of endpoints that can stand in for each other, and which of them is next. */

import type { BalancePolicy, GroupConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import type { Accounts, UpstreamRow } from "../observe/accounts.ts";
import type { EventFeed } from "../observe/event_feed.ts";
import type { GaugeTable } from "../observe/gauge.ts";
import type { HistogramFigures } from "../observe/histogram.ts";
import type { Log } from "../observe/log.ts";
import { type AdminState, Endpoint, type EndpointSpec } from "./endpoint.ts";
import { EndpointSet } from "./endpoint_set.ts";
import { leastConnections } from "./least_connections.ts";
import { Monitor } from "./monitor.ts";
import type { Choice, Policy } from "./policy.ts";
import { randomTwo } from "./random_two.ts";
import { roundRobin } from "./round_robin.ts";
import { sourceHash } from "./source_hash.ts";

const POLICIES: Record<BalancePolicy, () => Policy> = {
  round_robin: roundRobin,
  least_connections: leastConnections,
  random_two: randomTwo,
  source_hash: sourceHash,
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

/** What groups share. */
export interface GroupParts {
  readonly gauges: GaugeTable;
  readonly accounts: Accounts;
  readonly events: EventFeed;
  readonly log: Log;
}

export class Group {
  readonly config: GroupConfig;
  readonly #parts: GroupParts;
  readonly #row: UpstreamRow;
  readonly #policy: Policy;
  readonly #endpoints: EndpointSet;
  readonly #monitor: Monitor;
  readonly #watchers = new Set<GroupWatcher>();
  readonly #choice = new EndpointChoice();
  #allDown = false;

  constructor(config: GroupConfig, parts: GroupParts) {
    this.config = config;
    this.#parts = parts;
    this.#row = parts.accounts.upstreams.claim()!;
    this.#policy = POLICIES[config.balance]();
    this.#endpoints = new EndpointSet((spec) => this.#makeEndpoint(spec));
    this.#monitor = new Monitor(config, parts.log, {
      onEndpoints: (specs) => this.#replaceEndpoints(specs),
      onHealth: (endpoint, state) => {
        this.#tell(endpoint, "health check");
        if (state === "down") this.#wentDown(endpoint);
        else this.#cameUp();
      },
    });
    if (config.discovery !== undefined) return;
    this.#endpoints.replace(config.endpoints.map((each) => ({ ...each, tier: each.backup ? 1 : 0 })));
  }

  get name(): string {
    return this.config.name;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints.all;
  }

  /** Why it is not known yet what works here, in words. */
  get notReady(): string[] {
    const { healthCheck } = this.config;
    if (this.endpoints.length === 0) return [`${this.name}: no endpoint is known yet`];
    const isChecked = healthCheck === undefined || this.endpoints.every(({ health }) => health !== "unknown");
    return isChecked ? [] : [`${this.name}: the first health checks are under way`];
  }

  /** In seconds: how long it took to make each connection, those opened ahead included. */
  get connectTime(): HistogramFigures {
    return this.#row.figures().connectTime;
  }

  /** Starts health checks and discovery. */
  start(): void {
    this.#monitor.start(this.endpoints);
  }

  async stop(): Promise<void> {
    await this.#monitor.stop();
    for (const endpoint of this.endpoints) endpoint.retire();
  }

  /** Resolves once the names were looked up for the first time, or when `signal` aborts. */
  discovered(signal: AbortSignal): Promise<void> {
    return this.#monitor.discovered(signal);
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
    this.#watchers.values().some((watcher) => watcher.makeRoom(endpoint));
  }

  /** Does what an operator says of an endpoint. */
  setAdmin(endpoint: Endpoint, admin: AdminState): void {
    if (endpoint.admin === admin) return;
    const wasUp = endpoint.isUp;
    endpoint.admin = admin;
    this.#parts.log.info(`${this.name}: endpoint ${endpoint.key} is set to ${admin}`, {
      event: "endpoint_set",
      upstream: this.name,
      endpoint: endpoint.key,
      admin,
    });
    this.#tell(endpoint, "operator");
    if (admin === "down") endpoint.abortConnections(new ProxyError("endpoint_down", "proxy"));
    if (endpoint.isUp) this.#cameUp();
    else if (wasUp) this.#isOut(endpoint);
  }

  /** A connection to an endpoint was made, in so many milliseconds. */
  connected(endpoint: Endpoint, took: number): void {
    this.#row.cells.connectTime.observe(took / 1000);
    endpoint.succeeded();
    if (this.#allDown) this.#cameUp();
  }

  /** A connection to an endpoint could not be made, or was reset before it was of any use. */
  connectionFailed(endpoint: Endpoint, error: ProxyError): void {
    const wasUp = endpoint.isUp;
    if (wasUp) this.#cameUp();
    if (!endpoint.failed(error.code)) return;
    this.#tell(endpoint, error.reason);
    this.#parts.log.warn(`${this.name}: endpoint ${endpoint.key} is taken out for a while, ${error.reason}`, {
      event: "endpoint_ejected",
      upstream: this.name,
      endpoint: endpoint.key,
      code: error.code,
      failures: this.config.passive?.failures,
      eject_ms: this.config.passive?.eject,
    });
    // One that was down already, and used because all were, keeps its connections.
    if (wasUp) this.#wentDown(endpoint);
  }

  #choose(client: string, tried: readonly Endpoint[], evenDown: boolean): Endpoint | undefined {
    for (const tier of this.#endpoints.tiers) {
      const choice = this.#choice.among(tier, client, tried, evenDown);
      const only = tier.length === 1 ? tier[0]! : undefined;
      const endpoint = only === undefined ? this.#policy(choice) : choice.isAllowed(only) ? only : undefined;
      if (endpoint !== undefined) return endpoint;
    }
    return undefined;
  }

  #makeEndpoint(spec: EndpointSpec): Endpoint | undefined {
    const { gauges, accounts, log } = this.#parts;
    const row = accounts.endpoints.claim();
    const clients = gauges.claim();
    const open = spec.maxConnections > 0 ? gauges.claim() : undefined;
    const isCounted = row !== undefined && clients !== undefined;
    if (isCounted && (open !== undefined || spec.maxConnections === 0)) {
      return new Endpoint(spec, { row, clients, open }, this.config.passive);
    }
    row?.release();
    clients?.release();
    open?.release();
    log.error(`${this.name}: no room left in the accounts for another endpoint`, {
      event: "endpoint_refused",
      upstream: this.name,
    });
    return undefined;
  }

  #replaceEndpoints(specs: readonly EndpointSpec[]): void {
    const { added, removed } = this.#endpoints.replace(specs);
    for (const endpoint of added) {
      this.#monitor.watch(endpoint);
      for (const watcher of this.#watchers) watcher.added(endpoint);
    }
    for (const endpoint of removed) {
      this.#monitor.unwatch(endpoint);
      this.#drop(endpoint);
      endpoint.retire();
    }
    const keys = this.endpoints.map(({ key }) => key).join(", ");
    this.#parts.log.info(`${this.name}: endpoints are now ${keys}`, {
      event: "endpoints_changed",
      upstream: this.name,
      added: added.length,
      removed: removed.length,
    });
  }

  /** An ejection ends without anybody being told, so this is asked whenever an endpoint turns out to be up. */
  #cameUp(): void {
    if (!this.#allDown || !this.endpoints.some(({ isUp }) => isUp)) return;
    this.#allDown = false;
    this.#parts.log.info(`${this.name}: an endpoint is up again`, { event: "group_up", upstream: this.name });
  }

  #wentDown(endpoint: Endpoint): void {
    if (this.config.onDown === "close") {
      endpoint.abortConnections(new ProxyError("endpoint_down", "proxy"));
    }
    this.#isOut(endpoint);
  }

  /** It gets no more connections. */
  #isOut(endpoint: Endpoint): void {
    this.#drop(endpoint);
    if (this.#allDown || this.endpoints.some(({ isUp }) => isUp)) return;
    this.#allDown = true;
    // What an operator has taken out is not tried, whatever else is down.
    const isTried = this.endpoints.some(({ admin }) => admin === "up");
    const means = isTried ? "trying them all the same" : "and none may be tried: clients are dropped";
    this.#parts.log.error(`${this.name}: no endpoint is up, ${means}`, {
      event: "group_down",
      upstream: this.name,
    });
  }

  #tell(endpoint: Endpoint, reason: string): void {
    const { key, state, admin } = endpoint;
    this.#parts.events.endpointChanged({ upstream: this.name, endpoint: key, state, admin, reason });
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
    const isUsable = endpoint.isUp || this.#evenDown && endpoint.admin === "up";
    return isUsable && !endpoint.isFull && !this.#tried.includes(endpoint);
  }
}
