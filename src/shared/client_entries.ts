/**
 * The memory of a table of clients: a header, and entries of fixed size that are found by hash.
 *
 * A client's entry is in one of {@linkcode PROBES} places from the one that its hash names; a place that was never used
 * ends the search. An entry is idle when its client has nothing open and its rate has recovered: then it holds nothing
 * that matters, and another client may take its place. Places never become unused again, so that no search ends before
 * the entry it is for. The hash has a random seed, so that no attacker can choose addresses that fill the places of
 * another client.
 *
 * A client's open connections are counted in shares, one for each thread, so that the supervisor can take out the
 * share of a dead worker. Their sum is added up when it is needed: a stored sum could be wrong.
 *
 * Hold {@linkcode ClientEntries.lock} to call any of this. Should a thread stop at any point all the same, every single
 * write leaves the entries right: an entry belongs to no client while its key changes, then to its client with nothing
 * open, and a connection is counted in one write.
 */

import type { RateConfig } from "../config/config.ts";
import { Gcra } from "./gcra.ts";
import { SharedLock } from "./shared_lock.ts";
import { WorkerEpoch } from "./worker_epoch.ts";

/** Addresses with the same key count as one client. Numbers of 32 bits. */
export interface TableKey {
  readonly family: number;
  readonly high: number;
  readonly low: number;
}

/** While half of the places are taken, fewer than one client in a million finds none of these free. */
const PROBES = 64;
const PLACES_PER_CLIENT = 2;

/** 32-bit words before the first entry: these, two of which hold the time unit of rate states. */
const LOCK = 0;
const SEED = 1;
const UNIT = 2;
const HEADER = 4;
/** Units of time per second, for a table made without a rate. */
const MILLISECONDS = 1000;
/** Words of an entry: the key, the state, in two words the state of its {@linkcode Gcra}, and the shares. */
const HIGH = 0;
const LOW = 1;
const FAMILY = 2;
const STATE = 3;
const DUE = 4;
const SHARES = 6;

/** The state of a place that was never used is 0, of an entry with a key this, … */
const USED = 1;
/** … and of one whose key is being changed this. */
const KEYLESS = 2;

/** The user of the entries. */
export interface ClientEntriesPlace {
  /** The epoch of the thread whose connections are counted here. */
  readonly epoch?: WorkerEpoch | undefined;
  /** The memory of entries of the same size in another thread, to share it. */
  readonly memory?: SharedArrayBuffer | undefined;
  /** Milliseconds since 1970, the same in all threads. */
  readonly now?: (() => number) | undefined;
}

export class ClientEntries {
  readonly lock: SharedLock;
  /** Undefined when an entry is idle as soon as its client has nothing open. */
  readonly rate: Gcra | undefined;
  /** For the entries of other threads. */
  readonly memory: SharedArrayBuffer;
  readonly places: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #numbers: Float64Array<SharedArrayBuffer>;
  readonly #epoch: WorkerEpoch;
  /** Words of an entry. */
  readonly #width: number;
  readonly #probes: number;

