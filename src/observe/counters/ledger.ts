/** The accounts of the connections of a service, from accept to close. */

import type { CloseReason } from "../close_reason.ts";
import { Linked } from "../../net/linked_list.ts";
import type { OpenConnections } from "./open_connections.ts";
import type { ServiceRow } from "./accounts.ts";
import type { Counter } from "./columns.ts";

/**
 * The step a connection is in: access checks, TLS handshake, connect to the upstream, relay. A connect may have to wait
 * for a place at a full endpoint (`queued`), or for an endpoint that is up (`waiting`).
 */
export type ConnectionState = "admitting" | "handshake" | "connecting" | "queued" | "waiting" | "open";

/** Why a connection is aborted; each is the code of an error too. */
export type AbortCode = "shutdown" | "killed" | "fault";

/** A connection that can be aborted: closes or resets both sides at once, and closes the record soon after. */
export interface Abortable {
  abort(code: AbortCode, isReset?: boolean): void;
}

/** Why some connections of an endpoint end while others stay; each is the code of an error too. */
export type EndCode = "failback" | "drain_idle" | "rebalance";

/** The two directions of a connection, once they are open. */
export interface Relayed {
  /** Changes whenever bytes came from either side. */
  readonly activity: number;
  /** Bytes were read that are not written yet. */
  readonly isBusy: boolean;
  /** Ends both directions; what was read is still written, for at most a second. */
  close(code: EndCode): void;
}

/** Formatted only when read: for most connections, only the last log line needs them. */
export interface ConnectionAddresses {
  /** Address and port of the client. */
  readonly client: string;
  /** The address that it connected to. */
  readonly listener: string;
}

/** Open from accept to close; disposing of it closes it. Times are in milliseconds. */
export class ConnectionRecord extends Linked<ConnectionRecord> {
  /** Unique in the process. */
  readonly id: number;
  readonly service: string;
  /** The peer, if a PROXY header named another client. */
  peer: string | undefined;
  /** The name that the client asked for in its ClientHello. */
  serverName: string | undefined;
  /**
   * TLS with the client: the ALPN protocol, the version (`TLSv1.2`, `TLSv1.3`), the subject of the client certificate.
   */
  alpn: string | undefined;
  tlsVersion: string | undefined;
  clientSubject: string | undefined;
  /** PP2_TYPE_UNIQUE_ID of a PROXY header, in hexadecimal digits. */
  uniqueId: string | undefined;
  /** The index of its route; undefined for the service's own upstream. */
  route: number | undefined;
  /** The upstream group, or empty. */
  upstream = "";
  /** The endpoint tried last, or empty. */
  endpoint = "";
  /** Where its upstream connection leads, if the client chose the host. */
  address: string | undefined;
  /** The number of endpoints tried. */
  attempts = 0;
  /** The names of the faults that have acted on it, in that order; undefined is none. */
  faults: readonly string[] | undefined;
  /** `copied` to its mirror, or why the copy was given up; undefined without one. */
  mirror: string | undefined;
  /** When it was accepted, in milliseconds since 1970. */
  readonly openedAt = Date.now();
  /** The duration of the connect to its upstream, with all attempts, without waits; undefined before its end. */
  connectTime: number | undefined;
  /** How long it has waited to be connected; undefined if it has not. */
  waitTime: number | undefined;
  readonly fromClient: ByteTally;
  readonly fromUpstream: ByteTally;
  readonly #ledger: ServiceLedger;
  /** Undefined before its upstream is connected. */
  relay: Relayed | undefined;
  readonly #addresses: ConnectionAddresses;
  readonly #connection: Abortable;
  #client: string | undefined;
  readonly #accepted = performance.now();
  #state: ConnectionState = "admitting";
  #stateSince = this.#accepted;
  #connecting = 0;

  /** @param connection What {@linkcode abort} ends. */
  constructor(ledger: ServiceLedger, addresses: ConnectionAddresses, connection: Abortable) {
    super();
    const { bytesFromClient, bytesFromUpstream } = ledger.row.cells;
    this.id = ledger.connections.ids.next();
    this.service = ledger.name;
    this.fromClient = new ByteTally(bytesFromClient, this);
    this.fromUpstream = new ByteTally(bytesFromUpstream, this);
    this.#ledger = ledger;
    this.#addresses = addresses;
    this.#connection = connection;
  }

  /** Address and port of the client: the peer, or the client that a PROXY header names. */
  get client(): string {
    return this.#client ??= this.#addresses.client;
  }

  set client(client: string) {
    this.#client = client;
  }

