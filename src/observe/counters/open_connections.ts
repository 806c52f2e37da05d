/** The open connections of one thread, and their ids. */

import { LinkedList } from "../../net/linked_list.ts";
import { ConnectionIds, type ConnectionNumbers, type ConnectionRecord } from "./ledger.ts";

/** Memory for {@linkcode ConnectionNumbers}. */
export function newConnectionNumbers(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * Float64Array.BYTES_PER_ELEMENT);
}

/** In the order of acceptance. */
export class OpenConnections extends LinkedList<ConnectionRecord> {
  readonly ids: ConnectionIds;

  constructor(numbers: ConnectionNumbers = { thread: 0, threads: 1, memory: newConnectionNumbers(1) }) {
    super();
    this.ids = new ConnectionIds(numbers);
  }

  find(id: number): ConnectionRecord | undefined {
    return this.all().find((record) => record.id === id);
  }
}
