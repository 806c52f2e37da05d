/** Changes the state of an endpoint only after several checks agree. */

/** `unknown` until the first result. */
export type HealthState = "unknown" | "up" | "down";

export class Hysteresis {
  readonly #rise: number;
  readonly #fall: number;
  #state: HealthState;
  /** Consecutive results against the current state. */
  #against = 0;

  /**
   * @param rise The number of consecutive good results that bring it up, at least 1.
   * @param fall That of bad ones that take it down.
   * @param state By earlier results.
   */
  constructor(rise: number, fall: number, state: HealthState = "unknown") {
    this.#rise = rise;
    this.#fall = fall;
    this.#state = state;
  }

  get state(): HealthState {
    return this.#state;
  }

  /** Whether more results are needed to know: the latest is against the state, or there is none. */
  get isChanging(): boolean {
    return this.#against > 0 || this.#state === "unknown";
  }

  /** Records a result; returns the new state if that changed it. The first result decides alone. */
  observe(good: boolean): "up" | "down" | undefined {
    const result = good ? "up" : "down";
    if (result === this.#state) {
      this.#against = 0;
      return undefined;
    }
    this.#against += 1;
    const needed = good ? this.#rise : this.#fall;
    if (this.#state !== "unknown" && this.#against < needed) return undefined;
    this.#against = 0;
    return this.#state = result;
  }
}
