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
  /** Connections that were not let in, in all and by reason. */
  readonly refused: number;
  readonly refusedBy: Readonly<Record<string, number>>;
  readonly bytesFromClient: number;
  readonly bytesFromUpstream: number;
}

/** The account of one connection. Open from accept to close; disposing of it closes it. */
export class ConnectionRecord implements Disposable {
  readonly service: string;
  /** Whose connection it is: the peer, or who a PROXY header says. */
  client: string;
  /** The peer, where a PROXY header told of another client. */
  peer: string | undefined;
  /** The name that the client asked for in its ClientHello. */
  serverName: string | undefined;
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
  readonly #refusedBy = new Map<string, number>();
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

  connectionRefused(code: string): void {
    this.#refusedBy.set(code, (this.#refusedBy.get(code) ?? 0) + 1);
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
      refused: this.#refusedBy.values().reduce((sum, count) => sum + count, 0),
      refusedBy: Object.fromEntries(this.#refusedBy),
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