  /** Where the client connected to. */
  get listener(): string {
    return this.#addresses.listener;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  set state(state: ConnectionState) {
    const now = performance.now();
    const took = now - this.#stateSince;
    if (this.#state === "handshake") this.#ledger.row.cells.tlsHandshake.observe(took / 1000);
    if (this.#state === "connecting") this.#connecting += took;
    else if (this.#state === "queued" || this.#state === "waiting") {
      this.waitTime = (this.waitTime ?? 0) + took;
    }
    if (state === "open") this.connectTime = this.#connecting;
    this.#state = state;
    this.#stateSince = now;
  }

  /** Since its state last changed. */
  get stateAge(): number {
    return performance.now() - this.#stateSince;
  }

  /** Since it was accepted. */
  get age(): number {
    return performance.now() - this.#accepted;
  }

  /** From accept to the first byte that was relayed; undefined before. */
  get firstByteFromClient(): number | undefined {
    return this.#sinceAccept(this.fromClient.firstAt);
  }

  get firstByteFromUpstream(): number | undefined {
    return this.#sinceAccept(this.fromUpstream.firstAt);
  }

  /** Counts its end. Call it once, while it is open. */
  ended({ kind, key }: Pick<CloseReason, "kind" | "key">): void {
    const { cells } = this.#ledger.row;
    cells[kind].add(key);
    if (kind === "closed") cells.duration.observe(this.age / 1000);
  }

  abort(code: AbortCode, isReset = false): void {
    this.#connection.abort(code, isReset);
  }

  /**
   * Called by its tallies. The time of an upstream begins with the connect, or with the first byte of a client that
   * spoke first.
   */
  firstByte(tally: ByteTally): void {
    const now = tally.firstAt = performance.now();
    if (tally !== this.fromUpstream) return;
    const since = Math.max(this.#stateSince, this.fromClient.firstAt ?? 0);
    this.#ledger.row.cells.firstByte.observe((now - since) / 1000);
  }

  override [Symbol.dispose](): void {
    this.#ledger.closed(this);
  }

  #sinceAccept(time: number | undefined): number | undefined {
    return time === undefined ? undefined : time - this.#accepted;
  }
}

/** Counts the bytes that one side of a connection has sent. */
class ByteTally {
  bytes = 0;
  /** When the first byte was received, by `performance.now()`. */
  firstAt: number | undefined;
  readonly #total: Counter;
  readonly #record: ConnectionRecord;

  constructor(total: Counter, record: ConnectionRecord) {
    this.#total = total;
    this.#record = record;
  }

  /** Counts for the connection and its service. */
  add(count: number): void {
    if (this.bytes === 0) this.#record.firstByte(this);
    this.bytes += count;
    this.#total.add(count);
  }
}

/** The thread that numbers connections, and the memory for that. */
export interface ConnectionNumbers {
  /** From 0. */
  readonly thread: number;
  readonly threads: number;
  /** The count of connections of each thread; a restarted thread continues with it. */
  readonly memory: SharedArrayBuffer;
}

export class ConnectionIds {
  readonly #thread: number;
  readonly #threads: number;
  readonly #counts: Float64Array;

  constructor({ thread, threads, memory }: ConnectionNumbers) {
    this.#thread = thread;
    this.#threads = threads;
    this.#counts = new Float64Array(memory);
  }

  /**
   * An id that is unique in the process. Thread 0 of 3 uses 1, 4, 7, …, thread 1 uses 2, 5, 8, …: ids stay short, and
   * threads need not agree on them.
   */
  next(): number {
    const count = this.#counts[this.#thread]!;
    this.#counts[this.#thread] = count + 1;
    return count * this.#threads + this.#thread + 1;
  }
}

export interface LedgerParts {
  readonly row: ServiceRow;
  readonly connections: OpenConnections;
}

/** The accounts of one service in one thread. */
export class ServiceLedger {
  readonly name: string;
  readonly row: ServiceRow;
  readonly connections: OpenConnections;
  #active = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(name: string, { row, connections }: LedgerParts) {
    this.name = name;
    this.row = row;
    this.connections = connections;
  }

  /** @param connection The connection that the record's `abort()` ends. */
  open(addresses: ConnectionAddresses, connection: Abortable): ConnectionRecord {
    const record = new ConnectionRecord(this, addresses, connection);
    this.row.cells.accepted.add();
    this.#active += 1;
    this.connections.add(record);
    return record;
  }

  closed(record: ConnectionRecord): void {
    if (record.list === undefined) return;
    this.connections.delete(record);
    this.#active -= 1;
    this.row.cells.ended.add();
    if (this.#active > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** @param failures How many attempts to accept have failed since the last call. */
  acceptFailed(failures: number): void {
    this.row.cells.acceptErrors.add(failures);
  }

  /** Resolves when no connection is open in this thread. */
  drained(): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
