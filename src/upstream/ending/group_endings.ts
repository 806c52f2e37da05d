/** Decides when connections of a group end early: because a better tier is back, or because an endpoint is drained. */

import { isDeepStrictEqual } from "node:util";
import type { GroupConfig } from "../../config/config.ts";
import type { Log } from "../../observe/log/log.ts";
import type { EndpointController } from "../endpoint_controller.ts";
import { lowestTierOf, usableOf } from "../usable.ts";
import { rebalance } from "./rebalance.ts";
import { emptyEndpoints, endIdle, type EndingCalls } from "./end_some.ts";

/** How long clients that are connecting may need, without a `retry.timeout`, in milliseconds. */
const LONGEST_CONNECT = 10_000;

/** What it needs to know of an endpoint. */
type Endpoint = Pick<
  EndpointController,
  "key" | "tier" | "isUp" | "health" | "admin" | "active" | "weight" | "part" | "maxConnections"
>;

export class GroupEndings {
  readonly #log: Log;
  readonly #calls: EndingCalls;
  #config: GroupConfig;
  #endpoints: readonly Endpoint[] = [];
  /** The tier that gets new connections; undefined while no endpoint can be used. */
  #tier: number | undefined;
  /** The same as the log has it. */
  #loggedTier: number | undefined;
  #failback: AbortController | undefined;
  #drain: AbortController | undefined;
  #rebalance: AbortController | undefined;
  #isStopped = false;

  constructor(config: GroupConfig, log: Log, calls: EndingCalls) {
    this.#config = config;
    this.#log = log;
    this.#calls = calls;
  }

  /** The configuration, the endpoints, or the state of one of them has changed. */
  update(config: GroupConfig, endpoints: readonly Endpoint[]): void {
    if (this.#isStopped) return;
    const hasOtherDrain = this.#config.drainIdle !== config.drainIdle;
    const isOther = this.#rebalance === undefined ||
      !isDeepStrictEqual(this.#config.rebalance, config.rebalance);
    this.#config = config;
    this.#endpoints = endpoints;
    if (isOther) this.#restartRebalance();
    this.#updateTier();
    this.#updateDrain(hasOtherDrain);
  }

  stop(): void {
    this.#isStopped = true;
    this.#failback?.abort();
    this.#drain?.abort();
    this.#rebalance?.abort();
  }

  #restartRebalance(): void {
    this.#rebalance?.abort();
    this.#rebalance = undefined;
    if (this.#config.rebalance === undefined) return;
    this.#rebalance = new AbortController();
    void rebalance(this.#config, () => this.#endpoints, this.#calls, this.#log, this.#rebalance.signal);
  }

  #updateTier(): void {
    const before = this.#tier;
    const areChecked = this.#config.healthCheck !== undefined;
    const tier = this.#tier = lowestTierOf(usableOf(this.#endpoints, areChecked));
    if (!areChecked || this.#endpoints.every(({ health }) => health !== "unknown")) this.#logTier();
    if (tier === before) return;
    this.#failback?.abort();
    this.#failback = undefined;
    if (tier === undefined || this.#config.onRecover?.action !== "close") return;
    if (before === undefined || tier < before) void this.#failBack(tier);
  }

  #logTier(): void {
    const tier = this.#tier;
    if (tier === undefined) return;
    const before = this.#loggedTier ?? lowestTierOf(this.#endpoints)!;
    this.#loggedTier = tier;
    if (tier === before) return;
    const fields = { event: "tier_changed", upstream: this.#config.name, tier, before };
    const { name } = this.#config;
    if (tier > before) {
      this.#log.warn(`${name}: tier ${tier} is in use, no endpoint of tier ${before} is up`, fields);
    } else this.#log.info(`${name}: tier ${tier} is in use again`, fields);
  }

  /** Ends the connections of the tiers behind `tier`, which is usable again. */
  async #failBack(tier: number): Promise<void> {
    const { name: group, onRecover, retry } = this.#config;
    const { signal } = this.#failback = new AbortController();
    const endpoints = this.#endpoints.filter((endpoint) => endpoint.tier > tier);
    const active = endpoints.reduce((sum, endpoint) => sum + endpoint.active, 0);
    const { spread } = onRecover!;
    const fields = { upstream: group, tier, connections: active, spread_ms: spread };
    if (active > 0) {
      const pace = spread > 0 ? ` over ${spread / 1000} s` : "";
      this.#log.info(`${group}: tier ${tier} is back, closing the connections of others${pace}`, {
        event: "failback",
        ...fields,
      });
    }
    const settle = retry.timeout || LONGEST_CONNECT;
    const closed = await emptyEndpoints(this.#calls, {
      group,
      endpoints,
      code: "failback",
      spread,
      settle,
      signal,
    });
    if (closed === 0) return;
    this.#log.info(
      `${group}: failback ${signal.aborted ? "stopped" : "over"}, ${closed} connections closed`,
      {
        event: "failback_over",
        upstream: group,
        tier,
        closed,
      },
    );
  }

  /** While an operator drains endpoints, their idle connections end. */
  #updateDrain(hasOtherTime: boolean): void {
    const { name: group, drainIdle } = this.#config;
    const drained = () => this.#endpoints.filter(({ admin }) => admin === "drain");
    const isNeeded = drainIdle > 0 && drained().length > 0;
    if (!isNeeded || hasOtherTime) {
      this.#drain?.abort();
      this.#drain = undefined;
    }
    if (!isNeeded || this.#drain !== undefined) return;
    this.#drain = new AbortController();
    const scopes = () => drained().map(({ key: endpoint }) => ({ group, endpoint }));
    void endIdle(this.#calls, scopes, drainIdle, this.#drain.signal);
  }
}
