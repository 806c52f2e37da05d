/**
 * The endpoint that every new client of a group goes to (`stick: endpoint`), in memory that all threads read. Only the
 * supervisor writes it, so all threads agree at any moment, whatever messages are still on their way to them.
 */

const PENDING = 0;
const NONE = -1;

/** The cells of all groups, by the number of a group. */
export class StuckEndpoints {
  /** For other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array<SharedArrayBuffer>;

  constructor(groups: number, memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(groups * Int32Array.BYTES_PER_ELEMENT);
    this.#cells = new Int32Array(this.memory);
  }

  at(group: number): StuckEndpoint {
    return new StuckEndpoint(this.#cells, group);
  }
}

export class StuckEndpoint {
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #group: number;

  constructor(cells: Int32Array<SharedArrayBuffer>, group: number) {
    this.#cells = cells;
    this.#group = group;
  }

  /** The number of the endpoint; `pending` before one is chosen, `none` while an operator has taken out all. */
  get id(): number | "pending" | "none" {
    const word = Atomics.load(this.#cells, this.#group);
    return word === PENDING ? "pending" : word === NONE ? "none" : word - 1;
  }

  set id(id: number | "pending" | "none") {
    Atomics.store(this.#cells, this.#group, id === "pending" ? PENDING : id === "none" ? NONE : id + 1);
  }
}
