/** The life of one connection, from accept to close, on one screen. */

import { formatAddress } from "../net/address.ts";
import type { Conn } from "../net/conn.ts";
import { dial } from "../net/dial.ts";
import { type ProxyError, proxyErrorOf } from "../net/errors.ts";
import { Relay, type RelayOutcome } from "../net/relay.ts";
import type { ConnectionRecord } from "../observe/ledger.ts";
import type { Service } from "./service.ts";

export class Connection {
  readonly #client: Conn;
  readonly #service: Service;
  #aborted: ProxyError | undefined;
  #relaying: Relay | undefined;

  constructor(client: Conn, service: Service) {
    this.#client = client;
    this.#service = service;
  }

  /** accept → connect → relay through counters → account → close. Never rejects. */
  async run(): Promise<void> {
    const { config, ledger, accessLog } = this.#service;
    using client = this.#client;
    using record = ledger.open(formatAddress(client.remoteAddress), formatAddress(config.upstream));
    try {
      this.#configure(client);
      using upstream = await this.#connect();
      this.#configure(upstream);
      accessLog.closed(record, ...ending(await this.#relay(upstream, record)));
    } catch (cause) {
      const error = proxyErrorOf(cause, "proxy");
      if (error.isReset && config.reset === "pass") client.reset();
      if (error.code === "too_many_open_files") this.#service.onShortage();
      ledger.connectionFailed();
      accessLog.failed(record, error);
    }
  }

  /** Ends it at once; a dial under way is closed when it comes back. */
  abort(error: ProxyError): void {
    this.#aborted = error;
    this.#relaying?.abort(error);
    this.#client.close();
  }

  #configure(conn: Conn): void {
    const { nodelay, keepalive } = this.#service.config;
    if (nodelay) conn.setNoDelay(true);
    if (keepalive !== false) conn.setKeepAlive(keepalive);
  }

  async #connect(): Promise<Conn> {
    const { config, adapter, dialDeadlines } = this.#service;
    using deadline = dialDeadlines.start();
    return await dial(config.upstream, { adapter, signal: deadline.signal });
  }

  #relay(upstream: Conn, record: ConnectionRecord): Promise<RelayOutcome> {
    const { config, idleClock } = this.#service;
    if (this.#aborted !== undefined) throw this.#aborted;
    this.#relaying = new Relay({
      client: this.#client,
      upstream,
      bufferSize: config.bufferSize,
      reset: config.reset,
      fromClient: record.fromClient,
      fromUpstream: record.fromUpstream,
      idleClock,
    });
    return this.#relaying.run();
  }
}

function ending(outcome: RelayOutcome): [reason: string, code?: string] {
  return outcome.kind === "closed" ? [`${outcome.first} closed`] : [outcome.error.reason, outcome.error.code];
}
