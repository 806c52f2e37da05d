/** Watches a group by health checks of each endpoint, and by DNS. */

import type { GroupConfig } from "../../config/config.ts";
import type { Log } from "../../observe/log/log.ts";
import type { CheckLeg } from "./check_leg.ts";
import { discover } from "../discovery/discovery.ts";
import type { EndpointSpec } from "../endpoint.ts";
import { watchHealth } from "./health_check.ts";
import type { EndpointController } from "../endpoint_controller.ts";

export interface MonitorEvents {
  /** Replaces all endpoints. */
  readonly onEndpoints: (specs: readonly EndpointSpec[]) => void;
  /** The state of the endpoint has changed already. */
  readonly onHealth: (endpoint: EndpointController, state: "up" | "down") => void;
}

export class Monitor {
  readonly #config: GroupConfig;
  readonly #leg: CheckLeg;
  readonly #log: Log;
  readonly #events: MonitorEvents;
  readonly #stopping = new AbortController();
  readonly #checks = new Map<EndpointController, AbortController>();
  readonly #tasks = new Set<Promise<void>>();
  #isRunning = false;

  /** @param leg What health checks send first. */
  constructor(config: GroupConfig, leg: CheckLeg, log: Log, events: MonitorEvents) {
    this.#config = config;
    this.#leg = leg;
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
    this.#checks.set(endpoint, stop);
    this.#run(watchHealth({
      address: endpoint.address,
      check,
      leg: this.#leg,
      onChange: (state, cause) => this.#onHealth(endpoint, state, cause),
      signal: stop.signal,
    }));
  }

  unwatch(endpoint: EndpointController): void {
    this.#checks.get(endpoint)?.abort();
    this.#checks.delete(endpoint);
  }

  #onHealth(endpoint: EndpointController, state: "up" | "down", cause: string): void {
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
    const { name: upstream, endpoints } = this.#config;
    return discover({
      ...discovery,
      entries: endpoints.map(({ address, weight, backup }) => {
        // Checked where the configuration is decoded: only names are looked up.
        const { hostname, port } = address as Extract<typeof address, { transport: "tcp" }>;
        return { name: hostname, port, weight, backup };
      }),
      onEndpoints: (found) =>
        this.#events.onEndpoints(found.map(({ address, weight, tier, source }) => ({
          address,
          weight,
          tier,
          maxConnections: endpoints[source]!.maxConnections,
        }))),
      onError: (name, error) =>
        this.#log.warn(`${upstream}: cannot look up ${name}, going on with what is known`, {
          event: "discovery_failed",
          upstream,
          name,
          detail: error instanceof Error ? error.message : String(error),
        }),
      onRecovered: (name) =>
        this.#log.info(`${upstream}: ${name} can be looked up again`, {
          event: "discovery_recovered",
          upstream,
          name,
        }),
      signal: this.#stopping.signal,
    });
  }

  #run(task: Promise<void>): void {
    const done = task.then(() => void this.#tasks.delete(done));
    this.#tasks.add(done);
  }
}
