/** Whose turn it is, for all threads: what a fair share is does not depend on the thread that a client has come to. */

import { SharedLock } from "../../shared/shared_lock.ts";
import type { Candidate } from "./policy.ts";

/** Credits closer than this are equal: they are sums of fractions and not exact. The earlier endpoint wins. */
const SAME = 1e-9;
/** Bytes before the first credit: the lock, and what it takes to begin at a multiple of eight. */
const HEADER = 8;

/** What each endpoint has earned, in picks: by its number, in memory that threads share. */
export class TurnCredits {
  readonly memory: SharedArrayBuffer;
  readonly lock: SharedLock;
  readonly credits: Float64Array;

  /**
   * @param endpoints Numbers are below this.
   * @param memory That of another thread, to share it.
   */
  constructor(endpoints: number, memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(HEADER + endpoints * Float64Array.BYTES_PER_ELEMENT);
    this.lock = new SharedLock(new Int32Array(this.memory, 0, 1), 0);
    this.credits = new Float64Array(this.memory, HEADER);
  }

  /** The number is another endpoint's from now on, which has earned nothing yet. */
  reset(endpoint: number): void {
    this.credits[endpoint] = 0;
  }
}

export class SmoothWeightedRoundRobin {
  readonly #shared: TurnCredits;
  /** By index: what other threads change while the choice is made is not looked at again. */
  readonly #isAllowed: boolean[] = [];

  constructor(shared: TurnCredits) {
    this.#shared = shared;
  }

  /** The next one that is allowed; undefined when none is. */
  next<Endpoint extends Candidate>(
    endpoints: readonly Endpoint[],
    isAllowed: (endpoint: Endpoint, index: number) => boolean,
  ): Endpoint | undefined {
    let total = 0;
    for (let index = 0; index < endpoints.length; index++) {
      const allowed = this.#isAllowed[index] = isAllowed(endpoints[index]!, index);
      if (allowed) total += endpoints[index]!.weight;
    }
    if (total === 0) return undefined;
    const { lock } = this.#shared;
    const holding = lock.acquire();
    try {
      return endpoints[this.#shareOnePick(endpoints, total)];
    } finally {
      lock.release(holding);
    }
  }

  /** Gives everyone who is allowed their share of a pick, and one of them the pick. */
  #shareOnePick(endpoints: readonly Candidate[], total: number): number {
    const { credits } = this.#shared;
    let next = -1;
    let most = -Infinity;
    for (let index = 0; index < endpoints.length; index++) {
      if (!this.#isAllowed[index]) continue;
      const { id, weight } = endpoints[index]!;
      const credit = credits[id] = credits[id]! + weight / total;
      if (credit <= most + SAME) continue;
      most = credit;
      next = index;
    }
    credits[endpoints[next]!.id]! -= 1;
    return next;
  }
}
