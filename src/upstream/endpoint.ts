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
import { Warming, type WarmUp } from "./slow_start.ts";
import type { Candidate } from "./balance/policy.ts";
import type { GroupWaits } from "./waiting/group_waits.ts";

export interface EndpointSpec {
  readonly address: Address;
  readonly weight: number;
  /** The lowest tier with a usable endpoint is used. */
  readonly tier: number;
  /** The most open connections; 0 is no limit. */
  readonly maxConnections: number;
  /** The source of endpoints says that it is about to go: it gets no new connections. */
  readonly drain?: boolean;
}

/** The tier of an endpoint in the configuration: `backup` is another word for 1. */
export function tierOf(
  { tier, backup }: { readonly tier: number | undefined; readonly backup: boolean },
): number {
  return tier ?? (backup ? 1 : 0);
}

/** Set by an operator: `drain` gets no new connections, `down` also closes open ones. */
export type AdminState = EndpointFigures["admin"];

/** The state of an endpoint, decided for all threads. */
export interface EndpointState {
  readonly health: HealthState;
  readonly admin: AdminState;
  /** Whether it is out of use for a while, after failures of real connections. */
  readonly isEjected: boolean;
  /** Only in a slow start. */
  readonly warmUp?: WarmUp;
}

/** An endpoint as threads receive it; the numbers are places in the accounts. */
export interface EndpointRecord extends EndpointSpec {
  /** The number of its row, which no other endpoint has at the same time. */
  readonly id: number;
  /** The numbers of two gauges: its clients, and all its open connections. */
  readonly clients: number;
  readonly open: number;
  readonly state: EndpointState;
}

/** The counters of an endpoint. */
export interface EndpointAccounts {
  /** Counts since the start. */
  readonly row: EndpointRow;
  readonly clients: Gauge;
  /** Connections that are open or being opened. */
  readonly open: Gauge;
  readonly wakeUps: WakeUps;
}

/** What is ended with its endpoint. */
export interface Abortable {
  abort(error: ProxyError): void;
}

export class Endpoint implements Candidate {
  readonly id: number;
  readonly key: string;
  readonly address: Address;
  #spec: EndpointSpec;
  /** Limits connections; a client enters before it asks for one. */
  readonly permits: ConnectionSemaphore;
  #state: EndpointState;
  #warming: Warming | undefined;
  /** Whether this program listens at its address: a service there would connect to itself. */
  isOwn = false;
  /** The clients of its group that wait; undefined outside of a group. */
  waits: GroupWaits | undefined;
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
    this.#state = record.state;
    this.state = record.state;
    this.#row = row;
    this.#clients = clients;
    this.permits = new ConnectionSemaphore(record.maxConnections, open, wakeUps);
  }

  get state(): EndpointState {
    return this.#state;
  }

  set state(state: EndpointState) {
    this.#state = state;
    this.#warming = state.warmUp && new Warming(state.warmUp);
  }

  /** The part of its weight that counts now: less than 1 in a slow start. */
  get part(): number {
    if (this.#warming === undefined) return 1;
    const { part } = this.#warming;
    if (part === 1) this.#warming = undefined;
    return part;
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

  /** Whether checks or failures have taken it out of use, whatever an operator has set. */
  get isOut(): boolean {
    return this.state.health === "down" || this.state.isEjected;
  }

  get isFull(): boolean {
    return this.maxConnections > 0 && this.#clients.value >= this.maxConnections && this.#clients.isClaimed;
  }

  /**
   * Counts a client; false at the limit. A removed endpoint accepts clients without counting them, because this thread
   * may not know of the removal yet.
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
    this.waits?.queue?.freed();
  }

  /** A connection was made. */
  succeeded(): void {
    this.#row.cells.connects.add();
  }

  /** A real connection failed, by the code of its error. */
  failed(code: string): void {
    this.#row.cells.failures.add(code);
  }

  /** Aborts `connection` if the endpoint goes down, until the result is disposed of. */
  whenDown(connection: Abortable): Disposable {
    const watch = new AbortWhenDown(connection);
    this.#abortsWhenDown.add(watch);
    return watch;
  }

  /** Ends the connections that are registered for that. */
  abortConnections(error: ProxyError): void {
    for (const { connection } of this.#abortsWhenDown.all()) connection.abort(error);
  }

  /** It is removed: counts no more clients or connections. */
  retire(): void {
    this.#isRetired = true;
    this.permits.retire();
  }
}

class AbortWhenDown extends Linked<AbortWhenDown> {
  readonly connection: Abortable;

  constructor(connection: Abortable) {
    super();
    this.connection = connection;
  }
}

/** A connection counts as failed if the upstream resets it within this time, in milliseconds, without data. */
const AT_ONCE = 1000;

/** Disposing closes the connection and frees the slot. */
export class Lease implements Disposable {
  readonly conn: Conn;
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

  /**
   * The relay failed after `age` milliseconds; counts against the endpoint if the connection never carried data.
   */
  failed(error: ProxyError, bytesFromUpstream: number, age: number): void {
    if (error.side !== "upstream" || !error.isReset || bytesFromUpstream > 0 || age >= AT_ONCE) return;
    this.#group.connectionFailed(this.#endpoint, error);
  }

  /** Aborts `connection` if the endpoint goes down while it is open. */
  whenDown(connection: Abortable): void {
    this.#watch = this.#endpoint.whenDown(connection);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch?.[Symbol.dispose]();
    this.conn.close();
    this.#endpoint.leave();
  }
}
