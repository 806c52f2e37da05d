/** The life of one connection, from accept to close, on one screen. */

import { applySocketOptions, type Conn } from "../net/conn.ts";
import type { Deadlines } from "../net/deadlines.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import { peekClientHello } from "../net/peek.ts";
import { receiveProxyHeader } from "../net/proxy_header.ts";
import { ReadAheadConn } from "../net/read_ahead_conn.ts";
import { Relay, type RelayOutcome } from "../net/relay.ts";
import type { ConnectionRecord } from "../observe/ledger.ts";
import type { Connector } from "../upstream/connector.ts";
import type { Lease } from "../upstream/lease.ts";
import type { Place } from "./admission.ts";
import { ClientFacts } from "./client_facts.ts";
import type { Service } from "./service.ts";

export class Connection {
  readonly #client: Conn;
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
   * accept → admit → PROXY header → peek → route → pick → connect → relay through counters → account → close.
   * Never rejects.
   */
  async run(): Promise<void> {
    const { config, admission, ledger, accessLog, lifetimes, headerDeadlines } = this.#service;
    using client = this.#client;
    const facts = new ClientFacts(client);
    using record = ledger.open(facts.client);
    using _lifetime = lifetimes?.watch(() => this.abort(new ProxyError("lifetime", "proxy")));
    try {
      admission.checkPeer(facts.sourceAddress);
      using _place = admission.enter() ?? await this.#waitForPlace();
      this.#onEntered?.();
      applySocketOptions(client, config);
      // A step that is not asked for costs no promise.
      if (headerDeadlines !== undefined) await this.#receiveHeader(headerDeadlines, facts, record);
      using _clientPlace = admission.enterClient(facts.sourceAddress);
      if (this.#service.needsHello(facts)) await this.#peek(facts, record);
      const connector = this.#service.route(facts);
      using lease = await this.#connect(connector, facts, record);
      accessLog.closed(record, ...ending(await this.#relay(lease, record)));
    } catch (cause) {
      this.#fail(this.#aborted ?? proxyErrorOf(cause, "proxy"), record);
    } finally {
      this.#onEntered?.();
    }
  }

  /** Ends it at once; a dial under way is closed when it comes back. */
  abort(error: ProxyError): void {
    this.#aborted ??= error;
    this.#giveUp?.(error);
    this.#relaying?.abort(error);
    this.#client.close();
  }

  async #waitForPlace(): Promise<Place> {
    const { admission, stopping } = this.#service;
    for (;;) {
      await admission.freed(stopping);
      if (this.#aborted !== undefined) throw this.#aborted;
      if (stopping.aborted) throw new ProxyError("shutdown", "proxy");
      const place = admission.enter();
      if (place !== undefined) return place;
    }
  }

  /** From then on the client is who the header says. */
  async #receiveHeader(within: Deadlines, facts: ClientFacts, record: ConnectionRecord): Promise<void> {
    using deadline = within.start();
    const header = await receiveProxyHeader(this.#client as ReadAheadConn, deadline.signal);
    if (!facts.takeOver(header)) return;
    record.peer = record.client;
    record.client = facts.client;
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
  #connect(connector: Connector, facts: ClientFacts, record: ConnectionRecord): Promise<Lease> {
    if (this.#aborted !== undefined) throw this.#aborted;
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    this.#giveUp = reject;
    connector.connect(facts.sourceAddress, record, this.#service.headerFor(facts)).then((lease) => {
      if (this.#aborted === undefined) resolve(lease);
      else lease[Symbol.dispose]();
    }, reject);
    return promise;
  }

  async #relay(lease: Lease, record: ConnectionRecord): Promise<RelayOutcome> {
    if (this.#aborted !== undefined) throw this.#aborted;
    const { config, idleClock } = this.#service;
    const relay = this.#relaying = new Relay({
      client: this.#client,
      upstream: lease.conn,
      bufferSize: config.bufferSize,
      rates: config.limits,
      reset: config.reset,
      fromClient: record.fromClient,
      fromUpstream: record.fromUpstream,
      idleClock,
    });
    lease.whenDown((error) => relay.abort(error));
    const outcome = await relay.run();
    if (outcome.kind === "failed") lease.failed(outcome.error, record.fromUpstream.bytes);
    return outcome;
  }

  /** The one place where an error before the relay becomes a log line and a count. */
  #fail(error: ProxyError, record: ConnectionRecord): void {
    const { config, ledger, accessLog } = this.#service;
    if (error.isReset && config.reset === "pass") this.#client.reset();
    if (error.code === "too_many_open_files") this.#service.onShortage();
    if (error.isRefusal) {
      ledger.connectionRefused(error.code);
      accessLog.refused(record, error);
    } else {
      ledger.connectionFailed();
      accessLog.failed(record, error);
    }
  }
}

function ending(outcome: RelayOutcome): [reason: string, code?: string] {
  return outcome.kind === "closed" ? [`${outcome.first} closed`] : [outcome.error.reason, outcome.error.code];
}
