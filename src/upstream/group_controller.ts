/** The state of a group, decided in one place for all threads: its endpoints, and which of them are usable. */

import { isDeepStrictEqual } from "node:util";
import type { GroupConfig, PassiveConfig } from "../config/config.ts";
import { formatAddress } from "../net/address.ts";
import { type Accounts, AccountsFullError, type UpstreamRow } from "../observe/counters/accounts.ts";
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

/** Sends what a controller decides to all threads. */
export interface GroupUpdates {
  setEndpoints(group: string, records: readonly EndpointRecord[]): void;
  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void;
}

export interface ControllerParts {
  readonly gauges: GaugeTable;
  readonly accounts: Accounts;
  readonly credits: TurnCredits;
  readonly events: EventFeed;
  readonly log: Log;
  readonly updates: GroupUpdates;
}

export class GroupController {
  readonly row: UpstreamRow;
  readonly #parts: ControllerParts;
  readonly #endpoints: EndpointSet<EndpointSpec, EndpointController>;
  #config: GroupConfig;
  #leg: CheckLeg;
  #monitor: Monitor;
  /** Resolves when all earlier monitors have stopped. */
  #stopping: Promise<void> = Promise.resolve();
  #isStarted = false;
  #allDown = false;

  /**
   * @param leg How health checks start.
   * @throws {AccountsFullError} when the accounts are full.
   */
  constructor(config: GroupConfig, parts: ControllerParts, leg: CheckLegOptions = {}) {
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

  /** The endpoints as they are sent to threads. */
  get records(): EndpointRecord[] {
    return this.endpoints.map((endpoint) => endpoint.record());
  }

  /** Why the group is not ready, in words; empty when it is. */
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

  /** @param unused Resolves when no thread uses the group any more; only then its places in the accounts are freed. */
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
    const isSameMonitoring = this.#leg === legBefore &&
      isDeepStrictEqual(monitoringOf(before), monitoringOf(config));
    if (!isSameMonitoring) this.#stopMonitor(before);
    if (config.discovery === undefined) this.#replaceEndpoints(specsOf(config));
    if (isSameMonitoring) return;
    this.#monitor = this.#makeMonitor();
    if (this.#isStarted) this.#monitor.start(this.endpoints);
  }

  /** A service has new certificates, which health checks of its group use too. */
  setTls(service: string, material: UpstreamTlsMaterial | undefined): void {
    if (this.#leg.service === service && material !== undefined) this.#leg.tls!.update(material);
  }

  /** Sets the state that an operator wants for an endpoint. */
  setAdmin(endpoint: EndpointController, admin: AdminState): void {
    if (endpoint.admin === admin) return;
    const wasUp = endpoint.isUp;
    endpoint.admin = admin;
    this.#parts.log.info(`${this.name}: endpoint ${endpoint.key} set to ${admin}`, {
      event: "endpoint_set",
      upstream: this.name,
      endpoint: endpoint.key,
      admin,
    });
    this.#changed(endpoint, "operator", admin === "down");
    if (endpoint.isUp) this.#checkGroupUp();
    else if (wasUp) this.#checkGroupDown();
  }

  /** In any thread, a connection to an endpoint could not be made, or was reset before it carried data. */
  connectionFailed(id: number, { code, reason }: ConnectionFailure): void {
    const endpoint = this.endpoints.find((each) => each.id === id);
    if (endpoint === undefined) return;
    const wasUp = endpoint.isUp;
    if (!endpoint.failed(() => this.#returned(endpoint))) return;
    // In panic mode the endpoint was down already; its connections stay.
    this.#changed(endpoint, reason, wasUp && this.#config.onDown === "close");
    this.#parts.log.warn(`${this.name}: endpoint ${endpoint.key} ejected, ${reason}`, {
      event: "endpoint_ejected",
      upstream: this.name,
      endpoint: endpoint.key,
      code,
      failures: this.#config.passive?.failures,
      eject_ms: this.#config.passive?.eject,
    });
    if (wasUp) this.#checkGroupDown();
  }

