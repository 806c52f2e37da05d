/** Open connections in several simulated threads, whose bytes a test moves. */

import { Accounts } from "../../../../src/observe/counters/accounts.ts";
import {
  type ConnectionRecord,
  type EndCode,
  type Relayed,
  ServiceLedger,
} from "../../../../src/observe/counters/ledger.ts";
import { newConnectionNumbers, OpenConnections } from "../../../../src/observe/counters/open_connections.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";
import { ConnectionEnder, type EndingQuery } from "../../../../src/upstream/ending/connection_ender.ts";
import type { EndingCalls } from "../../../../src/upstream/ending/end_some.ts";
import { openIn } from "../../observe/counters/ledger_alone.ts";

export const GROUP = "group";

/** A connection that is relayed. */
export class FakeRelay implements Relayed {
  activity = 0;
  isBusy = false;
  ended: EndCode | undefined;
  readonly #record: ConnectionRecord;

  constructor(record: ConnectionRecord) {
    this.#record = record;
  }

  get id(): number {
    return this.#record.id;
  }

  close(code: EndCode): void {
    this.ended = code;
    this.#record[Symbol.dispose]();
  }
}

/** Its methods answer as threads do. */
export class FakeRelays implements EndingCalls {
  readonly #ledgers: readonly ServiceLedger[];
  readonly #enders: readonly ConnectionEnder[];
  readonly #open: { readonly relay: FakeRelay; readonly endpoint: string }[] = [];
  /** What threads were asked. */
  readonly queries: EndingQuery[] = [];

  constructor(threads = 1) {
    const memory = newConnectionNumbers(threads);
    const accounts = new Accounts(
      { services: threads, upstreams: 0, endpoints: 0 },
      new WorkerEpoch({ threads }),
    );
    const all = Array.from(
      { length: threads },
      (_, thread) => new OpenConnections({ thread, threads, memory }),
    );
    this.#enders = all.map((connections) => new ConnectionEnder(connections));
    this.#ledgers = all.map((connections) =>
      new ServiceLedger("test", { row: accounts.services.claim()!, connections })
    );
  }

  /** Opens one to an endpoint of the group. */
  open(endpoint: string, thread = 0): FakeRelay {
    const record = openIn(this.#ledgers[thread]!);
    record.upstream = GROUP;
    record.endpoint = endpoint;
    const relay = record.relay = new FakeRelay(record);
    this.#open.push({ relay, endpoint });
    return relay;
  }

  /** One that is still connecting. */
  connecting(endpoint: string): ConnectionRecord {
    const record = openIn(this.#ledgers[0]!);
    record.upstream = GROUP;
    record.endpoint = endpoint;
    return record;
  }

  /** Open connections to an endpoint. */
  activeAt(key: string): number {
    return this.#open.filter(({ relay, endpoint }) => endpoint === key && relay.ended === undefined).length;
  }

  endable(query: EndingQuery) {
    this.queries.push(query);
    return Promise.resolve(this.#enders.map((ender) => ender.find(query)));
  }

  endConnections(ids: readonly number[], code: EndCode, idle: number) {
    return Promise.resolve(this.#enders.map((ender) => ender.end(ids, code, idle)));
  }
}
