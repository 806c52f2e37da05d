/** The state of a group, decided in one place for all threads: its endpoints, and which of them are usable. */

import { isDeepStrictEqual } from "node:util";
import type { GroupConfig, PassiveConfig } from "../config/config.ts";
import { AccountsFullError, type UpstreamRow } from "../observe/counters/accounts.ts";
import type { Gauge } from "../shared/gauge.ts";
import { CheckLeg, type CheckLegOptions } from "./health/check_leg.ts";
import type { AdminState, EndpointRecord, EndpointSpec } from "./endpoint.ts";
import { identityOf, monitoringOf, questionOf, specsOf } from "./endpoint_specs.ts";
import type { DiscoveryFigures } from "../observe/metrics/upstream_figures.ts";
import { DiscoveryState } from "./discovery/discovery_state.ts";
import { EndpointSet, logChanges } from "./discovery/endpoint_set.ts";
import { RefusedEndpoints } from "./discovery/refused_endpoints.ts";
import type { ConnectionFailure, ControllerParts } from "./group_parts.ts";
import { EndpointController } from "./endpoint_controller.ts";
import { GroupCondition } from "./group_condition.ts";
import { GroupEndings } from "./ending/group_endings.ts";
import { Monitor } from "./health/monitor.ts";
import { Stick } from "./stick/stick.ts";
import { SlowStart } from "./slow_start.ts";
import type { UpstreamTlsMaterial } from "./upstream_tls.ts";

export class GroupController {
  readonly row: UpstreamRow;
  /** Counts the clients in its queue; undefined if it never had one. */
  queue: Gauge | undefined;
  readonly #parts: ControllerParts;
  readonly #endpoints: EndpointSet<EndpointSpec, EndpointController>;
  readonly #refused: RefusedEndpoints;
  #config: GroupConfig;
  #leg: CheckLeg;
  #monitor: Monitor;
  readonly #endings: GroupEndings;
  readonly #slowStart = new SlowStart();
  readonly #stick: Stick;
  /** Resolves when all earlier monitors have stopped. */
  #stopping: Promise<void> = Promise.resolve();
  #isStarted = false;
  readonly #discovery = new DiscoveryState();
  readonly #condition: GroupCondition;

