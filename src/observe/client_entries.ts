/**
 * The memory of a table of clients: a header, and entries of fixed size that are found by hash.
 *
 * A client's entry is in one of the {@linkcode PROBES} places that begin at the one its hash names; a place that was
 * never used ends the search. An entry is idle when its client has nothing open and may come as fast as if it had
 * never come before: then it says nothing that matters, and another client gets its place. Places never become unused
 * again, so that no search ends before the entry it is for. The hash is seeded by chance, so that nobody can choose
 * addresses that crowd the places of another client.
 *
 * Everything here is to be called while holding {@linkcode ClientEntries.lock}. A thread can be terminated at any
 * point, so every single write leaves the entries right: one is nobody's while its key changes.
 */

import type { CellRate } from "./cell_rate.ts";
import { SharedLock } from "./shared_lock.ts";

/** Equal for addresses that count as one client. Numbers of 32 bits. */
export interface TableKey {
  readonly family: number;
  readonly high: number;
  readonly low: number;
}

/** While half of the places are taken, fewer than one client in a million finds none of so many free. */
const PROBES = 64;
const PLACES_PER_CLIENT = 2;

/** Words of 32 bits before the first entry. */
const LOCK = 0;
const SEED = 1;
const HEADER = 2;
/** Words of an entry: the key, the state, and in two words the state of its {@linkcode CellRate}. */
const HIGH = 0;
const LOW = 1;
const FAMILY = 2;
const STATE = 3;
const DUE = 4;
const ENTRY = 6;

/** The state of a place that was never used is 0, of an entry with a key this plus its open connections, … */
const USED = 1 << 30;
/** … and of one that has lost its key this. */
const NOBODY = 1 << 29;
const COUNT = NOBODY - 1;

export class ClientEntries {
  readonly lock: SharedLock;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #numbers: Float64Array<SharedArrayBuffer>;
  readonly #rate: CellRate | undefined;
  readonly #places: number;
  readonly #probes: number;

  /**
   * @param memory For how many clients to make it, or the memory of entries made elsewhere.
   * @param rate What decides when an entry is idle; undefined when only its open connections do.
   * @throws {RangeError} when the memory is no positive whole number of clients.
   */
  constructor(memory: number | SharedArrayBuffer, rate: CellRate | undefined) {
    this.#words = new Int32Array(typeof memory === "number" ? newMemory(memory) : memory);
    this.#numbers = new Float64Array(this.#words.buffer);
    this.#rate = rate;
    this.#places = (this.#words.length - HEADER) / ENTRY;
    if (!Number.isInteger(this.#places) || this.#places < 1) {
      throw new RangeError("Cannot share a table of clients: expected the memory of one");
    }
    this.#probes = Math.min(PROBES, this.#places);
    this.lock = new SharedLock(this.#words, LOCK);
  }

  get buffer(): SharedArrayBuffer {
    return this.#words.buffer;
  }

  /** The entry of a client, if it has one. */
  find(key: TableKey): number | undefined {
    const words = this.#words;
    let place = this.#home(key);
    for (let probe = 0; probe < this.#probes; probe++) {
      const entry = HEADER + place * ENTRY;
      const state = words[entry + STATE]!;
      if (state === 0) return undefined;
      const isSame = words[entry + LOW] === (key.low | 0) && words[entry + HIGH] === (key.high | 0) &&
        words[entry + FAMILY] === (key.family | 0);
      if (isSame && state !== NOBODY) return entry;
      place = place + 1 === this.#places ? 0 : place + 1;
    }
    return undefined;
  }

  /** An entry that a client can have that has none, to be taken with {@linkcode assign}; undefined when all are busy. */
  findFree(key: TableKey, time: number): number | undefined {
    let place = this.#home(key);
    for (let probe = 0; probe < this.#probes; probe++) {
      const entry = HEADER + place * ENTRY;
      const state = this.#words[entry + STATE]!;
      if ((state & USED) === 0) return entry;
      if ((state & COUNT) === 0 && this.due(entry, time) <= time) return entry;
      place = place + 1 === this.#places ? 0 : place + 1;
    }
    return undefined;
  }

  /** Makes an entry that of another client, which is nobody's until {@linkcode setOpen}. */
  assign(entry: number, { high, low, family }: TableKey): void {
    Atomics.store(this.#words, entry + STATE, NOBODY);
    this.#words[entry + HIGH] = high;
    this.#words[entry + LOW] = low;
    this.#words[entry + FAMILY] = family;
  }

  /** Connections that are open. */
  open(entry: number): number {
    return this.#words[entry + STATE]! & COUNT;
  }

  setOpen(entry: number, count: number): void {
    Atomics.store(this.#words, entry + STATE, USED | count);
  }

  /** The state of the client's rate, which forgets a clock that was set back; 0 without a rate. */
  due(entry: number, time: number): number {
    if (this.#rate === undefined) return 0;
    const due = this.#rate.settle(this.#numbers[numberAt(entry)]!, time);
    this.setDue(entry, due);
    return due;
  }

  setDue(entry: number, due: number): void {
    this.#numbers[numberAt(entry)] = due;
  }

  /** Where the search for a client begins: its hash, mixed as MurmurHash3 does. */
  #home({ high, low, family }: TableKey): number {
    let hash = this.#words[SEED]!;
    hash = mix(hash, high);
    hash = mix(hash, low);
    hash = mix(hash, family);
    hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
    hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
    return ((hash ^ hash >>> 16) >>> 0) % this.#places;
  }
}

function newMemory(capacity: number): SharedArrayBuffer {
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`Cannot make a table of ${capacity} clients: expected a whole number above 0`);
  }
  const length = HEADER + capacity * PLACES_PER_CLIENT * ENTRY;
  const words = new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
  words[SEED] = crypto.getRandomValues(new Int32Array(1))[0]!;
  return words.buffer;
}

/** The index of a number of 64 bits in an entry, whose own index is in words of 32. */
function numberAt(entry: number): number {
  return (entry + DUE) / 2;
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51);
  const mixed = hash ^ Math.imul(scrambled << 15 | scrambled >>> 17, 0x1b873593);
  return Math.imul(mixed << 13 | mixed >>> 19, 5) + 0xe6546b64 | 0;
}
