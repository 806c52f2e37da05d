/** One place that connections can go to: its share of them, its load, and whether it works. */

import type { PassiveConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { ProxyError } from "../net/errors.ts";
import type { Gauge } from "../observe/gauge.ts";
import type { EndpointFigures } from "../observe/upstream_figures.ts";
import { Ejection } from "./ejection.ts";
import type { HealthState } from "./hysteresis.ts";
import type { Candidate } from "./policy.ts";

export interface EndpointSpec {
  readonly address: Address;
  readonly weight: number;
  /** 0 is used first; a higher one only while no lower one can be. */
  readonly tier: number;
  /** Connections at the same time; 0 is no limit. */
  readonly maxConnections: number;
}

export class Endpoint implements Candidate {
  readonly key: string;
  readonly address: Address;
  readonly weight: number;
  readonly tier: number;
  readonly maxConnections: number;
  readonly #gauge: Gauge;
  readonly #ejection: Ejection | undefined;
  readonly #abortsWhenDown = new Set<(error: ProxyError) => void>();
  /** What health checks found: `unknown` until the first has ended. */
  health: HealthState = "unknown";
  connects = 0;
  failures = 0;

  constructor(spec: EndpointSpec, gauge: Gauge, passive: PassiveConfig | undefined) {
    this.key = formatAddress(spec.address);
    this.address = spec.address;
    this.weight = spec.weight;
    this.tier = spec.tier;
    this.maxConnections = spec.maxConnections;
    this.#gauge = gauge;
    this.#ejection = passive && new Ejection(passive);
  }

  get active(): number {
    return this.#gauge.value;
  }

  get isUp(): boolean {
    return this.health !== "down" && this.#ejection?.isEjected !== true;
  }

  get isFull(): boolean {
    return this.maxConnections > 0 && this.#gauge.value >= this.maxConnections;
  }

  get state(): EndpointFigures["state"] {
    return this.#ejection?.isEjected === true ? "ejected" : this.health;
  }

  /** Takes a place; false when none is left. */
  enter(): boolean {
    return this.#gauge.enter(this.maxConnections);
  }

  leave(): void {
    this.#gauge.leave();
  }

  /** A connection was made. */
  succeeded(): void {
    this.connects += 1;
    this.#ejection?.succeeded();
  }

  /** A real connection failed; true when that takes the endpoint out. */
  failed(): boolean {
    this.failures += 1;
    return this.#ejection?.failed() ?? false;
  }

  figures(): EndpointFigures {
    const { key: address, state, weight, tier, active, connects, failures } = this;
    return { address, state, weight, tier, active, connects, failures };
  }

  /** Calls `abort` should the endpoint go down, until the result is disposed of. */
  whenDown(abort: (error: ProxyError) => void): Disposable {
    this.#abortsWhenDown.add(abort);
    return { [Symbol.dispose]: () => void this.#abortsWhenDown.delete(abort) };
  }

  /** Ends the connections that asked for it. */
  abortConnections(error: ProxyError): void {
    for (const abort of this.#abortsWhenDown) abort(error);
  }

  /** It will not be used again: its place in the accounts is freed after its last connection. */
  retire(): void {
    this.#gauge.release();
  }
}
