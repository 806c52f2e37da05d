/** The last good answer of DNS for a name, kept until there is a newer one. */

/** Bounds for the lifetime of an answer, whatever its TTL, in milliseconds. */
const SHORTEST_TTL = 1000;
const LONGEST_TTL = 5 * 60_000;

export interface Asking {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** When to ask again, as `now()`, for what has no TTL or could not be looked up. */
  nextTurn(): number;
  /** A name cannot be looked up any more. */
  onError(name: string, error: unknown): void;
  /** It can again. */
  onRecovered(name: string): void;
  readonly signal: AbortSignal;
}

export interface Answer<Value> {
  readonly value: Value;
  /** Milliseconds; undefined when that is not known. */
  readonly ttl: number | undefined;
}

export class CachedLookup<Value> {
  readonly #name: string;
  readonly #asking: Asking;
  readonly #lookUp: (last: Value | undefined) => Promise<Answer<Value>>;
  #value: Value | undefined;
  #due = -Infinity;
  #isFailing = false;

  /** @param lookUp Is passed the last good answer; throws if it gets no new one. */
  constructor(name: string, asking: Asking, lookUp: (last: Value | undefined) => Promise<Answer<Value>>) {
    this.#name = name;
    this.#asking = asking;
    this.#lookUp = lookUp;
  }

  /** The last good answer; undefined before the first. */
  get value(): Value | undefined {
    return this.#value;
  }

  /** When to ask again, as {@linkcode Asking.now}. */
  get due(): number {
    return this.#due;
  }

  /** Looks the name up if that is due. Never rejects; reports the first failure in a row, and the end of them. */
  async ask(): Promise<void> {
    const asking = this.#asking;
    if (asking.now() < this.#due) return;
    const wasFailing = this.#isFailing;
    try {
      const { value, ttl } = await this.#lookUp(this.#value);
      this.#value = value;
      // A NaN would make the answer always due.
      this.#due = ttl === undefined || Number.isNaN(ttl)
        ? asking.nextTurn()
        : asking.now() + Math.min(Math.max(ttl, SHORTEST_TTL), LONGEST_TTL);
      this.#isFailing = false;
    } catch (error) {
      this.#due = asking.nextTurn();
      this.#isFailing = true;
      if (!wasFailing && !asking.signal.aborted) asking.onError(this.#name, error);
      return;
    }
    if (wasFailing) asking.onRecovered(this.#name);
  }
}
