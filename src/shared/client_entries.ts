/**
 * The memory of a table of clients: a header, and entries of fixed size that are found by hash.
 *
 * A client's hash gives its first place; its entry is there or in one of the following {@linkcode PROBES} - 1 places. A
 * search ends at a place that was never used. A place never becomes unused again, so no search ends before the entry
 * that it looks for. An entry is idle when its client has no open connection and its rate has recovered: it then holds
 * nothing that matters, and another client may take its place. The hash has a random seed, so that no attacker can
 * choose addresses that fill the places of another client.
 *
 * Each thread counts a client's open connections in a share of its own, so that the supervisor can take out the share
 * of a dead worker. The sum is computed when it is needed, because a stored sum could be wrong.
 *
 * Hold {@linkcode ClientEntries.lock} to call any of this. If a thread dies while it holds the lock, the entries are
 * still right, because every single write leaves them so: an entry belongs to no client while its key changes, then to
 * its client with no open connection, and one write counts a connection.
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

/** With half of the places taken, fewer than one client in a million finds none of these free. */
const PROBES = 64;
const PLACES_PER_CLIENT = 2;

/** Indexes of 32-bit words before the first entry; the time unit of rate states takes two of them. */
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

/** The state of an entry with a key. That of a place that was never used is 0. */
const USED = 1;
/** The state of an entry whose key is being changed. */
const KEYLESS = 2;

/** The user of the entries. */
export interface ClientEntriesPlace {
  /** The epoch of the thread whose connections are counted. */
  readonly epoch?: WorkerEpoch | undefined;
  /** The memory of entries of the same size in another thread, to share it. */
  readonly memory?: SharedArrayBuffer | undefined;
  /** Milliseconds since 1970, the same in all threads. */
  readonly now?: (() => number) | undefined;
}

export class ClientEntries {
  readonly lock: SharedLock;
  /** Undefined without a rate: an entry is idle as soon as its client has no open connection. */
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
   * @param clients The number of clients at the same time. More fit in, until one finds no free place.
   * @param rate The rate per client. It may differ from that before a reload; clients keep what they have used of it.
   */
  constructor(
    clients: number,
    rate: RateConfig | undefined,
    { epoch = new WorkerEpoch(), memory, now }: ClientEntriesPlace = {},
  ) {
    this.places = clients * PLACES_PER_CLIENT;
    this.#width = even(SHARES + epoch.threads);
    const bytes = (HEADER + this.places * this.#width) * Int32Array.BYTES_PER_ELEMENT;
    this.memory = memory ?? new SharedArrayBuffer(bytes);
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

  /** Finds an entry for a client that has none; {@linkcode assign} takes it. Undefined when all places are busy. */
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

  /** Removes the connections of a dead worker from the clients in the places from `from` to below `to`. */
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

  /** The first place of a client: its hash, mixed as in MurmurHash3. */
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
