/** What is known of a group, decided in one place for all threads: its endpoints, and which of them work. */

import { isDeepStrictEqual } from "node:util";
import type { GroupConfig, PassiveConfig } from "../config/config.ts";
import { formatAddress } from "../net/address.ts";
import { AccountsFullError } from "../observe/counters/accounts_full_error.ts";
import type { Accounts, UpstreamRow } from "../observe/counters/accounts.ts";
import type { EventFeed } from "../observe/events/event_feed.ts";
import type { GaugeTable } from "../shared/gauge.ts";
import type { Log } from "../observe/log/log.ts";
import { CheckLeg, type CheckLegOptions } from "./health/check_leg.ts";
import type { AdminState, EndpointRecord, EndpointSpec, EndpointState } from "./endpoint.ts";
import { EndpointSet } from "./discovery/endpoint_set.ts";
import type { ConnectionFailure } from "./group.ts";
import { EndpointController } from "./endpoint_controller.ts";
import { Monitor } from "./health/monitor.ts";
import type { TurnCredits } from "./balance/smooth_weighted_round_robin.ts";
import type { UpstreamTlsMaterial } from "./upstream_tls.ts";

/** Whom a keeper tells what it has decided: all threads. */
export interface GroupAudience {
  setEndpoints(group: string, records: readonly EndpointRecord[]): void;
  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void;
}

export interface KeeperParts {
  readonly gauges: GaugeTable;
  readonly accounts: Accounts;
  readonly credits: TurnCredits;
  readonly events: EventFeed;
  readonly log: Log;
  readonly audience: GroupAudience;
}

export class GroupController {
  readonly row: UpstreamRow;
  readonly #parts: KeeperParts;
  readonly #endpoints: EndpointSet<EndpointSpec, EndpointController>;
  #config: GroupConfig;
  #leg: CheckLeg;
  #monitor: Monitor;
  /** Those that are being stopped. */
  #stopping: Promise<void> = Promise.resolve();
  #isStarted = false;
  #allDown = false;

