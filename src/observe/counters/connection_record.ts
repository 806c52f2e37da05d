/** The account of one connection. */

import type { ServiceRow } from "./accounts.ts";
import type { Counter } from "./columns.ts";

/** Where a connection is on its way: being looked at, in its TLS handshake, looking for its upstream, relayed. */
export type ConnectionState = "admitting" | "handshake" | "connecting" | "open";

/** How a connection ended; `key` is one of few for each kind, as it becomes a series of metrics. */
export interface CountedEnding {
  /** It was relayed; it was not let in; it did not get as far as its upstream. */
  readonly kind: "closed" | "refused" | "failed";
  readonly key: string;
}

/** Why a connection is ended from outside; each is a code of an error too. */
export type AbortCode = "shutdown" | "killed";

/** What can be ended: both sides are closed at once, and the account soon after. */
export interface Abortable {
  abort(code: AbortCode): void;
}

/** Where a record is kept while its connection is open. */
export interface RecordKeeper {
  closed(record: ConnectionRecord): void;
}

/** Formatted only when they are read: most connections are too short for anything but a line at their end. */
export interface ConnectionAddresses {
  /** Address and port of the client. */
  readonly client: string;
  /** Where it connected to. */
  readonly listener: string;
}

/** What a record is opened with. */
export interface RecordOptions {
  /** Unique in the process. */
  readonly id: number;
  readonly service: string;
  readonly addresses: ConnectionAddresses;
  readonly connection: Abortable;
  readonly row: ServiceRow;
  readonly keeper: RecordKeeper;
}

/** Open from accept to close; disposing of it closes it. Times are in milliseconds. */
export class ConnectionRecord implements Disposable {
  readonly id: number;
  /** Among the open ones of the thread. */
  place = -1;
  readonly service: string;
  /** The peer, where a PROXY header told of another client. */
  peer: string | undefined;
  /** The name that the client asked for in its ClientHello. */
  serverName: string | undefined;
  /** Of TLS with the client: the protocol agreed on, `TLSv1.2` or `TLSv1.3`, whom its verified certificate is for. */
  alpn: string | undefined;
  tlsVersion: string | undefined;
  clientSubject: string | undefined;
  /** What a PROXY header calls the connection (PP2_TYPE_UNIQUE_ID), in hexadecimal digits. */
  uniqueId: string | undefined;
  /** The place in the list of the route that it took, from 0; undefined for the service's own upstream. */
  route: number | undefined;
  /** The upstream group, or empty. */
  upstream = "";
  /** The endpoint tried last, or empty. */
  endpoint = "";
  /** Endpoints tried. */
  attempts = 0;
  /** When it was accepted, since 1970. */
  readonly openedAt = Date.now();
  /** How long it took to find and connect its upstream, once that is done. */
  connectTime: number | undefined;
  readonly fromClient: ByteTally;
  readonly fromUpstream: ByteTally;
  readonly #options: RecordOptions;
  #client: string | undefined;
  readonly #accepted = performance.now();
  #state: ConnectionState = "admitting";
  #stateSince = this.#accepted;

  /** Made by `ServiceLedger`. */
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

  /** Each step is timed. */
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

  /** Counts how it ended. To be called once, while it is open. */
  ended({ kind, key }: CountedEnding): void {
    const { cells } = this.#options.row;
    cells[kind].add(key);
    if (kind === "closed") cells.duration.observe(this.age / 1000);
  }

  /** Ends the connection at once. */
  abort(code: AbortCode): void {
    this.#options.connection.abort(code);
  }

  /**
   * Called by its tallies. An upstream is timed from when it had reason to speak: it was connected, or the client had
   * said something first.
   */
  firstByte(tally: ByteTally): void {
    const now = tally.firstAt = performance.now();
    if (tally !== this.fromUpstream) return;
    const since = Math.max(this.#stateSince, this.fromClient.firstAt ?? 0);
    this.#options.row.cells.firstByte.observe((now - since) / 1000);
  }

  [Symbol.dispose](): void {
    this.#options.keeper.closed(this);
  }

  #sinceAccept(time: number | undefined): number | undefined {
    return time === undefined ? undefined : time - this.#accepted;
  }
}

/** The bytes that one side of a connection has sent. */
export class ByteTally {
  bytes = 0;
  /** When the first came, on the clock of `performance.now()`. */
  firstAt: number | undefined;
  readonly #total: Counter;
  readonly #record: ConnectionRecord;

  constructor(total: Counter, record: ConnectionRecord) {
    this.#total = total;
    this.#record = record;
  }

  /** Adds them to those of the connection and of its service. */
  add(count: number): void {
    if (this.bytes === 0) this.#record.firstByte(this);
    this.bytes += count;
    this.#total.add(count);
  }
}
