/** One place that connections of this thread can go to: its share of them, its load, and whether it works. */

import { type Address, formatAddress } from "../net/address.ts";
import type { ProxyError } from "../net/errors.ts";
import { Linked, LinkedList } from "../net/linked_list.ts";
import type { EndpointRow } from "../observe/counters/accounts.ts";
import type { Gauge } from "../shared/gauge.ts";
import type { EndpointFigures } from "../observe/metrics/upstream_figures.ts";
import type { WakeUps } from "../shared/wake_ups.ts";
import type { HealthState } from "./health/hysteresis.ts";
import { ConnectionSemaphore } from "./pool/connection_semaphore.ts";
import type { Candidate } from "./balance/policy.ts";

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

/** Whether an endpoint works, as it was decided for all threads. */
export interface EndpointState {
  readonly health: HealthState;
  readonly admin: AdminState;
  /** Out for a while after failures of real connections. */
  readonly isEjected: boolean;
}

/** An endpoint as threads are told of it; the numbers are places in the accounts. */
export interface EndpointRecord extends EndpointSpec {
  /** Its row, which no other endpoint has while this one is there. */
  readonly id: number;
  /** Gauges: of its clients, and of all that is open there. */
  readonly clients: number;
  readonly open: number;
  readonly state: EndpointState;
}

/** What counts the connections of an endpoint. */
export interface EndpointAccounts {
  /** Since the start. */
  readonly row: EndpointRow;
  readonly clients: Gauge;
  /** Everything that is open or being opened. */
  readonly open: Gauge;
  readonly wakeUps: WakeUps;
}

export class Endpoint implements Candidate {
  readonly id: number;
  readonly key: string;
  readonly address: Address;
  #spec: EndpointSpec;
  /** What connections are opened with; a client has entered before it asks for one. */
  readonly permits: ConnectionSemaphore;
  state: EndpointState;
  readonly #row: EndpointRow;
  readonly #clients: Gauge;
  /** Clients who came when it was gone already, and are in no gauge. */
  #uncounted = 0;
  #isRetired = false;
  readonly #abortsWhenDown = new LinkedList<AbortWhenDown>();

  constructor(record: EndpointRecord, { row, clients, open, wakeUps }: EndpointAccounts) {
    this.id = record.id;
    this.key = formatAddress(record.address);
    this.address = record.address;
    this.#spec = record;
    this.state = record.state;
    this.#row = row;
    this.#clients = clients;
    this.permits = new ConnectionSemaphore(record.maxConnections, open, wakeUps);
  }

  get weight(): number {
    return this.#spec.weight;
  }

  get tier(): number {
    return this.#spec.tier;
  }

  get maxConnections(): number {
    return this.#spec.maxConnections;
  }

  /** Takes another weight, tier or limit over. */
  update(record: EndpointRecord): void {
    this.#spec = record;
    this.state = record.state;
    this.permits.limit = record.maxConnections;
  }

  /** Clients that have entered, in all threads. */
  get active(): number {
    return this.#clients.value;
  }

  get isUp(): boolean {
    return this.state.admin === "up" && !this.isOut && !this.#isRetired;
  }

  /** Whether checks or failures have ejected it, regardless of what an operator has set. */
  get isOut(): boolean {
    return this.state.health === "down" || this.state.isEjected;
  }

  get isFull(): boolean {
    return this.maxConnections > 0 && this.#clients.value >= this.maxConnections && this.#clients.isClaimed;
  }

  /**
   * Counts a client; false when there are as many as there may be. Of an endpoint that is gone, as this thread may not
   * know yet, nobody counts the clients any more, and they come in.
   */
  enter(): boolean {
    if (this.#clients.enter(this.maxConnections)) return true;
    if (this.#clients.isClaimed) return false;
    this.#uncounted += 1;
    return true;
  }

  /** Who leaves first matters to nobody any more, once there are those who are not counted. */
  leave(): void {
    if (this.#uncounted > 0) this.#uncounted -= 1;
    else this.#clients.leave();
  }

  /** A connection was made. */
  succeeded(): void {
    this.#row.cells.connects.add();
  }

  /** A real connection failed, by the code of its error. */
  failed(code: string): void {
    this.#row.cells.failures.add(code);
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

  /** It is gone: nothing is kept ready for it, and those who still come are not counted any more. */
  retire(): void {
    this.#isRetired = true;
    this.permits.retire();
  }
}

class AbortWhenDown extends Linked<AbortWhenDown> {
  readonly abort: (error: ProxyError) => void;

  constructor(abort: (error: ProxyError) => void) {
    super();
    this.abort = abort;
  }
}
