/** An endpoint as one thread uses it: its weight, its load, and whether it is usable. */

import type { Conn } from "../net/socket/conn.ts";
import type { Group } from "./group.ts";
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
  /** The lowest tier with a usable endpoint is used. */
  readonly tier: number;
  /** The most open connections; 0 is no limit. */
  readonly maxConnections: number;
}

/** Set by an operator: `drain` gets no new connections, `down` also closes open ones. */
export type AdminState = EndpointFigures["admin"];

/** The state of an endpoint, decided for all threads. */
export interface EndpointState {
  readonly health: HealthState;
  readonly admin: AdminState;
  /** Out of use for a while after failures of real connections. */
  readonly isEjected: boolean;
}

/** An endpoint as it is sent to threads; the numbers are places in the accounts. */
export interface EndpointRecord extends EndpointSpec {
  /** Its row, which no other endpoint has at the same time. */
  readonly id: number;
  /** Gauges: of its clients, and of all its open connections. */
  readonly clients: number;
  readonly open: number;
  readonly state: EndpointState;
}

/** The counters of an endpoint. */
export interface EndpointAccounts {
  /** Since the start. */
  readonly row: EndpointRow;
  readonly clients: Gauge;
  /** Connections that are open or being opened. */
  readonly open: Gauge;
  readonly wakeUps: WakeUps;
}

export class Endpoint implements Candidate {
  readonly id: number;
  readonly key: string;
  readonly address: Address;
  #spec: EndpointSpec;
  /** Limits connections; a client enters before it asks for one. */
  readonly permits: ConnectionSemaphore;
  state: EndpointState;
  readonly #row: EndpointRow;
  readonly #clients: Gauge;
  /** Clients that entered after its removal, and are in no gauge. */
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

  /** Changes weight, tier or limit. */
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
   * Counts a client; false at the limit. A removed endpoint accepts clients without counting them, as this thread may not
   * know of the removal yet.
   */
  enter(): boolean {
    if (this.#clients.enter(this.maxConnections)) return true;
    if (this.#clients.isClaimed) return false;
    this.#uncounted += 1;
    return true;
  }

  /** Uncounted clients leave first: after a removal, the order does not matter. */
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

  /** Calls `abort` if the endpoint goes down, until the result is disposed of. */
  whenDown(abort: (error: ProxyError) => void): Disposable {
    const watch = new AbortWhenDown(abort);
    this.#abortsWhenDown.add(watch);
    return watch;
  }

  /** Ends the connections that asked for it. */
  abortConnections(error: ProxyError): void {
    for (const { abort } of this.#abortsWhenDown.all()) abort(error);
  }

  /** It is removed: idle connections are closed, and later clients are not counted. */
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

/** A connection that the upstream resets within this time, in milliseconds, without data, never worked. */
const AT_ONCE = 1000;

/** Disposing closes the connection and frees the slot. */
export class Lease implements Disposable {
  readonly conn: Conn;
  /** When the client got the connection, by `performance.now()`. */
  readonly openedAt = performance.now();
  readonly #group: Group;
  readonly #endpoint: Endpoint;
  #watch: Disposable | undefined;
  #isOver = false;

  /** The client has entered `endpoint`. */
  constructor(group: Group, endpoint: Endpoint, conn: Conn) {
    this.#group = group;
    this.#endpoint = endpoint;
    this.conn = conn;
  }

  /** The relay failed; counts against the endpoint if the connection never carried data. */
  failed(error: ProxyError, bytesFromUpstream: number): void {
    if (error.side !== "upstream" || !error.isReset || bytesFromUpstream > 0) return;
    if (performance.now() - this.openedAt < AT_ONCE) this.#group.connectionFailed(this.#endpoint, error);
  }

  /** Calls `abort` if the endpoint goes down while the connection is open. */
  whenDown(abort: (error: ProxyError) => void): void {
    this.#watch = this.#endpoint.whenDown(abort);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch?.[Symbol.dispose]();
    this.conn.close();
    this.#endpoint.leave();
  }
}
