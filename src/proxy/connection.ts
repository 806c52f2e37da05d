/** The life of one connection, from accept to close, on one screen. */

import { applySocketOptions, type Conn } from "../net/socket/conn.ts";
import type { Deadlines } from "../net/timers/deadlines.ts";
import { type ErrorCode, ProxyError, proxyErrorOf } from "../net/errors.ts";
import { peekClientHello, receiveProxyHeader } from "../net/socket/first_bytes.ts";
import { ReadAheadConn } from "../net/socket/read_ahead_conn.ts";
import { Relay, type RelayOutcome } from "../relay/relay.ts";
import { type CloseReason, endBeforeRelay, endOfRelay } from "../observe/close_reason.ts";
import type { ConnectionRecord } from "../observe/counters/ledger.ts";
import type { Lease } from "../upstream/lease.ts";
import { commonNameText } from "../wire/certificate/distinguished_name.ts";
import { Entry } from "./admission.ts";
import { ClientFacts } from "./client_facts.ts";
import type { Service, Target } from "./service.ts";
import { addStages } from "./stages.ts";
import type { TlsTermination } from "./tls_termination.ts";

/** Replaces the address of a client that disconnected early. */
const UNKNOWN = "unknown";

export class Connection {
  #client: Conn;
  readonly #service: Service;
  #onEntered: (() => void) | undefined;
  #aborted: ProxyError | undefined;
  #giveUp: ((error: ProxyError) => void) | undefined;
  #relaying: Relay | undefined;

  constructor(client: Conn, service: Service) {
    const { readAhead } = service;
    this.#client = readAhead > 0 ? new ReadAheadConn(client, readAhead) : client;
    this.#service = service;
  }

