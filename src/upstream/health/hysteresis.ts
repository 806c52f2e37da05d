/** Keeps an endpoint's state from following every single check. */

/** `unknown` until the first result. */
export type HealthState = "unknown" | "up" | "down";

export class Hysteresis {
  readonly #rise: number;
  readonly #fall: number;
  #state: HealthState = "unknown";
  /** Results in a row that speak against the state. */
  #against = 0;

  /** So many good results in a row bring it up, so many bad ones take it down; both at least 1. */
  constructor(rise: number, fall: number) {
    this.#rise = rise;
    this.#fall = fall;
  }

  get state(): HealthState {
    return this.#state;
  }

  /** Takes a result in and returns the new state when that changed it. The first result decides by itself. */
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
