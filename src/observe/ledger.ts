/** What is counted: connections and bytes, per service, live while a connection lives. */

/** One service's figures at one moment. Bytes include those of connections still open. */
export interface ServiceFigures {
  readonly name: string;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Connections open now. */
  readonly active: number;
  /** Connections whose upstream could not be reached. */
  readonly failed: number;
  /** Connections that were not let through, as no route was theirs. */
  readonly refused: number;
  readonly bytesFromClient: number;
  readonly bytesFromUpstream: number;
}

/** The account of one connection. Open from accept to close; disposing of it closes it. */
export class ConnectionRecord implements Disposable {
  readonly service: string;
  readonly client: string;
  /** The endpoint tried last, or empty. */
  upstream = "";
  /** Endpoints tried. */
  attempts = 0;
  readonly fromClient = { bytes: 0 };
  readonly fromUpstream = { bytes: 0 };
  readonly #openedAt = performance.now();
  readonly #close: (record: ConnectionRecord) => void;

  constructor(service: string, client: string, close: (record: ConnectionRecord) => void) {
    this.service = service;
    this.client = client;
    this.#close = close;
  }

  /** Milliseconds since the connection was accepted. */
  get age(): number {
    return performance.now() - this.#openedAt;
  }

  [Symbol.dispose](): void {
    this.#close(this);
  }
}

export class ServiceLedger {
  readonly name: string;
  readonly #open = new Set<ConnectionRecord>();
  #accepted = 0;
  #failed = 0;
  #refused = 0;
  #bytesFromClient = 0;
  #bytesFromUpstream = 0;

  constructor(name: string) {
    this.name = name;
  }

  open(client: string): ConnectionRecord {
    const record = new ConnectionRecord(this.name, client, this.#close);
    this.#accepted += 1;
    this.#open.add(record);
    return record;
  }

  connectionFailed(): void {
    this.#failed += 1;
  }

  connectionRefused(): void {
    this.#refused += 1;
  }

  /** Adds up the figures: closed connections are summed already, open ones are asked. */
  figures(): ServiceFigures {
    let bytesFromClient = this.#bytesFromClient;
    let bytesFromUpstream = this.#bytesFromUpstream;
    for (const record of this.#open) {
      bytesFromClient += record.fromClient.bytes;
      bytesFromUpstream += record.fromUpstream.bytes;
    }
    return {
      name: this.name,
      accepted: this.#accepted,
      active: this.#open.size,
      failed: this.#failed,
      refused: this.#refused,
      bytesFromClient,
      bytesFromUpstream,
    };
  }

  readonly #close = (record: ConnectionRecord): void => {
    if (!this.#open.delete(record)) return;
    this.#bytesFromClient += record.fromClient.bytes;
    this.#bytesFromUpstream += record.fromUpstream.bytes;
  };
}
