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
  readonly bytesFromClient: number;
  readonly bytesFromUpstream: number;
}

/** The account of one connection. Open from accept to close; disposing of it closes it. */
export class ConnectionRecord implements Disposable {
  readonly service: string;
  readonly client: string;
  readonly upstream: string;
  readonly fromClient = { bytes: 0 };
  readonly fromUpstream = { bytes: 0 };
  readonly #openedAt = performance.now();
  readonly #close: (record: ConnectionRecord) => void;

  constructor(service: string, client: string, upstream: string, close: (record: ConnectionRecord) => void) {
    this.service = service;
    this.client = client;
    this.upstream = upstream;
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
  #bytesFromClient = 0;
  #bytesFromUpstream = 0;

  constructor(name: string) {
    this.name = name;
  }

  open(client: string, upstream: string): ConnectionRecord {
    const record = new ConnectionRecord(this.name, client, upstream, this.#close);
    this.#accepted += 1;
    this.#open.add(record);
    return record;
  }

  connectionFailed(): void {
    this.#failed += 1;
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
