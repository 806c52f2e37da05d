/** Smooth weighted round robin over all threads: shares do not depend on which thread a client connects to. */

import { SharedLock } from "../../shared/shared_lock.ts";
import { type Candidate, shareOf } from "./policy.ts";

/** Credits closer than this are equal, because they are inexact sums of fractions. The earlier endpoint wins. */
const SAME = 1e-9;
/** Bytes before the first credit: the lock, and padding to a multiple of eight. */
const HEADER = 8;

/** The credit of each endpoint, in picks: by its number, in shared memory. */
export class TurnCredits {
  readonly memory: SharedArrayBuffer;
  readonly lock: SharedLock;
  readonly credits: Float64Array;

  /**
   * @param endpoints Numbers of endpoints are below this.
   * @param memory Of another thread.
   */
  constructor(endpoints: number, memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(HEADER + endpoints * Float64Array.BYTES_PER_ELEMENT);
    this.lock = new SharedLock(new Int32Array(this.memory, 0, 1), 0);
    this.credits = new Float64Array(this.memory, HEADER);
  }

  /** Another endpoint has this number now; its credit begins at 0. */
  reset(endpoint: number): void {
    this.credits[endpoint] = 0;
  }
}

export class SmoothWeightedRoundRobin {
  readonly #shared: TurnCredits;
  /** By index; 0 is not allowed. Read once: other threads change the credits during the choice. */
  readonly #shares: number[] = [];

  constructor(shared: TurnCredits) {
    this.#shared = shared;
  }

  /** The next allowed endpoint; undefined if there is none. */
  next<Endpoint extends Candidate>(
    endpoints: readonly Endpoint[],
    isAllowed: (endpoint: Endpoint, index: number) => boolean,
  ): Endpoint | undefined {
    let total = 0;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index]!;
      total += this.#shares[index] = isAllowed(endpoint, index) ? shareOf(endpoint) : 0;
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

  /** Each allowed endpoint earns its share of a pick; one of them is picked. */
  #shareOnePick(endpoints: readonly Candidate[], total: number): number {
    const { credits } = this.#shared;
    let next = -1;
    let most = -Infinity;
    for (let index = 0; index < endpoints.length; index++) {
      const share = this.#shares[index]!;
      if (share === 0) continue;
      const { id } = endpoints[index]!;
      const credit = credits[id] = credits[id]! + share / total;
      if (credit <= most + SAME) continue;
      most = credit;
      next = index;
    }
    credits[endpoints[next]!.id]! -= 1;
    return next;
  }
}
