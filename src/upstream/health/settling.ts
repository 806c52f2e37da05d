/** Decides how long the first clients of a group wait for the results of its health checks. */

import { abortable } from "../../net/timers/abortable.ts";

/**
 * Once one endpoint is up, the others have this many milliseconds for their first results. Otherwise all clients would
 * at first go to the endpoint that answered first, and long connections would stay there.
 */
const GRACE = 100;

/** The state of a group. */
export interface Findings {
  /** An endpoint is known to work. */
  readonly hasUsable: boolean;
  /** More results are expected soon. */
  readonly isPending: boolean;
}

export class Settling {
  #findings: Findings = { hasUsable: false, isPending: true };
  /** An endpoint is up, and the grace period is over or was not needed. */
  #isOver = false;
  #grace: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting = new Set<() => void>();
  /** Whether clients need not wait any more. */
  isSettled = false;

  /** Resolves when {@linkcode isSettled} is true, or when `signal` aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await abortable(promise, signal).catch(() => {});
    this.#waiting.delete(resolve);
  }

  /** Updates the state. */
  update(findings: Findings): void {
    const { hasUsable, isPending } = this.#findings = findings;
    if (!hasUsable) this.#isOver = false;
    else if (!isPending) this.#isOver = true;
    if (hasUsable && isPending && !this.#isOver) this.#grace ??= setTimeout(this.#onOver, GRACE);
    else this.#endGrace();
    this.isSettled = !isPending || this.#isOver;
    if (!this.isSettled) return;
    for (const resolve of this.#waiting) resolve();
  }

  readonly #onOver = (): void => {
    this.#isOver = true;
    this.update(this.#findings);
  };

  #endGrace(): void {
    clearTimeout(this.#grace);
    this.#grace = undefined;
  }
}
