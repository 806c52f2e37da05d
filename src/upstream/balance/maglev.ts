/**
 * Maglev consistent hashing: D. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI
 * 2016, section 3.4. Members fill a table in turns, each in an order that its key determines. So each gets its share of
 * the slots, and keeps nearly all of them when another member is added or removed. The table depends only on keys and
 * weights. Any change here makes proxies of different versions disagree.
 */

export interface Member {
  readonly key: string;
  /** Share of the slots, in proportion to the others' weights. */
  readonly weight: number;
}

/**
 * The number of slots: a prime, so that every step visits all of them. With up to 655 members of equal weight, shares
 * differ by 1 % at most. A number that grew with the members would move every client at each growth.
 */
const SIZE = 65_537;
const EMPTY = -1;
/** Any two numbers, for two independent hashes of a key. */
const OFFSET_SEED = 0x6f66_6673;
const STEP_SEED = 0x7374_6570;

export class MaglevTable {
  /** By slot: the index of its member. */
  readonly slots = new Int32Array(SIZE).fill(EMPTY);

  /** @param members In any order; at least one. */
  constructor(members: readonly Member[]) {
    fill(this.slots, members);
  }

  /** The index of the member for a name; another `attempt` most likely gives another member. */
  find(name: string, attempt: number): number {
    return this.slots[hash(name, attempt) % SIZE]!;
  }
}

function fill(slots: Int32Array, members: readonly Member[]): void {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const turns = members.map(({ key, weight }, index) => ({
    index,
    key,
    weight,
    credit: 0,
    slot: hash(key, OFFSET_SEED) % SIZE,
    step: hash(key, STEP_SEED) % (SIZE - 1) + 1,
  })).sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.weight - b.weight);
  for (let left = SIZE;;) {
    // Each round has as many turns as there are members: one each, when all have the same weight.
    for (const turn of turns) {
      turn.credit += turn.weight * members.length;
      for (; turn.credit >= total; turn.credit -= total) {
        turn.slot = freeSlot(slots, turn.slot, turn.step);
        slots[turn.slot] = turn.index;
        if (--left === 0) return;
      }
    }
  }
}

function freeSlot(slots: Int32Array, start: number, step: number): number {
  let slot = start;
  while (slots[slot] !== EMPTY) {
    slot += step;
    if (slot >= SIZE) slot -= SIZE;
  }
  return slot;
}

/**
 * MurmurHash3_x86_32 (Austin Appleby, public domain) of a text in UTF-16LE.
 *
 * @param seed 32 bits.
 * @returns 32 bits, unsigned.
 */
export function hash(text: string, seed: number): number {
  const even = text.length & ~1;
  let state = seed;
  for (let at = 0; at < even; at += 2) {
    state ^= scramble(text.charCodeAt(at) | text.charCodeAt(at + 1) << 16);
    state = Math.imul(state << 13 | state >>> 19, 5) + 0xe654_6b64 | 0;
  }
  if (even < text.length) state ^= scramble(text.charCodeAt(even));
  state ^= text.length * 2;
  state = Math.imul(state ^ state >>> 16, 0x85eb_ca6b);
  state = Math.imul(state ^ state >>> 13, 0xc2b2_ae35);
  return (state ^ state >>> 16) >>> 0;
}

function scramble(block: number): number {
  const product = Math.imul(block, 0xcc9e_2d51);
  return Math.imul(product << 15 | product >>> 17, 0x1b87_3593);
}
