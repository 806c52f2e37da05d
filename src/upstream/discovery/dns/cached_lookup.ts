/** The last good answer of DNS for a name, kept until a newer one arrives. */

/** Bounds for the lifetime of an answer, whatever its TTL, in milliseconds. */
const SHORTEST_TTL = 1000;
const LONGEST_TTL = 5 * 60_000;

export interface Asking {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** When to look up again, as `now()`, if an answer has no TTL or the lookup failed. */
  nextTurn(): number;
  /** A name could not be looked up. */
  onError(name: string, error: unknown): void;
  /** A name was looked up. */
  onAnswer(name: string): void;
  /** A name is in no answer any more, and is not looked up again. */
  onForgotten(name: string): void;
  readonly signal: AbortSignal;
}

export interface Answer<Value> {
  readonly value: Value;
  /** Milliseconds; undefined if unknown, Infinity where no server was asked. */
  readonly ttl: number | undefined;
}

export class CachedLookup<Value> {
  readonly #name: string;
  readonly #asking: Asking;
  readonly #lookUp: (last: Value | undefined) => Promise<Answer<Value>>;
  #value: Value | undefined;
  #due = -Infinity;

  /** @param lookUp Gets the last good answer; throws if there is no new one. */
  constructor(name: string, asking: Asking, lookUp: (last: Value | undefined) => Promise<Answer<Value>>) {
    this.#name = name;
    this.#asking = asking;
    this.#lookUp = lookUp;
  }

  /** The last good answer; undefined before the first. */
  get value(): Value | undefined {
    return this.#value;
  }

  /** When to look up again, as {@linkcode Asking.now}. */
  get due(): number {
    return this.#due;
  }

  /**
   * Looks the name up if that is due, and reports how that went unless it was stopped. Never rejects.
   */
  async ask(): Promise<void> {
    const asking = this.#asking;
    if (asking.now() < this.#due) return;
    let isAnswer: boolean;
    try {
      const { value, ttl } = await this.#lookUp(this.#value);
      this.#value = value;
      isAnswer = ttl !== Infinity;
      // A NaN would make the answer always due.
      this.#due = ttl === undefined || Number.isNaN(ttl)
        ? asking.nextTurn()
        : asking.now() + Math.min(Math.max(ttl, SHORTEST_TTL), LONGEST_TTL);
    } catch (error) {
      this.#due = asking.nextTurn();
      if (!asking.signal.aborted) asking.onError(this.#name, error);
      return;
    }
    if (isAnswer && !asking.signal.aborted) asking.onAnswer(this.#name);
  }
}