  #setPassive(passive: PassiveConfig | undefined): void {
    for (const endpoint of this.endpoints) {
      const { isEjected } = endpoint.state;
      endpoint.passive = passive;
      if (isEjected) this.#returned(endpoint);
    }
  }

  #makeMonitor(): Monitor {
    return new Monitor(this.#config, this.#leg, this.#parts.log, {
      onEndpoints: (specs) => this.#replaceEndpoints(specs),
      onHealth: (endpoint, state) => {
        const wentDown = state === "down";
        this.#changed(endpoint, "health check", wentDown && this.#config.onDown === "close");
        if (wentDown) this.#checkGroupDown();
        else this.#checkGroupUp();
      },
    });
  }

  #stopMonitor(before: GroupConfig): void {
    this.#stopping = Promise.all([this.#stopping, this.#monitor.stop()]).then(() => {});
    if (before.healthCheck === undefined || this.#config.healthCheck !== undefined) return;
    // Without checks, an endpoint that is down would stay so.
    for (const endpoint of this.endpoints) {
      endpoint.health = "unknown";
      this.#changed(endpoint, "no longer checked", false);
    }
    this.#checkGroupUp();
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
    log.error(`${this.name}: endpoint ignored, the accounts are full`, {
      event: "endpoint_refused",
      upstream: this.name,
    });
    return undefined;
  }

  #replaceEndpoints(specs: readonly EndpointSpec[]): void {
    const { added, updated, removed } = this.#endpoints.replace(specs);
    if (added.length + updated.length + removed.length === 0) return;
    this.#parts.updates.setEndpoints(this.name, this.records);
    for (const endpoint of added) this.#monitor.watch(endpoint);
    for (const endpoint of removed) {
      this.#monitor.unwatch(endpoint);
      endpoint.retire();
    }
    const keys = this.endpoints.map(({ key }) => key).join(", ");
    this.#parts.log.info(`${this.name}: endpoints changed to ${keys}`, {
      event: "endpoints_changed",
      upstream: this.name,
      added: added.length,
      removed: removed.length,
    });
    this.#checkGroupUp();
    this.#checkGroupDown();
  }

  #returned(endpoint: EndpointController): void {
    this.#changed(endpoint, "ejection over", false);
    this.#checkGroupUp();
  }

  #checkGroupUp(): void {
    if (!this.#allDown || !this.endpoints.some(({ isUp }) => isUp)) return;
    this.#allDown = false;
    this.#parts.log.info(`${this.name}: an endpoint is up again`, { event: "group_up", upstream: this.name });
  }

  #checkGroupDown(): void {
    if (this.#allDown || this.endpoints.some(({ isUp }) => isUp)) return;
    this.#allDown = true;
    // Not even panic mode uses an endpoint that an operator has taken out.
    const isPanic = this.endpoints.some(({ admin }) => admin === "up");
    const consequence = isPanic ? "panic mode uses them all" : "clients are disconnected";
    this.#parts.log.error(`${this.name}: no endpoint is up, ${consequence}`, {
      event: "group_down",
      upstream: this.name,
    });
  }

  /** @param abort Whether to close connections to it. */
  #changed(endpoint: EndpointController, reason: string, abort: boolean): void {
    const { id, key, state, condition, admin } = endpoint;
    // Before the threads know: the events that they cause must follow this one.
    this.#parts.events.endpointChanged({
      upstream: this.name,
      endpoint: key,
      state: condition,
      admin,
      reason,
    });
    this.#parts.updates.setState(this.name, id, state, abort);
  }
}

/** Endpoints with the same identity are the same endpoint. */
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

/** The part of the configuration that a monitor uses. */
function monitoringOf({ healthCheck, discovery, endpoints }: GroupConfig): unknown {
  return { healthCheck, discovery, endpoints: discovery && endpoints };
}
