/** One place that connections can go to: its share of them, its load, and whether it works. */

import type { PassiveConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { ProxyError } from "../net/errors.ts";
import { Linked, LinkedList } from "../net/linked_list.ts";
import type { EndpointRow } from "../observe/accounts.ts";
import { totalOf } from "../observe/columns.ts";
import type { Gauge } from "../observe/gauge.ts";
import type { EndpointFigures } from "../observe/upstream_figures.ts";
import { Ejection } from "./ejection.ts";
import type { HealthState } from "./hysteresis.ts";
import { Places } from "./places.ts";
import type { Candidate } from "./policy.ts";

export interface EndpointSpec {
  readonly address: Address;
  readonly weight: number;
  /** 0 is used first; a higher one only while no lower one can be. */
  readonly tier: number;
  /** Connections at the same time; 0 is no limit. */
  readonly maxConnections: number;
}

/** What an operator has said: with `drain` it gets no new connections, with `down` its open ones end too. */
export type AdminState = EndpointFigures["admin"];

/** What counts the connections of an endpoint. */
export interface EndpointAccounts {
  /** Since the start. */
  readonly row: EndpointRow;
  readonly clients: Gauge;
  /** Everything that is open or being opened; not needed without a limit. */
  readonly open: Gauge | undefined;
}

export class Endpoint implements Candidate {
  readonly key: string;
  readonly address: Address;
  readonly weight: number;
  readonly tier: number;
  readonly maxConnections: number;
  /** What connections are opened with; a client has entered before it asks for one. */
  readonly places: Places;
  readonly #row: EndpointRow;
  readonly #clients: Gauge;
  readonly #ejection: Ejection | undefined;
  readonly #abortsWhenDown = new LinkedList<AbortWhenDown>();
  /** What health checks found: `unknown` until the first has ended. */
  health: HealthState = "unknown";
  admin: AdminState = "up";

  constructor(spec: EndpointSpec, accounts: EndpointAccounts, passive: PassiveConfig | undefined) {
    this.key = formatAddress(spec.address);
    this.address = spec.address;
    this.weight = spec.weight;
    this.tier = spec.tier;
    this.maxConnections = spec.maxConnections;
    this.#row = accounts.row;
    this.#clients = accounts.clients;
    this.places = new Places(spec.maxConnections, accounts.open);
    this.#ejection = passive && new Ejection(passive);
  }

  /** Clients that have entered. */
  get active(): number {
    return this.#clients.value;
  }

  get isUp(): boolean {
    return this.admin === "up" && this.health !== "down" && this.#ejection?.isEjected !== true;
  }

  get isFull(): boolean {
    return this.maxConnections > 0 && this.#clients.value >= this.maxConnections;
  }

  get state(): EndpointFigures["state"] {
    return this.#ejection?.isEjected === true ? "ejected" : this.health;
  }

  /** Counts a client; false when there are as many as there may be. */
  enter(): boolean {
    return this.#clients.enter(this.maxConnections);
  }

  leave(): void {
    this.#clients.leave();
  }

  /** A connection was made. */
  succeeded(): void {
    this.#row.cells.connects.add();
    this.#ejection?.succeeded();
  }

  /** A real connection failed, by the code of its error; true when that takes the endpoint out. */
  failed(code: string): boolean {
    this.#row.cells.failures.add(code);
    return this.#ejection?.failed() ?? false;
  }

  figures(): EndpointFigures {
    const { key: address, state, admin, weight, tier, active, maxConnections } = this;
    const { connects, failures: failuresBy } = this.#row.figures();
    const failures = totalOf(failuresBy);
    return { address, state, admin, weight, tier, active, maxConnections, connects, failures, failuresBy };
  }

  /** Calls `abort` should the endpoint go down, until the result is disposed of. */
  whenDown(abort: (error: ProxyError) => void): Disposable {
    const watch = new AbortWhenDown(abort);
    this.#abortsWhenDown.add(watch);
    return watch;
  }

  /** Ends the connections that asked for it. */
  abortConnections(error: ProxyError): void {
    for (const { abort } of this.#abortsWhenDown.all()) abort(error);
  }

  /** It will not be used again: its places in the accounts are freed after its last connection. */
  retire(): void {
    this.#row.release();
    this.#clients.release();
    this.places.retire();
  }
}

class AbortWhenDown extends Linked<AbortWhenDown> {
  readonly abort: (error: ProxyError) => void;

  constructor(abort: (error: ProxyError) => void) {
    super();
    this.abort = abort;
  }
}