  /**
   * @param leg How health checks start.
   * @throws {AccountsFullError} when the table of groups is full.
   */
  constructor(config: GroupConfig, parts: ControllerParts, leg: CheckLegOptions = {}) {
    const row = parts.accounts.upstreams.claim();
    if (row === undefined) throw new AccountsFullError("upstream groups");
    this.row = row;
    this.#config = config;
    this.#leg = new CheckLeg(leg);
    this.#parts = parts;
    this.#stick = new Stick(config, parts.stuck.at(row.number), parts.log, () => this.#sendEndpoints());
    this.#condition = new GroupCondition(config.name, parts.log);
    this.#endings = new GroupEndings(config, parts.log, parts.updates);
    parts.tickets.clear(row.number);
    this.#openQueue();
    this.#endpoints = new EndpointSet({
      identityOf,
      make: (spec) => this.#makeEndpoint(spec),
      update: (endpoint, spec) => endpoint.update(spec),
    });
    this.#refused = new RefusedEndpoints(config.name, parts.log, (specs) => this.#replaceEndpoints(specs));
    this.#monitor = this.#makeMonitor();
    const specs = config.discovery === undefined ? specsOf(config) : [];
    this.#refused.set(specs, this.#endpoints.replace(specs).refused);
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

  /** The endpoints as threads receive them. */
  get records(): EndpointRecord[] {
    return this.endpoints.map((endpoint) => endpoint.record());
  }

  /** How its source of endpoints is doing; undefined without one. */
  get discovery(): DiscoveryFigures | undefined {
    return this.#discovery.figures(this.#config.discovery);
  }

  /** Whether its endpoints are known: a source may also say that there are none. */
  get isKnown(): boolean {
    return this.endpoints.length > 0 || this.#discovery.isKnown;
  }

  /** The reasons why the group is not ready, in words; empty when it is ready. */
  get notReady(): string[] {
    const { healthCheck } = this.#config;
    if (!this.isKnown) return [`${this.name}: no endpoint is known yet`];
    const isChecked = healthCheck === undefined || this.endpoints.every(({ health }) => health !== "unknown");
    return isChecked ? [] : [`${this.name}: the first health checks are under way`];
  }

  /** Starts health checks and discovery, once. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#decide("first choice");
    this.#updateEndings();
    this.#monitor.start(this.endpoints);
  }

  /** @param unused Resolves when no thread uses the group any more; then its places in the accounts are freed. */
  async stop(unused?: Promise<void>): Promise<void> {
    this.#endings.stop();
    this.#refused.stop();
    await Promise.all([this.#monitor.stop(), this.#stopping, unused]);
    this.#stick.stop();
    for (const endpoint of this.endpoints) endpoint.retire();
    this.queue?.release();
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
    this.#openQueue();
    if (!isDeepStrictEqual(before.passive, config.passive)) this.#setPassive(config.passive);
    const isSameMonitoring = this.#leg === legBefore &&
      isDeepStrictEqual(monitoringOf(before), monitoringOf(config));
    if (!isSameMonitoring) this.#stopMonitor(before);
    if (config.discovery === undefined) this.#replaceEndpoints(specsOf(config));
    this.#decide("configuration changed");
    this.#updateEndings();
    if (isSameMonitoring) return;
    const asksTheSame = this.#leg === legBefore &&
      isDeepStrictEqual(questionOf(before.healthCheck), questionOf(config.healthCheck));
    this.#monitor = this.#makeMonitor(asksTheSame);
    if (this.#isStarted) this.#monitor.start(this.endpoints);
  }

  /** A service has new certificates, which health checks of its group use too. */
  setTls(service: string, material: UpstreamTlsMaterial | undefined): void {
    if (this.#leg.service === service && material !== undefined) this.#leg.tls!.update(material);
  }

  /** Sets the state of an endpoint that an operator has chosen. */
  setAdmin(endpoint: EndpointController, admin: AdminState): void {
    if (endpoint.chosen === admin) return;
    endpoint.admin = admin;
    this.#parts.log.info(`${this.name}: endpoint ${endpoint.key} set to ${admin}`, {
      event: "endpoint_set",
      upstream: this.name,
      endpoint: endpoint.key,
      admin,
    });
    this.#changed(endpoint, "operator", admin === "down");
    this.#condition.update(this.endpoints, this.#config);
  }

  /** A connection to an endpoint could not be made, or was reset before it carried data, in any thread. */
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
    this.#condition.update(this.endpoints, this.#config);
  }

  /** There is a gauge for each group. */
  #openQueue(): void {
    if (this.#config.queue !== undefined) this.queue ??= this.#parts.gauges.claim();
  }

  /** A client of any thread could not connect to the endpoint that all new clients go to. */
  stickFailed(id: number, tried: readonly number[], reason: string): void {
    if (!this.#stick.failed(id, tried, reason) || this.#config.onDown !== "close") return;
    const left = this.endpoints.find((each) => each.id === id);
    if (left !== undefined) this.#parts.updates.setState(this.name, id, left.state, true);
  }

  /** The endpoint that all new clients go to, with `stick: endpoint`. */
  get stuck(): string | undefined {
    return this.#stick.key;
  }

  #setPassive(passive: PassiveConfig | undefined): void {
    for (const endpoint of this.endpoints) {
      const { isEjected } = endpoint.state;
      endpoint.passive = passive;
      if (isEjected) this.#returned(endpoint);
    }
  }

  /** @param asksTheSame Its checks go on where those of the previous monitor ended. */
  #makeMonitor(asksTheSame = false): Monitor {
    const discovery = { parts: this.#parts.discovery, state: this.#discovery };
    return new Monitor(this.#config, this.#leg, { goesOn: asksTheSame, discovery }, this.#parts.log, {
      onEndpoints: (specs) => this.#replaceEndpoints(specs),
      onHealth: (endpoint, state) => {
        const wentDown = state === "down";
        this.#changed(endpoint, "health check", wentDown && this.#config.onDown === "close");
        this.#condition.update(this.endpoints, this.#config);
      },
    });
  }

  #stopMonitor(before: GroupConfig): void {
    this.#stopping = Promise.all([this.#stopping, this.#monitor.stop()]).then(() => {});
    if (before.healthCheck === undefined || this.#config.healthCheck !== undefined) return;
    // Without checks, an endpoint that is down would stay down.
    for (const endpoint of this.endpoints) {
      endpoint.health = "unknown";
      this.#changed(endpoint, "no longer checked", false);
    }
    this.#condition.update(this.endpoints, this.#config);
  }

  #makeEndpoint(spec: EndpointSpec): EndpointController | undefined {
    const { gauges, accounts, credits } = this.#parts;
    const [row, clients, open] = [accounts.endpoints.claim(), gauges.claim(), gauges.claim()];
    if (row !== undefined && clients !== undefined && open !== undefined) {
      credits.reset(row.number);
      return new EndpointController(spec, { row, clients, open }, this.#config.passive);
    }
    for (const claimed of [row, clients, open]) claimed?.release();
    return undefined;
  }

  #replaceEndpoints(specs: readonly EndpointSpec[]): void {
    const admins = new Map(this.endpoints.map((endpoint) => [endpoint, endpoint.admin]));
    const { added, updated, removed, refused } = this.#endpoints.replace(specs);
    if (removed.length === 0 || refused === 0) this.#refused.set(specs, refused);
    if (added.length + updated.length + removed.length === 0) return;
    this.#decide("endpoints changed");
    this.#sendEndpoints();
    for (const endpoint of added) this.#monitor.watch(endpoint);
    for (const endpoint of removed) {
      this.#monitor.unwatch(endpoint);
      endpoint.retire();
    }
    logChanges(this.#parts.log, this.name, this.endpoints, { added, removed });
    for (const endpoint of updated) {
      if (admins.get(endpoint) !== endpoint.admin) this.#changed(endpoint, "discovery", false);
    }
    // The places of those that were removed are free now.
    if (refused > 0 && removed.length > 0) this.#replaceEndpoints(specs);
    this.#updateEndings();
    this.#condition.update(this.endpoints, this.#config);
  }

  #returned(endpoint: EndpointController): void {
    this.#changed(endpoint, "ejection over", false);
    this.#condition.update(this.endpoints, this.#config);
  }

  /** @param abort Whether to close connections to it. */
  #changed(endpoint: EndpointController, reason: string, abort: boolean): void {
    this.#decide(reason);
    const { id, key, state, condition, admin } = endpoint;
    // Published before the threads are notified: the events that they cause must follow this one.
    const change = { upstream: this.name, endpoint: key, state: condition, admin, reason };
    this.#parts.events.endpointChanged(change);
    this.#parts.updates.setState(this.name, id, state, abort);
    this.#updateEndings();
  }

  /** Updates what threads read from shared memory, before they get the message. */
  #decide(reason: string): void {
    this.#slowStart.update(this.#config, this.endpoints);
    if (this.#isStarted) this.#stick.update(this.#config, this.endpoints, reason);
  }

  #sendEndpoints(): void {
    this.#parts.updates.setEndpoints(this.name, this.records);
  }

  #updateEndings(): void {
    this.#endings.update(this.#config, this.endpoints);
  }
}
