/** Changes the state of an endpoint only after several checks agree. */

/** `unknown` until the first result. */
export type HealthState = "unknown" | "up" | "down";

export class Hysteresis {
  readonly #rise: number;
  readonly #fall: number;
  #state: HealthState = "unknown";
  /** Consecutive results against the current state. */
  #against = 0;

  /** Consecutive good results that bring it up, and bad ones that take it down; both at least 1. */
  constructor(rise: number, fall: number) {
    this.#rise = rise;
    this.#fall = fall;
  }

  get state(): HealthState {
    return this.#state;
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
