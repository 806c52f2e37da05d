/** The account of one connection. */

import type { CloseReason } from "../close_reason.ts";
import type { ServiceRow } from "./accounts.ts";
import type { Counter } from "./columns.ts";

/** The step a connection is in: access checks, TLS handshake, connect to the upstream, relay. */
export type ConnectionState = "admitting" | "handshake" | "connecting" | "open";

/** Why a connection is aborted; each is the code of an error too. */
export type AbortCode = "shutdown" | "killed";

/** A connection that can be aborted: closes both sides at once, and the record soon after. */
export interface Abortable {
  abort(code: AbortCode): void;
}

/** Has the record while its connection is open. */
export interface RecordOwner {
  closed(record: ConnectionRecord): void;
}

/** Formatted only when read: most connections end before anything but their last line needs them. */
export interface ConnectionAddresses {
  /** Address and port of the client. */
  readonly client: string;
  /** The address that it connected to. */
  readonly listener: string;
}

export interface RecordOptions {
  /** Unique in the process. */
  readonly id: number;
  readonly service: string;
  readonly addresses: ConnectionAddresses;
  readonly connection: Abortable;
  readonly row: ServiceRow;
  readonly owner: RecordOwner;
}

/** Open from accept to close; disposing of it closes it. Times are in milliseconds. */
export class ConnectionRecord implements Disposable {
  readonly id: number;
  /** Its place in {@linkcode OpenConnections}. */
  place = -1;
  readonly service: string;
  /** The peer, if a PROXY header named another client. */
  peer: string | undefined;
  /** The name that the client asked for in its ClientHello. */
  serverName: string | undefined;
  /** TLS with the client: the ALPN protocol, the version (`TLSv1.2`, `TLSv1.3`), the subject of the client certificate. */
  alpn: string | undefined;
  tlsVersion: string | undefined;
  clientSubject: string | undefined;
  /** PP2_TYPE_UNIQUE_ID of a PROXY header, in hexadecimal digits. */
  uniqueId: string | undefined;
  /** The index of its route; undefined for the upstream of the service itself. */
  route: number | undefined;
  /** The upstream group, or empty. */
  upstream = "";
  /** The endpoint tried last, or empty. */
  endpoint = "";
  /** How many endpoints were tried. */
  attempts = 0;
  /** When it was accepted, in milliseconds since 1970. */
  readonly openedAt = Date.now();
  /** How long the connect to its upstream took, with all attempts; undefined before its end. */
  connectTime: number | undefined;
  readonly fromClient: ByteTally;
  readonly fromUpstream: ByteTally;
  readonly #options: RecordOptions;
  #client: string | undefined;
  readonly #accepted = performance.now();
  #state: ConnectionState = "admitting";
  #stateSince = this.#accepted;

  constructor(options: RecordOptions) {
    const { bytesFromClient, bytesFromUpstream } = options.row.cells;
    this.id = options.id;
    this.service = options.service;
    this.fromClient = new ByteTally(bytesFromClient, this);
    this.fromUpstream = new ByteTally(bytesFromUpstream, this);
    this.#options = options;
  }

  /** Address and port of the client: the peer, or the client that a PROXY header names. */
  get client(): string {
    return this.#client ??= this.#options.addresses.client;
  }

  set client(client: string) {
    this.#client = client;
  }

  /** Where the client connected to. */
  get listener(): string {
    return this.#options.addresses.listener;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  set state(state: ConnectionState) {
    const now = performance.now();
    const took = now - this.#stateSince;
    if (this.#state === "handshake") this.#options.row.cells.tlsHandshake.observe(took / 1000);
    if (this.#state === "connecting") this.connectTime = took;
    this.#state = state;
    this.#stateSince = now;
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

  /** Counts its end. To be called once, while it is open. */
  ended({ kind, key }: Pick<CloseReason, "kind" | "key">): void {
    const { cells } = this.#options.row;
    cells[kind].add(key);
    if (kind === "closed") cells.duration.observe(this.age / 1000);
  }

  abort(code: AbortCode): void {
    this.#options.connection.abort(code);
  }

  /**
   * Called by its tallies. The time of an upstream begins with the connect, or with the first byte of a client that
   * spoke first.
   */
  firstByte(tally: ByteTally): void {
    const now = tally.firstAt = performance.now();
    if (tally !== this.fromUpstream) return;
    const since = Math.max(this.#stateSince, this.fromClient.firstAt ?? 0);
    this.#options.row.cells.firstByte.observe((now - since) / 1000);
  }

  [Symbol.dispose](): void {
    this.#options.owner.closed(this);
  }

  #sinceAccept(time: number | undefined): number | undefined {
    return time === undefined ? undefined : time - this.#accepted;
  }
}

/** Counts the bytes that one side of a connection has sent. */
export class ByteTally {
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

/** What the ids of a thread's connections are made from. */
export interface ConnectionNumbers {
  /** From 0. */
  readonly thread: number;
  readonly threads: number;
  /** The count of connections of each thread; a restarted thread continues with it. */
  readonly memory: SharedArrayBuffer;
}

/** Memory for {@linkcode ConnectionNumbers}. */
export function newConnectionNumbers(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * Float64Array.BYTES_PER_ELEMENT);
}

export class OpenConnections {
  /**
   * By their places, which are reused. Not a `Map`: the tables that it replaces as it grows keep old entries alive for
   * long (see `net/linked_list.ts`).
   */
  readonly #places: (ConnectionRecord | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #thread: number;
  readonly #threads: number;
  readonly #counts: Float64Array;

  constructor(numbers: ConnectionNumbers = { thread: 0, threads: 1, memory: newConnectionNumbers(1) }) {
    this.#thread = numbers.thread;
    this.#threads = numbers.threads;
    this.#counts = new Float64Array(numbers.memory);
  }

  /**
   * An id that is unique in the process. Thread 0 of 3 uses 1, 4, 7, …, thread 1 uses 2, 5, 8, …: ids stay short, and
   * threads need not agree on them.
   */
  nextId(): number {
    const count = this.#counts[this.#thread]!;
    this.#counts[this.#thread] = count + 1;
    return count * this.#threads + this.#thread + 1;
  }

  add(record: ConnectionRecord): void {
    record.place = this.#free.pop() ?? this.#places.length;
    this.#places[record.place] = record;
  }

  /** False if the record is not there. */
  delete(record: ConnectionRecord): boolean {
    if (this.#places[record.place] !== record) return false;
    this.#places[record.place] = undefined;
    this.#free.push(record.place);
    return true;
  }

  find(id: number): ConnectionRecord | undefined {
    return this.#places.find((record) => record?.id === id);
  }

  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** In the order of acceptance. */
  all(): ConnectionRecord[] {
    return this.#places.filter((record) => record !== undefined).sort((a, b) => a.id - b.id);
  }
}
