/** The state of one endpoint, decided in one place for all threads. */

import { isDeepStrictEqual } from "node:util";
import type { PassiveConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { EndpointCounts, EndpointRow } from "../observe/counters/accounts.ts";
import { totalOf } from "../observe/counters/columns.ts";
import type { Gauge } from "../shared/gauge.ts";
import type { EndpointFigures } from "../observe/metrics/upstream_figures.ts";
import type { EndpointSnapshot } from "../observe/metrics/upstream_metrics.ts";
import { Ejection } from "./health/ejection.ts";
import type { AdminState, EndpointRecord, EndpointSpec, EndpointState } from "./endpoint.ts";
import type { CheckResult } from "./health/health_check.ts";
import type { Warming } from "./slow_start.ts";
import type { HealthState } from "./health/hysteresis.ts";

/** Its places in the accounts, which it has until it is retired. */
export interface ClaimedAccounts {
  readonly row: EndpointRow;
  readonly clients: Gauge;
  readonly open: Gauge;
}

export class EndpointController {
  readonly key: string;
  #spec: EndpointSpec;
  /** Found by health checks: `unknown` until the first has ended. */
  health: HealthState = "unknown";
  /** What an operator has set. */
  chosen: AdminState = "up";
  /** Health checks by kind and outcome: only one thread makes them. */
  readonly #checks = new Map<string, Record<CheckResult["outcome"], number>>();
  #lastCheck: EndpointFigures["lastCheck"];
  readonly #accounts: ClaimedAccounts;
  /** Its slow start. */
  warming: Warming | undefined;
  #ejection: Ejection | undefined;
  #ejectionTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(spec: EndpointSpec, accounts: ClaimedAccounts, passive: PassiveConfig | undefined) {
    this.key = formatAddress(spec.address);
    this.#spec = spec;
    this.#accounts = accounts;
    this.passive = passive;
  }

  /** The number of its row, the same in all threads. */
  get id(): number {
    return this.#accounts.row.number;
  }

  get address(): Address {
    return this.#spec.address;
  }

  get tier(): number {
    return this.#spec.tier;
  }

  get weight(): number {
    return this.#spec.weight;
  }

  get maxConnections(): number {
    return this.#spec.maxConnections;
  }

  /** The part of its weight that counts now. */
  get part(): number {
    return this.warming?.part ?? 1;
  }

  /** Its clients, in all threads. */
  get active(): number {
    return this.#accounts.clients.value;
  }

  /** Changes weight, tier or limit; true if one of them is different. */
  update(spec: EndpointSpec): boolean {
    const isSame = isDeepStrictEqual(this.#spec, spec);
    this.#spec = spec;
    return !isSame;
  }

  /** Ejects it after failures of real connections; forgets earlier ones. */
  set passive(passive: PassiveConfig | undefined) {
    clearTimeout(this.#ejectionTimer);
    this.#ejection = passive && new Ejection(passive, () => this.#accounts.row.figures().connects);
  }

  /** What an operator has set, or `drain` when its source says that it is about to go. */
  get admin(): AdminState {
    return this.chosen === "up" && this.#spec.drain ? "drain" : this.chosen;
  }

  set admin(chosen: AdminState) {
    this.chosen = chosen;
  }

  get isUp(): boolean {
    return this.admin === "up" && this.health !== "down" && !this.#isEjected;
  }

  get state(): EndpointState {
    const warmUp = this.warming?.progress;
    const state = { health: this.health, admin: this.admin, isEjected: this.#isEjected };
    return warmUp === undefined ? state : { ...state, warmUp };
  }

  /** `ejected`, or what health checks found. */
  get condition(): EndpointFigures["state"] {
    return this.#isEjected ? "ejected" : this.health;
  }

  /**
   * A real connection has failed. True if that ejects the endpoint; then `onReturn` is called at the end of the
   * ejection.
   */
  failed(onReturn: () => void): boolean {
    const ejection = this.#ejection;
    if (ejection?.failed() !== true) return false;
    // Always by a timer, so that the end is never reported before the beginning.
    const wait = () => {
      const left = Math.max(1, ejection.until - performance.now());
      // Timers may be early by a fraction of a millisecond.
      this.#ejectionTimer = setTimeout(() => ejection.isEjected ? wait() : onReturn(), left);
    };
    wait();
    return true;
  }

  record(): EndpointRecord {
    const { clients, open } = this.#accounts;
    return { ...this.#spec, id: this.id, clients: clients.slot, open: open.slot, state: this.state };
  }

  /** A health check has ended. */
  checked(kind: string, { outcome, cause, duration }: CheckResult): void {
    this.#checks.getOrInsertComputed(kind, () => ({ good: 0, bad: 0, skipped: 0 }))[outcome] += 1;
    this.#lastCheck = { outcome, cause, duration, at: Date.now() };
  }

  get checks(): EndpointSnapshot["checks"] {
    return this.#checks;
  }

  counted(): EndpointCounts {
    return this.#accounts.row.figures();
  }

  figures(): EndpointFigures {
    const { key: address, condition: state, admin } = this;
    const { weight, tier, maxConnections } = this.#spec;
    const { active } = this;
    const { connects, failures: failuresBy } = this.counted();
    const failures = totalOf(failuresBy);
    const lastCheck = this.#lastCheck;
    return {
      ...{ address, state, admin, weight, tier, active, maxConnections },
      ...{ connects, failures, failuresBy, lastCheck },
    };
  }

  /** It is no longer used: frees its places in the accounts, after its last connection. */
  retire(): void {
    clearTimeout(this.#ejectionTimer);
    this.#accounts.row.release();
    this.#accounts.clients.release();
    this.#accounts.open.release();
  }

  get #isEjected(): boolean {
    return this.#ejection?.isEjected === true;
  }
}
