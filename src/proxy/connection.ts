/** The life of one connection, from accept to close. */

import type { ServiceConfig } from "../config/config.ts";
import { applySocketOptions, type Conn } from "../net/socket/conn.ts";
import type { Deadlines } from "../net/timers/deadlines.ts";
import type { IdleClock } from "../net/timers/idle_clock.ts";
import type { LifetimeClock } from "../net/timers/lifetime_clock.ts";
import { type ErrorCode, ProxyError, proxyErrorOf } from "../net/errors.ts";
import { peekClientHello, receiveProxyHeader } from "../net/socket/first_bytes.ts";
import { ReadAheadConn } from "../net/socket/read_ahead_conn.ts";
import { Relay, type RelayOutcome } from "../relay/relay.ts";
import { type CloseReason, endBeforeRelay, endOfRelay } from "../observe/close_reason.ts";
import type { ConnectionRecord, ServiceLedger } from "../observe/counters/ledger.ts";
import type { EventFeed } from "../observe/events/event_feed.ts";
import type { AccessLog, DebugLines } from "../observe/log/access_log.ts";
import type { Connector } from "../upstream/connector.ts";
import type { Lease } from "../upstream/endpoint.ts";
import { commonNameText } from "../wire/certificate/distinguished_name.ts";
import { Admission, type AdmissionControl } from "./admission.ts";
import { ClientFacts } from "./client_facts.ts";
import type { TlsTermination } from "./tls_termination.ts";

/** Where a connection goes, and by which route; undefined is the service's own upstream. */
export interface Target {
  readonly connector: Pick<Connector, "group" | "connect">;
  readonly route: number | undefined;
}

/** What the connections of one service share. */
export interface ConnectionContext {
  readonly config: ServiceConfig;
  readonly admission: AdmissionControl;
  readonly ledger: Pick<ServiceLedger, "open">;
  readonly accessLog: Pick<AccessLog, "ended">;
  readonly events: Pick<EventFeed, "opened" | "connected" | "ended">;
  readonly debugLines: Pick<DebugLines, "accepted" | "connected">;
  readonly idleClock: IdleClock;
  /** Bounds the age of connections; undefined is unlimited. */
  readonly lifetimes: Pick<LifetimeClock, "watch"> | undefined;
  /** How long PROXY headers may take; undefined when none are expected. */
  readonly headerDeadlines: Deadlines | undefined;
  readonly peekDeadlines: Deadlines;
  /** TLS with clients; undefined relays their bytes unchanged. */
  readonly tls: Pick<TlsTermination, "terminate"> | undefined;
  readonly handshakeDeadlines: Deadlines;
  /** Adds the stages of the service; undefined without any. */
  readonly addStages: ((relay: Relay) => void) | undefined;
  /** How many of a client's first bytes may be held for peeking. */
  readonly readAhead: number;
  /** Aborts when the service stops: waiting clients get no slot any more. */
  readonly stopping: AbortSignal;
  /** Whether the client's ClientHello decides where its connection goes. */
  needsHello(facts: ClientFacts): boolean;
  /** @throws {ProxyError} when the client takes no route. */
  route(facts: ClientFacts): Target;
  /** What upstream connections of a client begin with. */
  headerFor(facts: ClientFacts): Uint8Array | undefined;
  /** A filter of the connection threw `cause`. */
  filterFailed(cause: unknown, connection: ConnectionRecord): void;
  /** No descriptor is left, for the client or for its upstream. */
  onShortage(): void;
}

/** Replaces the address of a client that disconnected early. */
const UNKNOWN = "unknown";

export class Connection {
  #client: Conn;
  readonly #context: ConnectionContext;
  readonly #facts: ClientFacts;
  readonly #record: ConnectionRecord;
  readonly #admission: Admission;
  readonly #lifetime: Disposable | undefined;
  #lease: Lease | undefined;
  #onEntered: (() => void) | undefined;
  /** Set by {@linkcode abort}. These two fields do the work of an AbortController with one listener, and cost less. */
  #abortReason: ProxyError | undefined;
  /** Ends the step under way where closing the client does not. */
  #onAbort: ((reason: ProxyError) => void) | undefined;

