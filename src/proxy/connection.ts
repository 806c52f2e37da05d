/** The life of one connection, from accept to close. */

import type { Conn } from "../net/socket/conn.ts";
import type { Deadlines } from "../net/timers/timeouts.ts";
import { type ErrorCode, ProxyError, proxyErrorOf } from "../net/errors.ts";
import { peek, receiveProxyHeader } from "../net/socket/first_bytes.ts";
import { ReadAheadConn } from "../net/socket/read_ahead_conn.ts";
import { Relay, type RelayOutcome } from "../relay/relay.ts";
import { endBeforeRelay, endOfRelay } from "../observe/close_reason.ts";
import { announce, reportEnd } from "../observe/log/access_log.ts";
import type { ConnectionRecord } from "../observe/counters/ledger.ts";
import type { Abortable, Lease } from "../upstream/endpoint.ts";
import type { WaitingClient, WaitState } from "../upstream/waiting/wait.ts";
import { commonNameText } from "../wire/certificate/distinguished_name.ts";
import { Admission } from "./admission.ts";
import { ClientFacts } from "./client_facts.ts";
import { ClientWatch, WAITING_READ_AHEAD } from "./client_watch.ts";
import type { ConnectionContext, Target } from "./connection_context.ts";
import type { ConnectionFaults, FaultyConnection } from "./faults.ts";
import type { Terminator } from "./tls_termination.ts";

export class Connection implements FaultyConnection, WaitingClient {
  #client: Conn;
  readonly #context: ConnectionContext;
  readonly #facts: ClientFacts;
  readonly #record: ConnectionRecord;
  readonly #admission: Admission;
  readonly #lifetime: Disposable | undefined;
  readonly #faults: ConnectionFaults | undefined;
  #lease: Lease | undefined;
  #onEntered: (() => void) | undefined;
  /** Set by {@linkcode abort}. These two fields replace an AbortController with one listener, and cost less. */
  #abortReason: ProxyError | undefined;
  /**
   * The current step, if closing the client does not end it. An object, as V8 allocates a function literal that is
   * assigned to a field in the old generation, where it would keep all of the connection until a full collection.
   */
  #step: Abortable | undefined;

  constructor(client: Conn, context: ConnectionContext) {
    const { admission, ledger, lifetimes } = context;
    this.#faults = context.faults?.open(this);
    const readAhead = this.#faults?.needsHello === true ? context.longestReadAhead : context.readAhead;
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
   * accept → PROXY header → admit → TLS → peek → route → TLS, unless it was before → pick → connect → relay through
   * counters → account → close.
   * Call it once; never rejects. Steps that the service does not need cost no promise.
   */
  async run(): Promise<void> {
    const facts = this.#facts;
    const admission = this.#admission;
    const { config, headerDeadlines, tls } = this.#context;
    // Not `using`, which costs a short connection a twentieth of its CPU time.
    try {
      announce(this.#context, this.#record);
      if (this.#faults?.actAt("accept") === true) await this.#letFaultsAct("accept");
      admission.checkPeer(facts);
      // A client that exceeds its own limits needs no slot, and must not wait for one.
      if (headerDeadlines === undefined) admission.countClient(facts);
      if (!admission.takeSlot()) await this.#waitForSlot();
      this.#onEntered?.();
      this.#client.setOptions(config);
      if (headerDeadlines !== undefined) {
        await this.#receiveHeader(headerDeadlines);
        admission.countClient(facts);
      }
      if (tls !== undefined) {
        // The rate limits the cost of handshakes, even of those that fail.
        admission.spendRate();
        await this.#secure(tls, false);
      }
      const target = this.#route() ?? await this.#peek();
      admission.spendRate();
      if (target.tls !== undefined) await this.#secure(target.tls, true);
      admission.checkCertificate(facts);
      if (this.#faults?.actAt("connect") === true) await this.#letFaultsAct("connect");
      await this.#connect(target);
      reportEnd(this.#context, this.#record, endOfRelay(this.#relayEnded(await this.#relay().run())));
    } catch (cause) {
      this.#fail(this.#abortReason ?? this.#errorOf(cause));
    } finally {
      this.#release();
    }
  }

  /** Ends the connection at once, with a RST on both sides if `isReset`. A pending connect is closed on completion. */
  abort(code: ErrorCode, isReset = false): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = new ProxyError(code, "proxy");
    if (isReset) {
      this.#client.reset();
      this.#lease?.conn.reset();
    }
    this.#step?.abort(this.#abortReason);
    this.#client.close();
  }

  get clientIp(): string {
    return this.#facts.sourceAddress;
  }

  get serverName(): string | undefined {
    return this.#facts.serverName;
  }

  faultApplied(fault: string): void {
    const record = this.#record;
    record.faults = [...new Set(record.faults).add(fault)];
    this.#context.events.faultApplied(record, fault);
  }

  /** Faults may take their time: a client that waits for them must not hold up others. */
  async #letFaultsAct(step: "accept" | "connect"): Promise<void> {
    this.#onEntered?.();
    this.#step = this.#faults!;
    await this.#faults!.act(step);
    this.#throwIfAborted();
  }

  #waitForSlot(): Promise<void> {
    const waiting = new AbortController();
    this.#step = waiting;
    return this.#admission.waitForSlot(AbortSignal.any([this.#context.stopping, waiting.signal]));
  }

  /** Replaces the client's addresses with those of the header. */
  async #receiveHeader(deadlines: Deadlines): Promise<void> {
    using deadline = deadlines.start();
    const header = await receiveProxyHeader(this.#client as ReadAheadConn, deadline.signal);
    const record = this.#record;
    // Read before the header replaces the address.
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
  async #secure(tls: Terminator, isRouted: boolean): Promise<void> {
    using deadline = tls.deadlines.start();
    const record = this.#record;
    record.state = "handshake";
    const { conn, facts: agreed, hasAsked } = await tls.terminate(this.#client, deadline.signal);
    this.#client = conn;
    if (hasAsked === true) this.#facts.hasAskedForTls = true;
    if (agreed === undefined) return;
    this.#facts.secured(agreed, isRouted);
    record.serverName = agreed.serverName;
    record.alpn = agreed.alpn;
    record.tlsVersion = agreed.version;
    record.clientSubject = agreed.clientSubject;
  }

  /** Looks at what the client sends first, inside TLS if that ends here, until this decides its route. */
  async #peek(): Promise<Target> {
    const { peekDeadlines, config: { peek: { maxBytes } } } = this.#context;
    using deadline = peekDeadlines.start();
    const { signal } = deadline;
    const conn = this.#client = ReadAheadConn.over(this.#client, maxBytes);
    const facts = this.#facts;
    const target = await peek(conn, { maxBytes, signal }, (first) => {
      facts.peeked(first);
      this.#record.serverName = facts.serverName;
      return this.#route();
    });
    facts.forgetFirst();
    return target;
  }

  /** Undefined if the route, or whether a fault acts, depends on bytes that have not been looked at. */
  #route(): Target | undefined {
    const target = this.#context.route(this.#facts);
    return target !== undefined && this.#faults?.needsHelloOf(this.#facts) === true ? undefined : target;
  }

  /** Rejects at once when the connection is aborted, and closes an upstream connection that completes later. */
  #connect(target: Target): Promise<void> {
    this.#throwIfAborted();
    const { connector } = target;
    const record = this.#record;
    record.state = "connecting";
    record.route = target.route;
    record.upstream = connector.group.name;
    return new Promise((resolve, reject) => {
      this.#step = { abort: reject };
      const preface = this.#context.prefaceFor(this.#facts, target);
      connector.connect(this.#facts, record, preface, this).then((lease) => {
        if (this.#abortReason !== undefined) return lease[Symbol.dispose]();
        this.#lease = lease;
        resolve();
      }, reject);
    });
  }

