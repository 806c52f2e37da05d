/** How long the first clients of a group wait for what its health checks find. */

import { abortable } from "../net/abortable.ts";

/**
 * Milliseconds that the other endpoints have for their first results once one was found up. Without it all who come
 * meanwhile would go to the one that answered first, and those with long connections stay there.
 */
const GRACE = 100;

/** What is known of a group. */
export interface Findings {
  /** A client can go somewhere that is known to work. */
  readonly hasUsable: boolean;
  /** More will be known soon. */
  readonly isPending: boolean;
}

export class Settling {
  #findings: Findings = { hasUsable: false, isPending: true };
  /** There is one to go to, and the grace is over, or was not needed. */
  #isOver = false;
  #grace: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting = new Set<() => void>();

  /** Whether there is nothing to wait for. */
  get isSettled(): boolean {
    return !this.#findings.isPending || this.#isOver;
  }

  /** Resolves once it {@linkcode isSettled}, or when `signal` aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await abortable(promise, signal).catch(() => {});
    this.#waiting.delete(resolve);
  }

  /** This is known from now on. */
  update(findings: Findings): void {
    const { hasUsable, isPending } = this.#findings = findings;
    if (!hasUsable) this.#isOver = false;
    else if (!isPending) this.#isOver = true;
    if (hasUsable && isPending && !this.#isOver) this.#grace ??= setTimeout(this.#onOver, GRACE);
    else this.#endGrace();
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