  /**
   * @param leg How health checks start.
   * @throws {AccountsFullError} when the accounts have no room for another group.
   */
  constructor(config: GroupConfig, parts: KeeperParts, leg: CheckLegOptions = {}) {
    const row = parts.accounts.upstreams.claim();
    if (row === undefined) throw new AccountsFullError("upstream groups");
    this.row = row;
    this.#config = config;
    this.#leg = new CheckLeg(leg);
    this.#parts = parts;
    this.#endpoints = new EndpointSet({
      identityOf,
      make: (spec) => this.#makeEndpoint(spec),
      update: (endpoint, spec) => endpoint.update(spec),
    });
    this.#monitor = this.#makeMonitor();
    if (config.discovery === undefined) this.#endpoints.replace(specsOf(config));
  }

  get config(): GroupConfig {
    return this.#config;
  }

  get name(): string {
    return this.#config.name;
  }

  get endpoints(): readonly EndpointController[] {
    return this.#endpoints.all;
  }

  /** The endpoints as threads are told of them. */
  get records(): EndpointRecord[] {
    return this.endpoints.map((endpoint) => endpoint.record());
  }

  /** Why it is not known yet what works here, in words. */
  get notReady(): string[] {
    const { healthCheck } = this.#config;
    if (this.endpoints.length === 0) return [`${this.name}: no endpoint is known yet`];
    const isChecked = healthCheck === undefined || this.endpoints.every(({ health }) => health !== "unknown");
    return isChecked ? [] : [`${this.name}: the first health checks are under way`];
  }

  /** Starts health checks and discovery. */
  start(): void {
    this.#isStarted = true;
    this.#monitor.start(this.endpoints);
  }

  /** @param unused Resolves when no connection is made any more; until then it is only not watched. */
  async stop(unused?: Promise<void>): Promise<void> {
    await Promise.all([this.#monitor.stop(), this.#stopping, unused]);
    for (const endpoint of this.endpoints) endpoint.retire();
    this.row.release();
  }

  /**
   * Replaces the group's configuration. Remaining endpoints keep their state.
   *
   * @param leg How health checks start.
   */
  update(config: GroupConfig, leg: CheckLegOptions = {}): void {
    const before = this.#config;
    const legBefore = this.#leg;
    this.#config = config;
    this.#leg = legBefore.updatedTo(leg);
    if (!isDeepStrictEqual(before.passive, config.passive)) this.#setPassive(config.passive);
    const isWatchedAlike = this.#leg === legBefore && isDeepStrictEqual(watchOf(before), watchOf(config));
    if (!isWatchedAlike) this.#stopMonitor(before);
    if (config.discovery === undefined) this.#replaceEndpoints(specsOf(config));
    if (isWatchedAlike) return;
    this.#monitor = this.#makeMonitor();
    if (this.#isStarted) this.#monitor.start(this.endpoints);
  }

  /** A service has new certificates, which its group's checks use too. */
  setTls(service: string, material: UpstreamTlsMaterial | undefined): void {
    if (this.#leg.service === service && material !== undefined) this.#leg.tls!.update(material);
  }

  /** Does what an operator says of an endpoint. */
  setAdmin(endpoint: EndpointController, admin: AdminState): void {
    if (endpoint.admin === admin) return;
    const wasUp = endpoint.isUp;
    endpoint.admin = admin;
    this.#parts.log.info(`${this.name}: endpoint ${endpoint.key} is set to ${admin}`, {
      event: "endpoint_set",
      upstream: this.name,
      endpoint: endpoint.key,
      admin,
    });
    this.#changed(endpoint, "operator", admin === "down");
    if (endpoint.isUp) this.#cameUp();
    else if (wasUp) this.#isOut();
  }

  /** A connection of whatever thread to an endpoint could not be made, or was reset before it was of any use. */
  connectionFailed(id: number, { code, reason }: ConnectionFailure): void {
    const endpoint = this.endpoints.find((each) => each.id === id);
    if (endpoint === undefined) return;
    const wasUp = endpoint.isUp;
    if (!endpoint.failed(() => this.#backIn(endpoint))) return;
    // One that was down already, and used because all were, keeps its connections.
    this.#changed(endpoint, reason, wasUp && this.#config.onDown === "close");
    this.#parts.log.warn(`${this.name}: endpoint ${endpoint.key} is taken out for a while, ${reason}`, {
      event: "endpoint_ejected",
      upstream: this.name,
      endpoint: endpoint.key,
      code,
      failures: this.#config.passive?.failures,
      eject_ms: this.#config.passive?.eject,
    });
    if (wasUp) this.#isOut();
  }

  #setPassive(passive: PassiveConfig | undefined): void {
    for (const endpoint of this.endpoints) {
      const { isEjected } = endpoint.state;
      endpoint.passive = passive;
      if (isEjected) this.#backIn(endpoint);
    }
  }

  #makeMonitor(): Monitor {
    return new Monitor(this.#config, this.#leg, this.#parts.log, {
      onEndpoints: (specs) => this.#replaceEndpoints(specs),
      onHealth: (endpoint, state) => {
        const wentDown = state === "down";
        this.#changed(endpoint, "health check", wentDown && this.#config.onDown === "close");
        if (wentDown) this.#isOut();
        else this.#cameUp();
      },
    });
  }

  #stopMonitor(before: GroupConfig): void {
    this.#stopping = Promise.all([this.#stopping, this.#monitor.stop()]).then(() => {});
    if (before.healthCheck === undefined || this.#config.healthCheck !== undefined) return;
    // Nobody would ever find them up again.
    for (const endpoint of this.endpoints) {
      endpoint.health = "unknown";
      this.#changed(endpoint, "no longer checked", false);
    }
    this.#cameUp();
  }

  #makeEndpoint(spec: EndpointSpec): EndpointController | undefined {
    const { gauges, accounts, credits, log } = this.#parts;
    const row = accounts.endpoints.claim();
    const clients = gauges.claim();
    const open = gauges.claim();
    if (row !== undefined && clients !== undefined && open !== undefined) {
      credits.reset(row.number);
      return new EndpointController(spec, { row, clients, open }, this.#config.passive);
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
    const { added, updated, removed } = this.#endpoints.replace(specs);
    if (added.length + updated.length + removed.length === 0) return;
    this.#parts.audience.setEndpoints(this.name, this.records);
    for (const endpoint of added) this.#monitor.watch(endpoint);
    for (const endpoint of removed) {
      this.#monitor.unwatch(endpoint);
      endpoint.retire();
    }
    const keys = this.endpoints.map(({ key }) => key).join(", ");
    this.#parts.log.info(`${this.name}: endpoints are now ${keys}`, {
      event: "endpoints_changed",
      upstream: this.name,
      added: added.length,
      removed: removed.length,
    });
    this.#cameUp();
    this.#isOut();
  }

  #backIn(endpoint: EndpointController): void {
    this.#changed(endpoint, "taken in again", false);
    this.#cameUp();
  }

  #cameUp(): void {
    if (!this.#allDown || !this.endpoints.some(({ isUp }) => isUp)) return;
    this.#allDown = false;
    this.#parts.log.info(`${this.name}: an endpoint is up again`, { event: "group_up", upstream: this.name });
  }

  /** An endpoint gets no more connections, or is gone. */
  #isOut(): void {
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

  /** @param abort Ends the connections to it. */
  #changed(endpoint: EndpointController, reason: string, abort: boolean): void {
    const { id, key, state, condition, admin } = endpoint;
    // Told before what comes of it, which another thread may tell at once.
    this.#parts.events.endpointChanged({
      upstream: this.name,
      endpoint: key,
      state: condition,
      admin,
      reason,
    });
    this.#parts.audience.setState(this.name, id, state, abort);
  }
}

/** What makes an endpoint another one. */
function identityOf({ address }: EndpointSpec): string {
  return formatAddress(address);
}

function specsOf({ endpoints }: GroupConfig): EndpointSpec[] {
  return endpoints.map(({ address, weight, maxConnections, backup }) => ({
    address,
    weight,
    maxConnections,
    tier: backup ? 1 : 0,
  }));
}

/** What a monitor goes by. */
function watchOf({ healthCheck, discovery, endpoints }: GroupConfig): unknown {
  return { healthCheck, discovery, endpoints: discovery && endpoints };
}