  /** Resolves once the connection was let in or refused; to be asked for before it runs. */
  entered(): Promise<void> {
    return new Promise((resolve) => this.#onEntered = resolve);
  }

  /**
   * accept → PROXY header → admit → TLS or peek → route → pick → connect → relay through counters → account → close.
   * Never rejects.
   */
  async run(): Promise<void> {
    const { config, admission, ledger, events, debugLines, lifetimes, headerDeadlines, tls } = this.#service;
    const facts = new ClientFacts(this.#client);
    using record = ledger.open(facts.client, facts.listener, this);
    using _lifetime = lifetimes?.watch(() => this.abort("lifetime"));
    events.opened(record);
    debugLines.accepted(record);
    try {
      admission.checkPeer(facts.sourceAddress);
      using entry = new Entry(admission);
      // A client that exceeds its own limits needs no slot, and must not wait for one.
      if (headerDeadlines === undefined) entry.enterClient(facts.sourceAddress);
      if (!entry.takePlace()) await this.#waitForPlace(entry);
      this.#onEntered?.();
      applySocketOptions(this.#client, config);
      // A step that is not asked for costs no promise.
      if (headerDeadlines !== undefined) {
        await this.#receiveHeader(headerDeadlines, facts, record);
        entry.enterClient(facts.sourceAddress);
      }
      if (tls !== undefined) {
        // The rate limits the cost of handshakes, even of those that fail.
        entry.letIn();
        await this.#secure(tls, facts, record);
      } else if (this.#service.needsHello(facts)) await this.#peek(facts, record);
      const target = this.#service.route(facts);
      entry.letIn();
      using lease = await this.#connect(target, facts, record);
      const outcome = await this.#relay(lease, record);
      if (outcome.kind === "failed") {
        lease.failed(outcome.error, record.fromUpstream.bytes);
        if (outcome.error.code === "filter_error") this.#service.filterFailed(outcome.error.cause, record);
      }
      this.#end(record, endOfRelay(outcome));
    } catch (cause) {
      this.#fail(this.#aborted ?? proxyErrorOf(cause, "proxy"), record);
    } finally {
      this.#client.close();
      this.#onEntered?.();
    }
  }

  /** Ends it at once; a dial under way is closed when it comes back. */
  abort(code: ErrorCode): void {
    const error = new ProxyError(code, "proxy");
    this.#aborted ??= error;
    this.#giveUp?.(error);
    this.#relaying?.abort(error);
    this.#client.close();
  }

  #waitForPlace(entry: Entry): Promise<void> {
    const ending = new AbortController();
    this.#giveUp = (error) => ending.abort(error);
    return entry.waitForPlace(AbortSignal.any([this.#service.stopping, ending.signal]));
  }

  /** From then on the client is who the header says. */
  async #receiveHeader(within: Deadlines, facts: ClientFacts, record: ConnectionRecord): Promise<void> {
    using deadline = within.start();
    const header = await receiveProxyHeader(this.#client as ReadAheadConn, deadline.signal);
    if (!facts.takeOver(header)) return;
    record.peer = record.client;
    record.client = facts.client;
    record.serverName = header.authority;
    record.alpn = header.alpn;
    record.tlsVersion = header.tls?.version;
    const { tls, uniqueId } = header;
    // In the same form as the subject of a certificate verified here, so that one rule matches both; empty
    // means none.
    if (tls?.verify === 0 && tls.commonName) record.clientSubject = commonNameText(tls.commonName);
    if (uniqueId !== undefined && uniqueId.length > 0) record.uniqueId = uniqueId.toHex();
  }

  /** From then on the client is read and written inside TLS. */
  async #secure(tls: TlsTermination, facts: ClientFacts, record: ConnectionRecord): Promise<void> {
    using deadline = this.#service.handshakeDeadlines.start();
    record.state = "handshake";
    const { conn, facts: agreed } = await tls.terminate(this.#client, deadline.signal);
    this.#client = conn;
    facts.secured(agreed);
    record.serverName = agreed.serverName;
    record.alpn = agreed.alpn;
    record.tlsVersion = agreed.version;
    record.clientSubject = agreed.clientSubject;
  }

  /** Looks at the ClientHello, on which the route of the client depends. */
  async #peek(facts: ClientFacts, record: ConnectionRecord): Promise<void> {
    using deadline = this.#service.peekDeadlines.start();
    const hello = await peekClientHello(this.#client as ReadAheadConn, deadline.signal);
    if (typeof hello === "string") facts.noHello = hello;
    else {
      facts.serverName = record.serverName = hello.serverName;
      facts.alpn = hello.alpn;
    }
  }

  /** Nobody waits for a dial any more once the connection is aborted. */
  #connect({ connector, route }: Target, facts: ClientFacts, record: ConnectionRecord): Promise<Lease> {
    if (this.#aborted !== undefined) throw this.#aborted;
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    this.#giveUp = reject;
    record.state = "connecting";
    record.route = route;
    record.upstream = connector.group.name;
    connector.connect(facts.sourceAddress, record, this.#service.headerFor(facts)).then((lease) => {
      if (this.#aborted === undefined) resolve(lease);
      else lease[Symbol.dispose]();
    }, reject);
    return promise;
  }

  #relay(lease: Lease, record: ConnectionRecord): Promise<RelayOutcome> {
    if (this.#aborted !== undefined) throw this.#aborted;
    const { config, events, debugLines, idleClock } = this.#service;
    record.state = "open";
    events.connected(record);
    debugLines.connected(record);
    const relay = this.#relaying = new Relay({
      client: this.#client,
      upstream: lease.conn,
      bufferSize: config.bufferSize,
      connection: record,
      reset: config.reset,
      fromClient: record.fromClient,
      fromUpstream: record.fromUpstream,
      idleClock,
    });
    addStages(relay, config);
    lease.whenDown((error) => relay.abort(error));
    return relay.run();
  }

  #fail(error: ProxyError, record: ConnectionRecord): void {
    if (error.isReset && this.#service.config.reset === "pass") this.#client.reset();
    if (error.code === "too_many_open_files") this.#service.onShortage();
    this.#end(record, endBeforeRelay(error));
  }

  #end(record: ConnectionRecord, ending: CloseReason): void {
    end(this.#service, record, ending);
  }
}

/** A client that reset before its address could be read is only counted and logged. */
export function recordLostClient(service: Service, listener: string): void {
  using record = service.ledger.open(UNKNOWN, listener, { abort: () => {} });
  service.events.opened(record);
  end(service, record, endBeforeRelay(new ProxyError("connection_reset", "client")));
}

/** The only place that counts, logs and reports the end of a connection. */
function end({ accessLog, events }: Service, record: ConnectionRecord, ending: CloseReason): void {
  record.ended(ending);
  accessLog.ended(record, ending);
  events.ended(record, ending);
}