  constructor(client: Conn, context: ConnectionContext) {
    const { readAhead, admission, ledger, lifetimes } = context;
    this.#client = readAhead > 0 ? new ReadAheadConn(client, readAhead) : client;
    this.#context = context;
    this.#facts = new ClientFacts(client);
    this.#record = ledger.open(this.#facts, this);
    this.#admission = new Admission(admission);
    this.#lifetime = lifetimes?.watch(() => this.abort("lifetime"));
  }

  /** Resolves once the connection was admitted or refused. Call it before {@linkcode run}. */
  entered(): Promise<void> {
    return new Promise((resolve) => this.#onEntered = resolve);
  }

  /**
   * accept → PROXY header → admit → TLS or peek → route → pick → connect → relay through counters → account → close.
   * Called once; never rejects. A step that the service does not ask for costs no promise.
   */
  async run(): Promise<void> {
    const facts = this.#facts;
    const admission = this.#admission;
    const { config, headerDeadlines, tls } = this.#context;
    // Not `using`, which costs a short connection a twentieth of its CPU time.
    try {
      this.#announce();
      admission.checkPeer(facts);
      // A client that exceeds its own limits needs no slot, and must not wait for one.
      if (headerDeadlines === undefined) admission.countClient(facts);
      if (!admission.takeSlot()) await this.#waitForSlot();
      this.#onEntered?.();
      applySocketOptions(this.#client, config);
      if (headerDeadlines !== undefined) {
        await this.#receiveHeader(headerDeadlines);
        admission.countClient(facts);
      }
      if (tls !== undefined) {
        // The rate limits the cost of handshakes, even of those that fail.
        admission.spendRate();
        await this.#secure(tls);
      } else if (this.#context.needsHello(facts)) await this.#peek();
      const target = this.#context.route(facts);
      admission.spendRate();
      const lease = await this.#connect(target);
      this.#end(endOfRelay(await this.#relay(lease)));
    } catch (cause) {
      this.#fail(this.#abortReason ?? proxyErrorOf(cause, "proxy"));
    } finally {
      this.#release();
    }
  }

  /** Ends the connection at once. A pending connect is closed when it completes. */
  abort(code: ErrorCode): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = new ProxyError(code, "proxy");
    this.#onAbort?.(this.#abortReason);
    this.#client.close();
  }

  #announce(): void {
    const { events, debugLines } = this.#context;
    events.opened(this.#record);
    debugLines.accepted(this.#record);
  }

  #waitForSlot(): Promise<void> {
    const waiting = new AbortController();
    this.#onAbort = (reason) => waiting.abort(reason);
    return this.#admission.waitForSlot(AbortSignal.any([this.#context.stopping, waiting.signal]));
  }

  /** Replaces the client's addresses with those of the header. */
  async #receiveHeader(deadlines: Deadlines): Promise<void> {
    using deadline = deadlines.start();
    const header = await receiveProxyHeader(this.#client as ReadAheadConn, deadline.signal);
    const record = this.#record;
    // Read before the header replaces it.
    const peer = record.client;
    if (!this.#facts.takeOver(header)) return;
    record.peer = peer;
    record.client = this.#facts.client;
    record.serverName = header.authority;
    record.alpn = header.alpn;
    record.tlsVersion = header.tls?.version;
    const { tls, uniqueId } = header;
    // In the same form as the subject of a certificate verified here, so that one rule matches both; empty
    // means none.
    if (tls?.verify === 0 && tls.commonName) record.clientSubject = commonNameText(tls.commonName);
    if (uniqueId !== undefined && uniqueId.length > 0) record.uniqueId = uniqueId.toHex();
  }

  /** Afterwards, the client is read and written inside TLS. */
  async #secure(tls: Pick<TlsTermination, "terminate">): Promise<void> {
    using deadline = this.#context.handshakeDeadlines.start();
    const record = this.#record;
    record.state = "handshake";
    const { conn, facts: agreed } = await tls.terminate(this.#client, deadline.signal);
    this.#client = conn;
    this.#facts.secured(agreed);
    record.serverName = agreed.serverName;
    record.alpn = agreed.alpn;
    record.tlsVersion = agreed.version;
    record.clientSubject = agreed.clientSubject;
  }

  /** Looks at the ClientHello, which decides the route. */
  async #peek(): Promise<void> {
    using deadline = this.#context.peekDeadlines.start();
    const hello = await peekClientHello(this.#client as ReadAheadConn, deadline.signal);
    const facts = this.#facts;
    if (typeof hello === "string") facts.noHello = hello;
    else {
      facts.serverName = this.#record.serverName = hello.serverName;
      facts.alpn = hello.alpn;
    }
  }

  /** Rejects at once when the connection is aborted, and closes an upstream connection that completes later. */
  #connect({ connector, route }: Target): Promise<Lease> {
    this.#throwIfAborted();
    const record = this.#record;
    record.state = "connecting";
    record.route = route;
    record.upstream = connector.group.name;
    return new Promise((resolve, reject) => {
      this.#onAbort = reject;
      connector.connect(this.#facts, record, this.#context.headerFor(this.#facts)).then((lease) => {
        if (this.#abortReason !== undefined) return lease[Symbol.dispose]();
        this.#lease = lease;
        resolve(lease);
      }, reject);
    });
  }

  async #relay(lease: Lease): Promise<RelayOutcome> {
    this.#throwIfAborted();
    const record = this.#record;
    const { config, events, debugLines, idleClock } = this.#context;
    record.state = "open";
    events.connected(record);
    debugLines.connected(record);
    const relay = new Relay({
      client: this.#client,
      upstream: lease.conn,
      bufferSize: config.bufferSize,
      connection: record,
      reset: config.reset,
      fromClient: record.fromClient,
      fromUpstream: record.fromUpstream,
      idleClock,
    });
    this.#context.addStages?.(relay);
    this.#onAbort = (reason) => relay.abort(reason);
    lease.whenDown(this.#onAbort);
    const outcome = await relay.run();
    if (outcome.kind === "failed") this.#relayFailed(outcome.error, lease);
    return outcome;
  }

  #relayFailed(error: ProxyError, lease: Lease): void {
    lease.failed(error, this.#record.fromUpstream.bytes);
    if (error.code === "filter_error") this.#context.filterFailed(error.cause, this.#record);
  }

  #throwIfAborted(): void {
    if (this.#abortReason !== undefined) throw this.#abortReason;
  }

  #fail(error: ProxyError): void {
    if (error.isReset && this.#context.config.reset === "pass") this.#client.reset();
    if (error.code === "too_many_open_files") this.#context.onShortage();
    this.#end(endBeforeRelay(error));
  }

  #end(reason: CloseReason): void {
    reportEnd(this.#context, this.#record, reason);
  }

  #release(): void {
    this.#lease?.[Symbol.dispose]();
    this.#admission[Symbol.dispose]();
    this.#client.close();
    this.#onEntered?.();
    this.#lifetime?.[Symbol.dispose]();
    this.#record[Symbol.dispose]();
  }
}

/** Counts and logs a client that reset before its address could be read. */
export function recordLostClient(
  context: Pick<ConnectionContext, "ledger" | "accessLog" | "events">,
  listener: string,
): void {
  using record = context.ledger.open({ client: UNKNOWN, listener }, { abort: () => {} });
  context.events.opened(record);
  reportEnd(context, record, endBeforeRelay(new ProxyError("connection_reset", "client")));
}

/** The only place that counts, logs and reports the end of a connection. */
function reportEnd(
  { accessLog, events }: Pick<ConnectionContext, "accessLog" | "events">,
  record: ConnectionRecord,
  reason: CloseReason,
): void {
  record.ended(reason);
  accessLog.ended(record, reason);
  events.ended(record, reason);
}