  /**
   * @param clients Clients at the same time. More fit in, until one finds no place.
   * @param rate The rate per client. It may differ from the rate before a reload: what clients have spent stays spent.
   * @throws {RangeError} when the size or the rate is invalid, or the memory is not of that size.
   */
  constructor(
    clients: number,
    rate: RateConfig | undefined,
    { epoch = new WorkerEpoch(), memory, now }: ClientEntriesPlace = {},
  ) {
    if (!Number.isInteger(clients) || clients < 1) {
      throw new RangeError(`Cannot make a table of ${clients} clients: expected a whole number above 0`);
    }
    this.places = clients * PLACES_PER_CLIENT;
    this.#width = even(SHARES + epoch.threads);
    const bytes = (HEADER + this.places * this.#width) * Int32Array.BYTES_PER_ELEMENT;
    this.memory = memory ?? new SharedArrayBuffer(bytes);
    if (this.memory.byteLength !== bytes) {
      throw new RangeError(`Cannot count clients in ${this.memory.byteLength} bytes: expected ${bytes}`);
    }
    this.#words = new Int32Array(this.memory);
    this.#numbers = new Float64Array(this.memory);
    if (memory === undefined) {
      this.#words[SEED] = crypto.getRandomValues(new Int32Array(1))[0]!;
      this.#numbers[UNIT / 2] = rate?.rate ?? MILLISECONDS;
    }
    this.rate = rate && new Gcra(rate, now, this.#numbers[UNIT / 2]);
    this.#epoch = epoch;
    this.#probes = Math.min(PROBES, this.places);
    this.lock = new SharedLock(this.#words, LOCK);
  }

  /** False once the supervisor has ended the worker's epoch. */
  get isCurrent(): boolean {
    return this.#epoch.isCurrent;
  }

  /** The entry of a client, if it has one. */
  find(key: TableKey): number | undefined {
    const words = this.#words;
    let place = this.#home(key);
    for (let probe = 0; probe < this.#probes; probe++) {
      const entry = HEADER + place * this.#width;
      const state = words[entry + STATE]!;
      if (state === 0) return undefined;
      const isSame = words[entry + LOW] === (key.low | 0) && words[entry + HIGH] === (key.high | 0) &&
        words[entry + FAMILY] === (key.family | 0);
      if (isSame && state === USED) return entry;
      place = place + 1 === this.places ? 0 : place + 1;
    }
    return undefined;
  }

  /** An entry for a client that has none, to take with {@linkcode assign}; undefined when all are busy. */
  findFree(key: TableKey, time: number): number | undefined {
    let place = this.#home(key);
    for (let probe = 0; probe < this.#probes; probe++) {
      const entry = HEADER + place * this.#width;
      const state = this.#words[entry + STATE]!;
      if (state !== USED) return entry;
      if (this.open(entry) === 0 && this.due(entry, time) <= time) return entry;
      place = place + 1 === this.places ? 0 : place + 1;
    }
    return undefined;
  }

  /** Gives an entry to a client. */
  assign(entry: number, { high, low, family }: TableKey): void {
    Atomics.store(this.#words, entry + STATE, KEYLESS);
    this.#words[entry + HIGH] = high;
    this.#words[entry + LOW] = low;
    this.#words[entry + FAMILY] = family;
    this.setDue(entry, 0);
    Atomics.store(this.#words, entry + STATE, USED);
  }

  /** The client's open connections in all threads. */
  open(entry: number): number {
    let open = 0;
    for (let thread = 0; thread < this.#epoch.threads; thread++) {
      open += this.#words[entry + SHARES + thread]!;
    }
    return open;
  }

  /** Its open connections in this thread. */
  own(entry: number): number {
    return this.#words[entry + SHARES + this.#epoch.thread]!;
  }

  setOwn(entry: number, count: number): void {
    Atomics.store(this.#words, entry + SHARES + this.#epoch.thread, count);
  }

  /** Takes the connections of a dead worker off the clients in some places. */
  forget(thread: number, from: number, to: number): void {
    for (let place = from; place < Math.min(to, this.places); place++) {
      this.#words[HEADER + place * this.#width + SHARES + thread] = 0;
    }
  }

  /** The state of the client's rate, clamped in case the clock was set back; 0 without a rate. */
  due(entry: number, time: number): number {
    if (this.rate === undefined) return 0;
    const due = this.rate.clamp(this.#numbers[numberAt(entry)]!, time);
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
    return ((hash ^ hash >>> 16) >>> 0) % this.places;
  }
}

function even(words: number): number {
  return Math.ceil(words / 2) * 2;
}

/** The index of the 64-bit number in an entry, whose own index is in 32-bit words. */
function numberAt(entry: number): number {
  return (entry + DUE) / 2;
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51);
  const mixed = hash ^ Math.imul(scrambled << 15 | scrambled >>> 17, 0x1b873593);
  return Math.imul(mixed << 13 | mixed >>> 19, 5) + 0xe6546b64 | 0;
}
