/** Slow start: an endpoint that comes up gets a share of the connections that grows to its weight over some time. */

import type { GroupConfig } from "../config/config.ts";
import type { EndpointController } from "./endpoint_controller.ts";

/** The share at the beginning, as a part of the weight: with less, a short slow start would pass without a client. */
const LEAST = 0.05;

/** How far an endpoint has come, in milliseconds, at the time of a message. */
export interface WarmUp {
  readonly past: number;
  readonly whole: number;
}

/** The part of its weight that an endpoint gets: 1 at the end. */
export function partAfter({ past, whole }: WarmUp): number {
  return Math.min(1, Math.max(LEAST, past / whole));
}

/** The warm-up of an endpoint, in the clock of one thread: threads have different ones. */
export class Warming {
  readonly #since: number;
  readonly #whole: number;

  constructor({ past, whole }: WarmUp) {
    this.#since = performance.now() - past;
    this.#whole = whole;
  }

  /** For other threads; undefined when it is over. */
  get progress(): WarmUp | undefined {
    const past = performance.now() - this.#since;
    return past < this.#whole ? { past, whole: this.#whole } : undefined;
  }

  /** The part of its weight that the endpoint gets now: 1 when it is over. */
  get part(): number {
    return partAfter({ past: performance.now() - this.#since, whole: this.#whole });
  }
}

/** What it knows of an endpoint: not checked yet since the start of the group, in use, or not. */
type Standing = "fresh" | "usable" | "out";

type Endpoint = Pick<EndpointController, "isUp" | "health" | "warming">;

/** Finds out which endpoints of a group come up. Those that are there at its start have their whole weight at once. */
export class SlowStart {
  #standings: ReadonlyMap<Endpoint, Standing> | undefined;

  /** The configuration, the endpoints, or the state of one of them has changed. */
  update({ slowStart, healthCheck }: GroupConfig, endpoints: readonly Endpoint[]): void {
    if (slowStart === 0) return this.#forget(endpoints);
    const before = this.#standings;
    const standings = new Map<Endpoint, Standing>();
    for (const endpoint of endpoints) {
      const isUsable = endpoint.isUp && (healthCheck === undefined || endpoint.health === "up");
      const was = before === undefined ? "fresh" : before.get(endpoint) ?? "out";
      // Checks that are new have no result yet.
      const isFresh = was !== "out" && endpoint.isUp;
      standings.set(endpoint, isUsable ? "usable" : isFresh ? "fresh" : "out");
      if (!isUsable) endpoint.warming = undefined;
      else if (was === "out") endpoint.warming = new Warming({ past: 0, whole: slowStart });
    }
    if (endpoints.length > 0) this.#standings = standings;
  }

  /** Costs nothing without `slow_start`, however many endpoints change. */
  #forget(endpoints: readonly Endpoint[]): void {
    if (this.#standings === undefined) return;
    this.#standings = undefined;
    for (const endpoint of endpoints) endpoint.warming = undefined;
  }
}
