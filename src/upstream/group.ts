/** A group of endpoints that can stand in for each other, and which of them is next. */

import type { BalancePolicy, GroupConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import type { GaugeTable } from "../observe/gauge.ts";
import type { Log } from "../observe/log.ts";
import { Endpoint, type EndpointSpec } from "./endpoint.ts";
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

export class Group {
  readonly config: GroupConfig;
  readonly #gauges: GaugeTable;
  readonly #log: Log;
  readonly #policy: Policy;
  readonly #endpoints: EndpointSet;
  readonly #monitor: Monitor;
  readonly #onUnusable = new Set<(endpoint: Endpoint) => void>();
  readonly #choice = new EndpointChoice();
  #allDown = false;

  constructor(config: GroupConfig, gauges: GaugeTable, log: Log) {
    this.config = config;
    this.#gauges = gauges;
    this.#log = log;
    this.#policy = POLICIES[config.balance]();
    this.#endpoints = new EndpointSet((spec) => this.#makeEndpoint(spec));
    this.#monitor = new Monitor(config, log, {
      onEndpoints: (specs) => this.#replaceEndpoints(specs),
      onHealth: (endpoint, state) => state === "down" ? this.#wentDown(endpoint) : this.#cameUp(),
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
   * The endpoint for the next connection, in which a place is taken: give it back with `endpoint.leave()`. Undefined
   * when every endpoint is full or was `tried`. While none is up, all are used as if they were.
   */
  enter(client: string, tried: readonly Endpoint[]): Endpoint | undefined {
    for (;;) {
      const endpoint = this.#choose(client, tried, false) ??
        (this.endpoints.some(({ isUp }) => isUp) ? undefined : this.#choose(client, tried, true));
      if (endpoint === undefined || endpoint.enter()) return endpoint;
      // Another thread took the last place meanwhile: the endpoint is full now, and is not chosen again.
      if (!endpoint.isFull) return undefined;
    }
  }

  /** Calls `drop` for every endpoint that goes down or away, until the result is disposed of. */
  onUnusable(drop: (endpoint: Endpoint) => void): Disposable {
    this.#onUnusable.add(drop);
    return { [Symbol.dispose]: () => void this.#onUnusable.delete(drop) };
  }

  /** A connection to an endpoint was made. */
  connected(endpoint: Endpoint): void {
    endpoint.succeeded();
    if (this.#allDown) this.#cameUp();
  }

  /** A connection to an endpoint could not be made, or was reset before it was of any use. */
  connectionFailed(endpoint: Endpoint, error: ProxyError): void {
    const wasUp = endpoint.isUp;
    if (wasUp) this.#cameUp();
    if (!endpoint.failed()) return;
    this.#log.warn(`${this.name}: endpoint ${endpoint.key} is taken out for a while, ${error.reason}`, {
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
    const gauge = this.#gauges.claim();
    if (gauge !== undefined) return new Endpoint(spec, gauge, this.config.passive);
    this.#log.error(`${this.name}: no room left in the accounts for another endpoint`, {
      event: "endpoint_refused",
      upstream: this.name,
    });
    return undefined;
  }

  #replaceEndpoints(specs: readonly EndpointSpec[]): void {
    const { added, removed } = this.#endpoints.replace(specs);
    for (const endpoint of added) this.#monitor.watch(endpoint);
    for (const endpoint of removed) {
      this.#monitor.unwatch(endpoint);
      this.#drop(endpoint);
      endpoint.retire();
    }
    const keys = this.endpoints.map(({ key }) => key).join(", ");
    this.#log.info(`${this.name}: endpoints are now ${keys}`, {
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
    this.#log.info(`${this.name}: an endpoint is up again`, { event: "group_up", upstream: this.name });
  }

  #wentDown(endpoint: Endpoint): void {
    this.#drop(endpoint);
    if (this.config.onDown === "close") {
      endpoint.abortConnections(new ProxyError("endpoint_down", "proxy"));
    }
    if (this.#allDown || this.endpoints.some(({ isUp }) => isUp)) return;
    this.#allDown = true;
    this.#log.error(`${this.name}: no endpoint is up, trying them all the same`, {
      event: "group_down",
      upstream: this.name,
    });
  }

  #drop(endpoint: Endpoint): void {
    for (const drop of this.#onUnusable) drop(endpoint);
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
    return (this.#evenDown || endpoint.isUp) && !endpoint.isFull && !this.#tried.includes(endpoint);
  }
}
