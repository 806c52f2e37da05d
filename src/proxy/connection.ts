/** The life of one connection, from accept to close, on one screen. */

import { formatAddress, hostOf } from "../net/address.ts";
import type { Conn } from "../net/conn.ts";
import { type ProxyError, proxyErrorOf } from "../net/errors.ts";
import { Relay, type RelayOutcome } from "../net/relay.ts";
import type { ConnectionRecord } from "../observe/ledger.ts";
import type { Lease } from "../upstream/lease.ts";
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

  /** accept → route → pick → connect → relay through counters → account → close. Never rejects. */
  async run(): Promise<void> {
    const { ledger, accessLog } = this.#service;
    using client = this.#client;
    const { remoteAddress } = client;
    using record = ledger.open(formatAddress(remoteAddress));
    try {
      this.#configure(client);
      const connector = this.#service.route(client);
      using lease = await connector.connect(hostOf(remoteAddress), record);
      accessLog.closed(record, ...ending(await this.#relay(lease, record)));
    } catch (cause) {
      this.#fail(proxyErrorOf(cause, "proxy"), record);
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

  async #relay(lease: Lease, record: ConnectionRecord): Promise<RelayOutcome> {
    if (this.#aborted !== undefined) throw this.#aborted;
    const { config, idleClock } = this.#service;
    const relay = this.#relaying = new Relay({
      client: this.#client,
      upstream: lease.conn,
      bufferSize: config.bufferSize,
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
    if (error.code === "no_route") {
      ledger.connectionRefused();
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
