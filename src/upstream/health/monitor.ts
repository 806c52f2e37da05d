/** Watches a group: health checks of each endpoint, and the source of its endpoints. */

import type { GroupConfig } from "../../config/config.ts";
import type { Log } from "../../observe/log/log.ts";
import type { CheckLeg } from "./check_leg.ts";
import type { DiscoveryState } from "../discovery/discovery_state.ts";
import { discoverGroup } from "../discovery/group_discovery.ts";
import type { SourceParts } from "../discovery/source_parts.ts";
import { conversationOf } from "./kinds/registry.ts";
import type { EndpointSpec } from "../endpoint.ts";
import { watchHealth } from "./health_check.ts";
import type { EndpointController } from "../endpoint_controller.ts";

export interface MonitorEvents {
  /** Replaces all endpoints. */
  readonly onEndpoints: (specs: readonly EndpointSpec[]) => void;
  /** The state of the endpoint has changed already. */
  readonly onHealth: (endpoint: EndpointController, state: "up" | "down") => void;
}

/** What discovery uses, and the state that outlives a monitor. */
export interface MonitorDiscovery {
  readonly parts: SourceParts;
  readonly state: DiscoveryState;
}

export interface MonitorStart {
  /**
   * Earlier checks asked the same: only `rise` or `fall` results in a row change a state that they found. Else the
   * first result decides.
   */
  readonly goesOn: boolean;
  readonly discovery: MonitorDiscovery;
}

export class Monitor {
  readonly #config: GroupConfig;
  readonly #leg: CheckLeg;
  readonly #goesOn: boolean;
  readonly #discovery: MonitorDiscovery;
  readonly #log: Log;
  readonly #events: MonitorEvents;
  readonly #stopping = new AbortController();
  readonly #checks = new Map<EndpointController, AbortController>();
  readonly #tasks = new Set<Promise<void>>();
  #isRunning = false;

  /** @param leg How health checks start their connections. */
  constructor(
    config: GroupConfig,
    leg: CheckLeg,
    { goesOn, discovery }: MonitorStart,
    log: Log,
    events: MonitorEvents,
  ) {
    this.#discovery = discovery;
    this.#config = config;
    this.#leg = leg;
    this.#goesOn = goesOn;
    this.#log = log;
    this.#events = events;
  }

  start(endpoints: readonly EndpointController[]): void {
    this.#isRunning = true;
    for (const endpoint of endpoints) this.watch(endpoint);
    if (this.#config.discovery !== undefined) this.#run(this.#discover(this.#config.discovery));
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#stopping.abort();
    for (const endpoint of [...this.#checks.keys()]) this.unwatch(endpoint);
    await Promise.all(this.#tasks);
  }

  /** Checks an endpoint from now on, if the group has checks. */
  watch(endpoint: EndpointController): void {
    const check = this.#config.healthCheck;
    if (check === undefined || !this.#isRunning) return;
    const stop = new AbortController();
    const { kind } = conversationOf(check);
    this.#checks.set(endpoint, stop);
    this.#run(watchHealth({
      address: endpoint.address,
      check,
      leg: this.#leg,
      ...this.#goesOn ? { known: endpoint.health } : {},
      onResult: (result) => endpoint.checked(kind, result),
      onChange: (state, cause) => this.#onHealth(endpoint, state, cause),
      signal: stop.signal,
    }));
  }

  unwatch(endpoint: EndpointController): void {
    this.#checks.get(endpoint)?.abort();
    this.#checks.delete(endpoint);
  }

  #onHealth(endpoint: EndpointController, state: "up" | "down", cause: string): void {
    // Checks that ask something else have found the same.
    if (endpoint.health === state) return;
    const isNews = endpoint.health !== "unknown" || state === "down";
    endpoint.health = state;
    const fields = { event: `endpoint_${state}`, upstream: this.#config.name, endpoint: endpoint.key, cause };
    const line = `${this.#config.name}: endpoint ${endpoint.key} is ${state}, ${cause}`;
    if (state === "down") this.#log.warn(line, fields);
    else if (isNews) this.#log.info(line, fields);
    else this.#log.debug(line, fields);
    this.#events.onHealth(endpoint, state);
  }

  #discover(discovery: NonNullable<GroupConfig["discovery"]>): Promise<void> {
    return discoverGroup({
      ...this.#discovery,
      config: this.#config,
      discovery,
      log: this.#log,
      onEndpoints: this.#events.onEndpoints,
      signal: this.#stopping.signal,
    });
  }

  #run(task: Promise<void>): void {
    const done = task.then(() => void this.#tasks.delete(done));
    this.#tasks.add(done);
  }
}
