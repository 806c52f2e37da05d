/** The state of one endpoint, decided in one place for all threads. */

import { isDeepStrictEqual } from "node:util";
import type { PassiveConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { EndpointCounts, EndpointRow } from "../observe/counters/accounts.ts";
import { totalOf } from "../observe/counters/columns.ts";
import type { Gauge } from "../shared/gauge.ts";
import type { EndpointFigures } from "../observe/metrics/upstream_figures.ts";
import { Ejection } from "./health/ejection.ts";
import type { AdminState, EndpointRecord, EndpointSpec, EndpointState } from "./endpoint.ts";
import type { HealthState } from "./health/hysteresis.ts";

/** Its places in the accounts, until it is retired. */
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
  admin: AdminState = "up";
  readonly #accounts: ClaimedAccounts;
  #ejection: Ejection | undefined;
  #ejectionTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(spec: EndpointSpec, accounts: ClaimedAccounts, passive: PassiveConfig | undefined) {
    this.key = formatAddress(spec.address);
    this.#spec = spec;
    this.#accounts = accounts;
    this.passive = passive;
  }

  /** The same in all threads: the number of its row. */
  get id(): number {
    return this.#accounts.row.number;
  }

  get address(): Address {
    return this.#spec.address;
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

  get isUp(): boolean {
    return this.admin === "up" && this.health !== "down" && !this.#isEjected;
  }

  get state(): EndpointState {
    return { health: this.health, admin: this.admin, isEjected: this.#isEjected };
  }

  /** `ejected`, or what health checks found. */
  get condition(): EndpointFigures["state"] {
    return this.#isEjected ? "ejected" : this.health;
  }

  /** A real connection has failed. True if that ejects it, until `onReturn` is called. */
  failed(onReturn: () => void): boolean {
    const ejection = this.#ejection;
    if (ejection?.failed() !== true) return false;
    const wait = () => {
      // Timers may be early by a fraction of a millisecond.
      if (ejection.isEjected) {
        this.#ejectionTimer = setTimeout(wait, Math.max(1, ejection.until - performance.now()));
      } else onReturn();
    };
    wait();
    return true;
  }

  record(): EndpointRecord {
    const { clients, open } = this.#accounts;
    return { ...this.#spec, id: this.id, clients: clients.slot, open: open.slot, state: this.state };
  }

  counted(): EndpointCounts {
    return this.#accounts.row.figures();
  }

  figures(): EndpointFigures {
    const { key: address, condition: state, admin } = this;
    const { weight, tier, maxConnections } = this.#spec;
    const active = this.#accounts.clients.value;
    const { connects, failures: failuresBy } = this.counted();
    const failures = totalOf(failuresBy);
    return { address, state, admin, weight, tier, active, maxConnections, connects, failures, failuresBy };
  }

  /** It is not used any more: frees its places in the accounts, after its last connection. */
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