  /** The connect has to wait, until the result is disposed of. */
  waits(state: WaitState, wait: Abortable): Disposable {
    const step = this.#step!;
    if (!(this.#client instanceof ReadAheadConn)) {
      this.#client = new ReadAheadConn(this.#client, WAITING_READ_AHEAD);
    }
    const watch = new ClientWatch(this.#client as ReadAheadConn, wait, step, this.#context.stopping);
    this.#step = watch;
    this.#record.state = state;
    if (this.#abortReason !== undefined) watch.abort(this.#abortReason);
    return {
      [Symbol.dispose]: () => {
        watch[Symbol.dispose]();
        this.#step = step;
        this.#record.state = "connecting";
      },
    };
  }

  /** Sets the relay up. Not an async function, as each further promise slows short connections down. */
  #relay(): Relay {
    this.#throwIfAborted();
    const record = this.#record;
    const lease = this.#lease!;
    const { config, events, accessLog, idleClock } = this.#context;
    record.state = "open";
    if (events.isSubscribed) events.connected(record);
    accessLog.connected(record);
    const relay = new Relay({
      client: this.#client,
      upstream: lease.conn,
      bufferSize: config.bufferSize,
      connection: record,
      seed: this.#faults?.seed,
      reset: config.reset,
      fromClient: record.fromClient,
      fromUpstream: record.fromUpstream,
      idleClock,
    });
    this.#context.addStages?.(relay, record, this.#facts);
    this.#faults?.placeOn(relay);
    this.#step = relay;
    record.relay = relay;
    lease.whenDown(relay);
    return relay;
  }

  #relayEnded(outcome: RelayOutcome): RelayOutcome {
    if (outcome.kind !== "failed") return outcome;
    const { error } = outcome;
    const record = this.#record;
    this.#lease!.failed(error, record.fromUpstream.bytes, record.stateAge);
    if (error.code === "filter_error") this.#context.filterFailed(error.cause, record);
    return outcome;
  }

  #throwIfAborted(): void {
    if (this.#abortReason !== undefined) throw this.#abortReason;
  }

  #errorOf(cause: unknown): ProxyError {
    const error = proxyErrorOf(cause, "proxy");
    const client = this.#client;
    if (error.side !== "upstream" && client instanceof ReadAheadConn && client.broughtNothing) {
      error.sentNothing = true;
    }
    return error;
  }

  #fail(error: ProxyError): void {
    if (error.isReset && this.#context.config.reset === "pass") this.#client.reset();
    if (error.code === "too_many_open_files") this.#context.onShortage();
    reportEnd(this.#context, this.#record, endBeforeRelay(error));
  }

  #release(): void {
    this.#lease?.[Symbol.dispose]();
    this.#admission[Symbol.dispose]();
    this.#client.close();
    this.#onEntered?.();
    this.#lifetime?.[Symbol.dispose]();
    this.#faults?.[Symbol.dispose]();
    this.#record[Symbol.dispose]();
  }
}
